"""The rate of what was measured several times: the median of the passes, with an interval over passes and batches."""

from collections.abc import Sequence

import numpy as np

from acento.scoring.statistics.bootstrap import LEVEL, RESAMPLES, Interval

Pass = Sequence[tuple[float, float]]
"""For each batch of one pass its audio seconds and its inference seconds."""


def median_rate(passes: Sequence[Pass], *, resamples: int = RESAMPLES, seed: int = 0) -> tuple[float, Interval | None]:
    """Return the median over passes of audio seconds per inference second, and its 95 % interval.

    The interval draws passes with replacement, then batches within each drawn pass, and takes the median anew (a
    two-stage bootstrap, Davison & Hinkley 1997, section 3.8). There is none with fewer than two batches in a pass.

    >>> median_rate([[(10, 1)], [(10, 2)], [(10, 4)]])
    (5.0, None)

    Args:
        passes: what was measured each time; inference seconds are above 0.
        resamples: how often all is drawn.
        seed: the same seed and passes give the same interval.
    """
    tables = [np.asarray(one, dtype=np.float64).reshape(-1, 2) for one in passes]
    rate = float(np.median([audio / seconds for audio, seconds in (table.sum(axis=0) for table in tables)]))
    if min(len(table) for table in tables) < 2:
        return rate, None
    random = np.random.default_rng(seed)
    # each pass drawn as often as any sample may need it: a sample picks a pass at each of its places
    drawn = np.stack([_rates(table, resamples * len(tables), random) for table in tables])
    chosen = random.integers(len(tables), size=resamples * len(tables))
    rates = drawn[chosen, np.arange(resamples * len(tables))].reshape(resamples, len(tables))
    low, high = np.quantile(np.median(rates, axis=1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return rate, Interval(float(low), float(high))


def _rates(table: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Return the rate of a pass for so many draws of its batches."""
    weights = random.multinomial(len(table), np.full(len(table), 1 / len(table)), size=count)
    sums = weights @ table
    rates: np.ndarray = sums[:, 0] / sums[:, 1]
    return rates
