"""Bootstrap intervals of ratios of sums (WER, CER, RTFx) and of their difference between two systems.

Clips (or, with ``groups``, whole groups such as speakers) are drawn with replacement and the ratio is taken anew; the
percentiles of many such ratios are the interval. Bisani & Ney, "Bootstrap estimates for confidence intervals in ASR
performance evaluation", ICASSP 2004; paired on the same clips for two systems. With fewer than about 30 units
percentile intervals are too narrow; with fewer than two there is none, and the answer is None.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict, Unpack

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
LEVEL = 0.95

_CELLS = 1 << 22
"""Draws held in memory at once: 32 MB."""
_MULTINOMIAL_COST = 12
"""What drawing the count of one distinct row costs, in draws of one index (measured with numpy 2.4)."""

Numbers = npt.ArrayLike
Floats = npt.NDArray[np.float64]


class Draws(TypedDict, total=False):
    """How clips are drawn: keyword arguments of every interval and paired comparison."""

    resamples: int
    """How often the clips are drawn anew; ``RESAMPLES`` by default."""
    seed: int
    """The same seed and clips, in whatever order, give the same interval; 0 by default."""
    level: float
    """The share of resamples inside; ``LEVEL`` by default."""
    groups: Sequence[str | None] | None
    """A name for each clip: whole groups are drawn then, a clip without a name being a group of its own."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval, both ends in it; fractions for rates."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """How much more system A errs than system B on the same clips: rate of A less rate of B, fractions."""

    delta: float
    """Below 0: A is better."""
    low: float | None
    high: float | None
    """The two-sided interval of ``delta``; None with fewer than two clips or groups."""
    upper: float | None
    """One-sided upper bound of ``delta``: with A the new system and B the old, the loss is at most this."""
    p_value: float | None
    """Two-sided: twice the share of resamples on the far side of 0, at most 1."""

    @property
    def tells_apart(self) -> bool:
        """Whether the interval leaves 0 out: the clips suffice to say which system is better."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


def interval(numerators: Numbers, denominators: Numbers, **draws: Unpack[Draws]) -> Interval | None:
    """Return the percentile interval of sum(numerators) / sum(denominators).

    For WER: errors and reference words of each clip. For RTFx: audio seconds and inference seconds of each part. No
    denominator is below 0; ``draws`` are explained in :class:`Draws`.

    Returns:
        None when there are fewer than two clips (groups), or the denominators are all 0. A resample that drew nothing
        but zero denominators has no ratio and is left out.
    """
    ratios = _resampled_ratios(numerators, denominators, draws)
    if ratios is None:
        return None
    level = draws.get("level", LEVEL)
    low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def macro_interval(rates: Numbers, **draws: Unpack[Draws]) -> Interval | None:
    """Return the percentile interval of the mean of per-clip rates; None with fewer than two clips (groups)."""
    values = np.asarray(rates, dtype=np.float64)
    return interval(values, np.ones_like(values), **draws)


def upper_bound(numerators: Numbers, denominators: Numbers, **draws: Unpack[Draws]) -> float | None:
    """Return the one-sided upper bound of a ratio of sums: a share ``level`` of resamples is below it."""
    ratios = _resampled_ratios(numerators, denominators, draws)
    return None if ratios is None else float(np.quantile(ratios, draws.get("level", LEVEL)))


def paired(errors_a: Numbers, lengths: Numbers, errors_b: Numbers, **draws: Unpack[Draws]) -> PairedDifference | None:
    """Compare two systems on the same clips: rate of A less rate of B, drawn together; None if there are no words.

    >>> paired([1, 2, 0], [5, 5, 5], [1, 2, 0])
    PairedDifference(delta=0.0, low=0.0, high=0.0, upper=0.0, p_value=1.0)
    """
    excess = np.asarray(errors_a, dtype=np.float64) - np.asarray(errors_b, dtype=np.float64)
    total = float(np.sum(np.asarray(lengths, dtype=np.float64)))
    if not total:
        return None
    delta = float(np.sum(excess)) / total
    deltas = _resampled_ratios(excess, lengths, draws)
    if deltas is None:
        return PairedDifference(delta, None, None, None, None)
    level = draws.get("level", LEVEL)
    low, high, upper = np.quantile(deltas, [(1 - level) / 2, (1 + level) / 2, level])
    # one added above and below the line: a p-value from finitely many draws is never 0 (Davison & Hinkley 1997, 4.2)
    sides = [int(np.count_nonzero(deltas <= 0)), int(np.count_nonzero(deltas >= 0))]
    p_value = min(1.0, 2 * (min(sides) + 1) / (len(deltas) + 1))
    return PairedDifference(delta, float(low), float(high), float(upper), p_value)


def _resampled_ratios(numerators: Numbers, denominators: Numbers, draws: Draws) -> Floats | None:
    """Return one ratio for each resample whose denominators are not all 0, or None where there is no interval."""
    rows = np.column_stack([numerators, denominators]).astype(np.float64)
    if (groups := draws.get("groups")) is not None:
        if len(groups) != len(rows):
            raise ValueError(f"{len(groups)} groups for {len(rows)} clips")
        rows = sums_by_unit(rows, groups)
    if len(rows) < 2 or not rows[:, 1].any():
        return None
    sums = _resampled_sums(rows, draws.get("resamples", RESAMPLES), np.random.default_rng(draws.get("seed", 0)))
    defined = sums[:, 1] > 0
    ratios: Floats = sums[defined, 0] / sums[defined, 1]
    return ratios if len(ratios) else None


def sums_by_unit(rows: Floats, groups: Sequence[str | None]) -> Floats:
    """Return one row for each group, the sum of its clips; a clip without a group is a unit of its own."""
    keys = [f"clip {index}" if name is None else f"group {name}" for index, name in enumerate(groups)]
    owners = np.unique(np.array(keys, dtype=np.str_), return_inverse=True)[1]
    sums = np.zeros((int(owners.max(initial=-1)) + 1, rows.shape[1]))
    np.add.at(sums, owners, rows)
    return sums


def _resampled_sums(rows: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    """Return the column sums of ``resamples`` draws of ``len(rows)`` rows, holding ``_CELLS`` draws at a time.

    Counts of words are small, so that 300,000 clips have a few thousand distinct rows: how often each is drawn is
    multinomial, and drawing that is the same bootstrap at a hundredth of the cost. Sorting makes the order not matter.
    """
    distinct, counts = np.unique(rows, axis=0, return_counts=True)
    by_count = len(distinct) * _MULTINOMIAL_COST < len(rows)
    ordered = np.repeat(distinct, counts, axis=0)
    chunk = max(1, _CELLS // (len(distinct) if by_count else len(rows)))
    sums = np.empty((resamples, rows.shape[1]))
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        if by_count:
            sums[start : start + size] = rng.multinomial(len(rows), counts / len(rows), size=size) @ distinct
        else:
            drawn = rng.integers(len(rows), size=(size, len(rows)))
            for column in range(rows.shape[1]):
                sums[start : start + size, column] = ordered[drawn, column].sum(axis=1)
    return sums
