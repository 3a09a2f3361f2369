"""Intervals of ratios of sums (WER, CER, RTFx), and of their difference between two systems on the same clips.

Simulation decided which method stands here: ``benchmarks/interval_coverage.py``, in ``docs/concepts/coverage.md``.

* A rate over clips: the Bayesian bootstrap (Rubin, Annals of Statistics 9(1), 1981) with one clip more than was seen,
  which is without error for the lower end and errs in every word and more for the upper end. For shares of clips these
  are the exact bounds of Clopper and Pearson, and for means of bounded values those of Gaffke (2005; Learned-Miller &
  Thomas, "A new confidence interval for the mean of a bounded random variable", 2019). So zero errors have an upper
  bound, and percentile intervals (Bisani & Ney, ICASSP 2004), which are too narrow at few errors, are not used.
* A rate over speakers, or other groups: Student's t on the logarithm of the rate, its standard error by linearization
  (Cochran, "Sampling Techniques", 3rd ed. 1977, 6.4); never narrower than over clips.
* A difference: Student's t likewise, and the sign-flip test (:mod:`acento.scoring.statistics.sign_flip`): the interval
  leaves 0 out only where the test rejects, too. Where all clips differ alike, by no error for example, there is no
  standard error: the ends then let as many clips as could be missing from the sample (Clopper & Pearson, Biometrika
  26(4), 1934) differ by one error more or less.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict, Unpack

import numpy as np
import numpy.typing as npt

from acento.core.errors import InputError
from acento.scoring.statistics.sign_flip import sign_flip_test

RESAMPLES = 2000
LEVEL = 0.95
FEW = 10
"""Below this many groups an interval is marked approximate."""
UNSEEN_RATE = 1.5, 2.0
"""Errors for each reference word of the clip that was not seen: it errs in every word and inserts half as many. Where
the worst clip seen is worse, as much as that, but no more than the second number."""

_CELLS = 1 << 22
"""Draws held in memory at once: 32 MB."""

Numbers = npt.ArrayLike
Floats = npt.NDArray[np.float64]


class Draws(TypedDict, total=False):
    """How intervals are made: keyword arguments of every interval and paired comparison."""

    resamples: int
    """How often clips are weighted, or signs flipped, at random; ``RESAMPLES`` by default."""
    seed: int
    """The same seed and clips, in whatever order, give the same interval; 0 by default."""
    level: float
    """How often an interval is to hold the truth; ``LEVEL`` by default."""
    groups: Sequence[str | None] | None
    """A name for each clip: whole groups are drawn then, a clip without a name being a group of its own."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval, both ends in it; fractions for rates."""

    low: float
    high: float
    approximate: bool = False
    """Whether there are too few groups for the interval to be trusted; shown as ≈."""

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
    """Two-sided, of the test that flips the signs of the clips' (groups') differences."""
    p_bounded: bool = False
    """Whether the true p-value is at most ``p_value``: no flip at random was as extreme as what was seen."""
    approximate: bool = False
    """Whether there are too few groups for the interval to be trusted."""

    @property
    def tells_apart(self) -> bool:
        """Whether the interval leaves 0 out: the clips suffice to say which system is better."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


def interval(numerators: Numbers, denominators: Numbers, **draws: Unpack[Draws]) -> Interval | None:
    """Return the interval of an error rate, sum(numerators) / sum(denominators): errors and words of each clip.

    Neither is below 0; ``draws`` are explained in :class:`Draws`.

    >>> bounds = interval([0] * 50, [10] * 50)  # no error in 50 clips: about 1.5 times what is exact for bad clips
    >>> bounds.low, round(bounds.high, 2)
    (0.0, 0.11)

    Returns:
        None when there are fewer than two clips (groups), or the denominators are all 0.
    """
    rows = _rows(numerators, denominators)
    if len(rows) < 2 or not rows[:, 1].any():
        return None
    units = _units(rows, draws)
    if len(units) < 2:
        return None
    level = _level(draws)
    low, high = _clip_bounds(rows, level, draws)
    if len(units) < len(rows) and (bounds := _log_t(units, level)) is not None:
        worst = max(UNSEEN_RATE[0], float(np.max(units[:, 0] / np.maximum(units[:, 1], 1))))
        low, high = min(low, bounds[0]), max(high, min(bounds[1], worst))
    return Interval(low, high, draws.get("groups") is not None and len(units) < FEW)


def macro_interval(rates: Numbers, **draws: Unpack[Draws]) -> Interval | None:
    """Return the interval of the mean of per-clip rates; None with fewer than two clips (groups)."""
    values = np.asarray(rates, dtype=np.float64)
    return interval(values, np.ones_like(values), **draws)


def ratio_interval(numerators: Numbers, denominators: Numbers, **draws: Unpack[Draws]) -> Interval | None:
    """Return the interval of a ratio of two sums that is no error rate, such as RTFx: audio and inference seconds.

    Student's t on the logarithm of the ratio over clips, batches or groups.

    Returns:
        None with fewer than two of them, or where one of the sums is 0.
    """
    bounds = _log_t(_units(_rows(numerators, denominators), draws), _level(draws))
    return bounds and Interval(*bounds)


def upper_bound(numerators: Numbers, denominators: Numbers, **draws: Unpack[Draws]) -> float | None:
    """Return the one-sided upper bound of an error rate, at a ``level`` above 0.5."""
    both = Draws(**draws)
    both["level"] = 2 * _level(draws) - 1
    bounds = interval(numerators, denominators, **both)
    return None if bounds is None else bounds.high


def paired(errors_a: Numbers, lengths: Numbers, errors_b: Numbers, **draws: Unpack[Draws]) -> PairedDifference | None:
    """Compare two systems on the same clips: rate of A less rate of B; None if there are no words.

    >>> same = paired([1, 2, 0] * 30, [5] * 90, [1, 2, 0] * 30)  # no clip of 90 differs: up to 4 % of others may
    >>> same.delta, round(same.low, 3), round(same.high, 3), same.p_value
    (0.0, -0.008, 0.008, 1.0)
    >>> five = paired([1] * 5 + [0] * 95, [9] * 100, [0] * 100)  # five clips, all for B: by chance in 2 of 2⁵ cases
    >>> five.p_value, five.tells_apart
    (0.0625, False)
    """
    excess = np.asarray(errors_a, dtype=np.float64) - np.asarray(errors_b, dtype=np.float64)
    total = float(np.sum(np.asarray(lengths, dtype=np.float64)))
    if not total:
        return None
    delta = float(np.sum(excess)) / total
    rows = _rows(excess, lengths)
    units = _units(rows, draws)
    if len(units) < 2:
        return PairedDifference(delta, None, None, None, None)
    level = _level(draws)
    rng = np.random.default_rng(draws.get("seed", 0))
    p_value, bounded = sign_flip_test(units[:, 0], draws.get("resamples", RESAMPLES), rng)
    low, high = _t(units, (1 - level) / 2), _t(units, (1 + level) / 2)
    if p_value > 1 - level + 1e-12:  # what the test does not tell apart the interval does not, either
        low, high = min(low, 0.0), max(high, 0.0)
    few = draws.get("groups") is not None and len(units) < FEW
    return PairedDifference(delta, low, high, _t(units, level), p_value, bounded, few)


def units_to_exclude(difference: float, length: float, level: float = LEVEL) -> int:
    """Return how many units (clips, speakers) of this mean length, none of which differs, leave no larger difference.

    The inverse of what :func:`paired` gives as ``upper`` where no unit differs.

    >>> n = units_to_exclude(0.01, 10)
    >>> n, *(round(paired([0] * k, [10] * k, [0] * k).upper, 4) for k in (n, n - 1))
    (29, 0.0098, 0.0101)
    """
    share = difference * length
    return 2 if share >= 1 else max(2, math.ceil(math.log(1 - level) / math.log(1 - share)))


def difference_interval(excess: Numbers, lengths: Numbers, **draws: Unpack[Draws]) -> Interval | None:
    """Return Student's interval of sum(excess) / sum(lengths), excess of either sign; None with fewer than two clips.

    Unlike that of :func:`paired` it is not bound to the sign-flip test, by which two clips can never tell anything.
    """
    units, level = _units(_rows(excess, lengths), draws), _level(draws)
    if len(units) < 2 or not units[:, 1].any():
        return None
    few = draws.get("groups") is not None and len(units) < FEW
    return Interval(_t(units, (1 - level) / 2), _t(units, (1 + level) / 2), few)


def sums_by_unit(rows: Floats, groups: Sequence[str | None]) -> Floats:
    """Return one row for each group, the sum of its clips; a clip without a group is a unit of its own."""
    numbers: dict[str | int, int] = {}
    owners = [numbers.setdefault(place if name is None else name, len(numbers)) for place, name in enumerate(groups)]
    return np.column_stack([np.bincount(owners, column, len(numbers)) for column in rows.T])


def standard_error(units: Floats) -> float:
    """Return the standard error of the ratio of the two columns' sums, over rows (two at least) drawn at random."""
    numerators, denominators = units.T
    total = float(denominators.sum())
    residuals = numerators - denominators * (float(numerators.sum()) / total)
    residuals[np.abs(residuals) < 1e-12 * max(1.0, float(np.abs(numerators).max()))] = 0.0
    residuals.sort()  # so that the order of the clips cannot change the sum
    return math.sqrt(len(units) / (len(units) - 1) * float(residuals @ residuals)) / total


