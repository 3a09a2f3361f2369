"""What a set of clips can show at all: the smallest difference in WER that two models on these clips would be seen by.

The minimum detectable effect is (z[1 - alpha/2] + z[power]) times the standard error of the difference (Cohen,
"Statistical Power Analysis for the Behavioral Sciences", 2nd ed. 1988, ch. 2; Bloom, "Minimum Detectable Effects",
Evaluation Review 19(5), 1995). The standard error is that of a ratio of sums over clips, or over whole groups, by
linearization (Cochran, "Sampling Techniques", 3rd ed. 1977, 6.4): what the paired bootstrap converges to.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from pydantic import BaseModel

from acento.core.errors import InputError
from acento.scoring.bootstrap import Floats, Numbers, sums_by_unit

ALPHA = 0.05
POWER = 0.8
CORRELATION = 0.5
"""Of two models' errors over clips, where no second model was measured. Models of one family share their hard clips, so
that it is seldom lower; the higher it is, the smaller a difference can be seen."""


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

    @property
    def sentence(self) -> str:
        """What a person should know before reading a difference."""
        counted = f"{self.clips} clips" + ("" if self.unit == "clip" else f" of {self.units} {self.unit}s")
        source = (
            "from the measured differences between the two models"
            if self.correlation is None
            else f"assuming that two models' errors correlate by {self.correlation:.2g}"
        )
        return (
            f"With {counted} a difference below {100 * self.difference:.1f} points could not be distinguished from "
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
    correlation: float = CORRELATION,
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
        correlation: of the two models' errors, where there is no second one (or it errs in just the same way).
        alpha: how often equal models may be called different, two-sided.
        power: how often the difference would be seen.

    Returns:
        None with fewer than two units, no reference words, or errors that do not vary at all.

    Raises:
        InputError: alpha, power or correlation is out of its range.
    """
    if not 0 < alpha < 1 or not alpha < power < 1 or not -1 <= correlation < 1:
        raise InputError(
            "Power needs 0 < alpha < power < 1 and a correlation from -1 to below 1, "
            f"not {alpha}, {power} and {correlation}."
        )
    clips = np.column_stack([lengths, errors, errors if other is None else other]).astype(np.float64)
    words, own, others = sums_by_unit(clips, [None] * len(clips) if groups is None else groups).T
    if len(words) < 2 or not words.any():
        return None
    spread = _standard_error(own - others, words)
    assumed = None if spread else correlation
    if not spread:
        # var(a - b) = 2 (1 - correlation) var(a) where both vary alike
        spread = math.sqrt(2 * (1 - correlation)) * _standard_error(own, words)
    if not spread:
        return None
    z = NormalDist().inv_cdf
    return Detectable(
        clips=len(clips),
        units=len(words),
        unit="clip" if groups is None else unit,
        difference=(z(1 - alpha / 2) + z(power)) * spread,
        standard_error=spread,
        correlation=assumed,
        alpha=alpha,
        power=power,
    )


def _standard_error(numerators: Floats, denominators: Floats) -> float:
    """Return the standard error of sum(numerators) / sum(denominators) over units drawn at random."""
    units, total = len(denominators), float(denominators.sum())
    residuals = numerators - denominators * (float(numerators.sum()) / total)
    residuals[np.abs(residuals) < 1e-12 * max(1.0, float(np.abs(numerators).max()))] = 0.0
    return math.sqrt(units / (units - 1) * float(residuals @ residuals)) / total
