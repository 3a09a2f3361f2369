"""What a set of clips can show at all: the smallest difference in WER that two models on these clips would be seen by.

The minimum detectable effect is (z[1 - alpha/2] + z[power]) times the standard error of the difference (Cohen,
"Statistical Power Analysis for the Behavioral Sciences", 2nd ed. 1988, ch. 2; Bloom, "Minimum Detectable Effects",
Evaluation Review 19(5), 1995). The standard error is that of a ratio of sums over clips, or over whole groups, by
linearization (Cochran, "Sampling Techniques", 3rd ed. 1977, 6.4), as in the paired comparison.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from pydantic import BaseModel

from acento.core.errors import InputError
from acento.scoring.statistics.bootstrap import Numbers, standard_error, sums_by_unit

ALPHA = 0.05
POWER = 0.8
CORRELATIONS = 0.5, 0.9
"""Of two models' errors over clips, where no second model was measured: of two families, or one tuned from the other.
They share their hard clips; the more so, the smaller a difference can be seen."""


class Detectable(BaseModel, frozen=True):
    """The smallest true difference in corpus WER that the clips would show, and what that rests on."""

    clips: int
    units: int
    """What is drawn: clips, or groups of them such as speakers."""
    unit: str
    difference: float
    """A fraction: 0.031 is 3.1 points."""
    standard_error: float
    """Of the difference between two models, a fraction."""
    correlation: float | None
    """What was assumed of the two models' errors; None where a second model was measured."""
    alpha: float
    power: float
    best_case: tuple[float, float] | None = None
    """A higher correlation that is as plausible, and the smaller difference that would then show; None where one
    correlation was asked for, or a second model was measured."""

    @property
    def sentence(self) -> str:
        """What a person should know before reading a difference."""
        counted = f"{self.clips} clips" + ("" if self.unit == "clip" else f" of {self.units} {self.unit}s")
        smallest = f"{100 * self.difference:.1f} points"
        if self.correlation is None:
            source = "from the measured differences between the two models"
        elif self.best_case is None:
            source = f"assuming that two models' errors correlate by {self.correlation:.2g}"
        else:
            correlation, difference = self.best_case
            smallest = f"{100 * difference:.1f} to {smallest}"
            source = f"as two models' errors correlate by {correlation:.2g} to {self.correlation:.2g}"
        return (
            f"With {counted} a difference below {smallest} could not be distinguished from "
            f"chance (two-sided {100 * self.alpha:.3g} %, power {100 * self.power:.3g} %, {source})."
        )

    def units_for(self, difference: float) -> int:
        """Return about how many units (clips or groups) like these would show a difference, a fraction.

        Raises:
            InputError: the difference is not above 0.
        """
        if not difference > 0:
            raise InputError(f"A difference of {difference} would need endless clips; ask for one above 0.")
        return max(2, math.ceil(self.units * (self.difference / difference) ** 2))


def detectable(
    errors: Numbers,
    lengths: Numbers,
    other: Numbers | None = None,
    *,
    groups: Sequence[str | None] | None = None,
    unit: str = "clip",
    correlation: float | None = None,
    alpha: float = ALPHA,
    power: float = POWER,
) -> Detectable | None:
    """Return the smallest difference that these clips would show.

    Args:
        errors: word errors of each clip by one model.
        lengths: reference words of each clip.
        other: word errors of each clip by a second model; None assumes one that errs as much and as unevenly.
        groups: a name for each clip; whole groups are drawn then, a clip without a name being a group of its own.
        unit: what a group is called in the sentence.
        correlation: of the two models' errors, where there is no second one (or it errs in just the same way); None
            takes the range of ``CORRELATIONS``, and the difference is that of the lower one.
        alpha: how often equal models may be called different, two-sided.
        power: how often the difference would be seen.

    Returns:
        None with fewer than two units, no reference words, or errors that do not vary at all.

    Raises:
        InputError: alpha, power or correlation is out of its range.
    """
    lower, higher = CORRELATIONS if correlation is None else (correlation, None)
    if not 0 < alpha < 1 or not alpha < power < 1 or not -1 <= lower < 1:
        raise InputError(
            "Power needs 0 < alpha < power < 1 and a correlation from -1 to below 1, "
            f"not {alpha}, {power} and {correlation}."
        )
    clips = np.column_stack([lengths, errors, errors if other is None else other]).astype(np.float64)
    words, own, others = sums_by_unit(clips, [None] * len(clips) if groups is None else groups).T
    if len(words) < 2 or not words.any():
        return None
    spread = standard_error(np.column_stack([own - others, words]))
    assumed = None if spread else lower
    if not spread:
        # var(a - b) = 2 (1 - correlation) var(a) where both vary alike
        spread = math.sqrt(2 * (1 - lower)) * standard_error(np.column_stack([own, words]))
    if not spread:
        return None
    z = NormalDist().inv_cdf
    difference = (z(1 - alpha / 2) + z(power)) * spread
    best_case = None
    if assumed is not None and higher is not None:
        best_case = higher, difference * math.sqrt((1 - higher) / (1 - lower))
    return Detectable(
        clips=len(clips),
        units=len(words),
        unit="clip" if groups is None else unit,
        difference=difference,
        standard_error=spread,
        correlation=assumed,
        alpha=alpha,
        power=power,
        best_case=best_case,
    )
