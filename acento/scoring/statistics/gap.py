"""The gap between the best and the worst group, such as speakers or accents, with an interval that covers it.

The largest of many differences is large by chance alone, and an interval of the two groups that happen to be best and
worst says nothing of that. So every pair of groups gets an interval, all of them valid at once (Tukey & Kramer's
comparison of all pairs, with the standard error of a ratio of sums): the gap is between the largest of the lower ends
and the largest of the upper ends. Kramer, "Extension of multiple range tests to group means with unequal numbers of
replications", Biometrics 12 (1956); Cochran, "Sampling Techniques", 1977, 6.3, for the ratio's error.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Unpack

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from acento.scoring.statistics.bootstrap import LEVEL, RESAMPLES, Draws, Floats, Numbers, sums_by_unit

LEAST_CLIPS = 10
"""Groups with fewer clips are left out."""
_CELLS = 200_000_000
"""Pairs of groups times draws, at most: with 1000 groups 400 draws are taken, not 2000."""


class Gap(BaseModel, frozen=True):
    """How much more a system errs on its worst group than on its best: a difference of rates, fractions."""

    best: str
    worst: str
    groups: int
    """Those with at least ``LEAST_CLIPS`` clips, compared with each other."""
    delta: float
    low: float
    """0 where the groups may all be alike."""
    high: float

    @property
    def tells_apart(self) -> bool:
        """Whether the clips suffice to say that some group is worse than another."""
        return self.low > 0


def gap(
    errors: Numbers,
    lengths: Numbers,
    names: Sequence[str | None],
    *,
    least_clips: int = LEAST_CLIPS,
    **draws: Unpack[Draws],
) -> Gap | None:
    """Return the gap between the best and the worst group; None with fewer than two groups that can be judged.

    >>> found = gap([0, 1] * 20 + [3, 4] * 20, [10] * 80, ["north"] * 40 + ["south"] * 40)
    >>> found.best, found.worst, round(found.delta, 3), found.tells_apart
    ('north', 'south', 0.3, True)

    Args:
        errors: of each clip.
        lengths: reference words (or characters) of each clip.
        names: of each clip's group; clips of None are left out.
        least_clips: groups with fewer are left out.
        draws: as everywhere; with ``groups=speakers`` speakers are what varies inside a group, else clips. A group that
            has fewer than two of them, or no reference word, is left out.
    """
    clips = np.column_stack([errors, lengths]).astype(np.float64)
    speakers = draws.get("groups") or [None] * len(names)
    owned: dict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        if name is not None:
            owned[name].append(place)
    judged: dict[str, Floats] = {}
    for name, places in sorted(owned.items()):
        rows = sums_by_unit(clips[places], [speakers[place] for place in places])
        if len(places) >= least_clips and len(rows) > 1 and rows[:, 1].any():
            judged[name] = rows
    if len(judged) < 2:
        return None
    compared = [*judged]
    rates, spread = (np.array(column) for column in zip(*map(_rate_and_error, judged.values()), strict=True))
    spread = _steadied(spread, [*judged.values()])
    freedom = np.array([len(rows) - 1 for rows in judged.values()])
    pairs = np.triu_indices(len(compared), 1)
    width = _critical(spread, freedom, draws) * np.hypot(*(spread[side] for side in pairs))
    differences = np.abs(rates[pairs[0]] - rates[pairs[1]])
    best, worst = int(np.argmin(rates)), int(np.argmax(rates))
    return Gap(
        best=compared[best],
        worst=compared[worst],
        groups=len(compared),
        delta=float(rates[worst] - rates[best]),
        low=float(np.max(differences - width, initial=0.0)),
        high=float(np.max(differences + width)),
    )


def _rate_and_error(rows: Floats) -> tuple[float, float]:
    """Return a group's rate and its standard error, from how its speakers or clips depart from the rate."""
    errors, length = rows.sum(axis=0)
    rate = errors / length
    variance = len(rows) / (len(rows) - 1) * np.sum((rows[:, 0] - rate * rows[:, 1]) ** 2) / length**2
    return float(rate), float(np.sqrt(variance))


def _steadied(spread: Floats, groups: Sequence[Floats]) -> Floats:
    """Return standard errors that do not depend on the luck of a small group, or of one without errors.

    Each is at least what counts of that size would have, Poisson distributed, times the dispersion of all groups
    together. Two errors more are assumed than were seen, as Agresti and Coull do for shares.
    """
    errors, lengths = np.array([rows.sum(axis=0) for rows in groups]).T
    poisson = (errors + 2) / (lengths + 4) ** 2
    dispersion = max(1.0, float(np.average(spread**2 / poisson, weights=[len(rows) for rows in groups])))
    steadied: Floats = np.sqrt(np.maximum(spread**2, dispersion * poisson))
    return steadied


def _critical(spread: Floats, freedom: npt.NDArray[np.int64], draws: Draws) -> float:
    """Return how many standard spread no pair of equal groups differs by, in a share ``level`` of draws."""
    groups = len(spread)
    resamples = min(draws.get("resamples", RESAMPLES), max(400, 2 * _CELLS // groups**2))
    rng = np.random.default_rng(draws.get("seed", 0))
    drawn = (rng.standard_t(freedom, size=(resamples, groups)) * spread).T.astype(np.float32)
    largest = np.zeros(resamples, np.float32)
    for group in range(groups - 1):
        apart = np.abs(drawn[group + 1 :] - drawn[group])
        apart /= np.hypot(spread[group + 1 :], spread[group]).astype(np.float32)[:, np.newaxis]
        np.maximum(largest, apart.max(axis=0), out=largest)
    return float(np.quantile(largest, draws.get("level", LEVEL)))
