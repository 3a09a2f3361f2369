"""Histograms as SVG that a page can hold: one row for each split, one scale for all, and a suite's bounds as lines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

BINS = 40
_WIDTH, _LEFT, _RIGHT, _ROW, _GAP, _AXIS, _TOP = 440, 46, 12, 54, 14, 22, 12


@dataclass(frozen=True, slots=True)
class Bound:
    """A line across a histogram: where a check begins to fail."""

    value: float
    severity: str


def histogram(values: Mapping[str, NDArray[np.float64]], bounds: Sequence[Bound], label: str) -> str:
    """Return a histogram of the values of each split (``nan`` is left out) as an ``svg`` element; "" if there are none.

    The scale leaves out the furthest 0.2 % on either side: they are counted in the outermost bins.
    """
    clean = {split: found[np.isfinite(found)] for split, found in values.items()}
    clean = {split: found for split, found in clean.items() if len(found)}
    if not clean:
        return ""
    low, high = _range(np.concatenate(list(clean.values())))
    edges = np.linspace(low, high, BINS + 1)
    inner = _WIDTH - _LEFT - _RIGHT

    def x(value: float) -> float:
        return _LEFT + (value - low) / (high - low) * inner

    parts, top = [], _TOP
    for split, found in clean.items():
        parts.append(_row(split, found, edges, top, x))
        top += _ROW + _GAP
    bottom = top - _GAP
    for bound in bounds:
        if low < bound.value < high:
            at = f"{x(bound.value):.1f}"
            title = f"<title>{bound.severity} beyond {bound.value:g}</title>"
            parts.append(
                f'<line class="{bound.severity}" x1="{at}" x2="{at}" y1="{_TOP - 8}" y2="{bottom}">{title}</line>'
            )
    for tick in _ticks(low, high):
        parts.append(f'<text class="tick" x="{x(tick):.1f}" y="{bottom + 15}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<line class="tick" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{bottom}" y2="{bottom + 4}"/>')
    height = bottom + _AXIS
    box = f'viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(label, quote=True)}"'
    return f"<svg {box}>{''.join(parts)}</svg>"


def _row(
    split: str, found: NDArray[np.float64], edges: NDArray[np.float64], top: int, x: Callable[[float], float]
) -> str:
    """Return the bars of one split, its name, and its median."""
    counts, _ = np.histogram(np.clip(found, edges[0], edges[-1]), edges)
    tallest = max(1, int(counts.max()))
    base = top + _ROW
    bars = []
    for index, count in enumerate(counts):
        if not count:
            continue
        left, right = x(edges[index]), x(edges[index + 1])
        size = max(1.0, count / tallest * (_ROW - 16))
        bars.append(
            f'<rect x="{left:.1f}" y="{base - size:.1f}" width="{right - left - 0.8:.1f}" height="{size:.1f}">'
            f"<title>{edges[index]:.4g} to {edges[index + 1]:.4g}: {count} clips</title></rect>"
        )
    middle = float(np.median(found))
    at = f"{x(min(max(middle, edges[0]), edges[-1])):.1f}"
    return (
        f'<g class="split-{escape(split, quote=True)}">'
        f'<line class="base" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{base}" y2="{base}"/>{"".join(bars)}'
        f'<line class="median" x1="{at}" x2="{at}" y1="{top + 10}" y2="{base}"/></g>'
        f'<text class="split" x="{_LEFT - 8}" y="{base - 4}" text-anchor="end">'
        f"<title>{escape(split)}</title>{escape(split if len(split) <= 6 else split[:5] + '…')}</text>"
        f""
        f'<text class="median" x="{_WIDTH - _RIGHT}" y="{top + 6}" text-anchor="end">'
        f"median {middle:.3g}, n {len(found):,}</text>"
    )


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of the scale: never equal."""
    low, high = (float(value) for value in np.percentile(values, (0.2, 99.8)))
    if high - low < 1e-9:
        return low - 0.5, high + 0.5
    return low, high


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