def _rows(numerators: Numbers, denominators: Numbers) -> Floats:
    rows = np.column_stack([numerators, denominators]).astype(np.float64)
    if not np.isfinite(rows).all():
        raise InputError("An interval needs numbers: one of the counts is not finite (NaN or infinite).")
    return rows


def _level(draws: Draws) -> float:
    level = draws.get("level", LEVEL)
    if not 0 < level < 1:
        raise InputError(f"A level is between 0 and 1, such as 0.95; {level} is not.")
    return level


def _units(rows: Floats, draws: Draws) -> Floats:
    """Return a row for each clip or, where there are groups, for each of these."""
    if (groups := draws.get("groups")) is None:
        return rows
    if len(groups) != len(rows):
        raise InputError(f"There are {len(groups)} groups for {len(rows)} clips: give one for each, or None.")
    return sums_by_unit(rows, groups)


def _t(units: Floats, probability: float) -> float:
    """Return the end of Student's interval of the ratio of the two columns' sums below which the probability lies.

    Where the units do not vary the end is not the ratio itself: with this probability a share of all units that is too
    small to be seen in these differs by one error.
    """
    total = float(np.sum(units[:, 1]))
    ratio = float(np.sum(units[:, 0])) / total
    error = standard_error(units)
    if error:
        return ratio + _student(probability, len(units) - 1) * error
    unseen = (1 - min(probability, 1 - probability) ** (1 / len(units))) * len(units) / total
    return ratio + math.copysign(unseen, probability - 0.5)


