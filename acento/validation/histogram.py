"""Histograms that an SVG template draws: a row for each split, one scale for all, and a suite's bounds as lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 40


@dataclass(frozen=True, slots=True)
class Bound:
    """A line across a histogram: where a check begins to fail."""

    value: float
    severity: str


@dataclass(frozen=True, slots=True)
class SplitRow:
    """One split: its name, its clips by bin, all of them, and their median."""

    split: str
    counts: tuple[int, ...]
    clips: int
    median: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """Rows of bins of equal width from ``low`` to ``high``."""

    label: str
    low: float
    high: float
    rows: tuple[SplitRow, ...]
    bounds: tuple[Bound, ...]
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """Return where a value is on the scale, from 0 to 1; what is outside of it is at its end."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


def histogram(values: Mapping[str, NDArray[np.float64]], bounds: Sequence[Bound], label: str) -> Histogram | None:
    """Return a histogram of the values of each split (``nan`` is left out); None if there are none.

    The scale leaves out the furthest 0.2 % on either side: they are counted in the outermost bins.
    """
    finite = {split: found[np.isfinite(found)] for split, found in values.items()}
    finite = {split: found for split, found in finite.items() if len(found)}
    if not finite:
        return None
    low, high = (float(value) for value in np.percentile(np.concatenate(list(finite.values())), (0.2, 99.8)))
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    rows = []
    for split, found in finite.items():
        counts = np.histogram(np.clip(found, low, high), edges)[0].tolist()
        rows.append(SplitRow(split, tuple(counts), len(found), float(np.median(found))))
    inside = tuple(bound for bound in bounds if low < bound.value < high)
    return Histogram(label, low, high, tuple(rows), inside, tuple(_ticks(low, high)))


def _ticks(low: float, high: float) -> list[float]:
    """Return about five round numbers between two ends.

    >>> _ticks(0.3, 9.7)
    [2.0, 4.0, 6.0, 8.0]
    """
    rough = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(rough))
    size = next(step * power for step in (1, 2, 5, 10) if step * power >= rough)
    first = int(np.ceil(low / size))
    return [round(float(n * size), 10) for n in range(first, int(np.floor(high / size)) + 1)]