def _log_t(units: Floats, level: float) -> tuple[float, float] | None:
    """Return Student's interval on the logarithm of the ratio, or None where there is no logarithm."""
    numerator, denominator = (float(total) for total in np.sum(np.sort(units, axis=0), axis=0))
    if len(units) < 2 or not numerator > 0 or not denominator > 0:
        return None
    ratio = numerator / denominator
    reach = min(700.0, _student((1 + level) / 2, len(units) - 1) * standard_error(units) / ratio)
    return ratio * math.exp(-reach), ratio * math.exp(reach)


def _clip_bounds(rows: Floats, level: float, draws: Draws) -> tuple[float, float]:
    """Return both ends of the interval of an error rate over clips, by the Bayesian bootstrap with one clip more.

    Counts of words are small, so that 300,000 clips have a few thousand distinct rows: the weights of equal rows add
    up to one gamma variate. Sorting the rows makes their order not matter.
    """
    distinct, counts = np.unique(rows, axis=0, return_counts=True)
    typical = float(counts @ distinct[:, 1]) / len(rows)
    least, most = UNSEEN_RATE
    unseen = typical * min(most, max(least, float(distinct[:, 0].max()) / typical))
    resamples, rng = draws.get("resamples", RESAMPLES), np.random.default_rng(draws.get("seed", 0))
    chunk = max(1, _CELLS // len(distinct))
    more = rng.standard_exponential(resamples)
    sums = np.concatenate(
        [
            rng.standard_gamma(counts, size=(min(chunk, resamples - start), len(distinct))) @ distinct
            for start in range(0, resamples, chunk)
        ]
    )
    words = sums[:, 1] + more * typical
    low = np.quantile(sums[:, 0] / words, (1 - level) / 2)
    high = np.quantile((sums[:, 0] + more * unseen) / words, (1 + level) / 2)
    return float(low), float(high)


def _student(probability: float, freedom: int) -> float:
    from scipy.special import stdtrit  # not at the head: it is slow to import

    return float(stdtrit(freedom, probability))
