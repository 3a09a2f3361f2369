"""What is drawn in a report: rates with their intervals, rates against speed, parts of a whole."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from acento.registry.report.drawing import INK, LINE, PAPER, SERIES, SOFT, draw
from acento.scoring.boards.pareto import pareto_front
from acento.scoring.table import rtfx_text

_ROW = 0.3
"""Inches of a row."""
_LABEL = 26
"""Characters of a label; a longer one is cut in the middle."""

Point = tuple[float, float | None, float | None]
"""A value with the ends of its interval, in percent (points)."""


def intervals(
    name: str,
    axis: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[Point | None]],
    *,
    zero: bool = False,
) -> Markup:
    """Draw values with their intervals, a row for each label, the series of a row below each other.

    ``zero`` draws the line of no difference, else the axis begins at 0.
    """
    count = len(series)
    step = 0.7 / count

    def plot(axes: Any) -> None:
        for number, points in enumerate(series.values()):
            color = SERIES[number % len(SERIES)]
            for row, point in enumerate(points):
                if point is None:
                    continue
                value, low, high = point
                y = row + (number - (count - 1) / 2) * step
                if low is not None and high is not None:
                    axes.plot([low, high], [y, y], color=color, linewidth=2, solid_capstyle="round")
                axes.plot([value], [y], "o", color=color, markersize=5)
        axes.set_yticks(range(len(labels)), [_short(label) for label in labels])
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(axis)
        if zero:
            axes.axvline(0, color=SOFT, linewidth=1.2)
            axes.margins(x=0.1)
        else:
            axes.set_xlim(left=0, right=axes.get_xlim()[1] * 1.02 or 1)
        if count > 1:
            _legend(axes, list(series))

    return draw(name, 0.7 + len(labels) * _ROW * max(1, 0.55 * count) + 0.25 * (count > 1), plot)


def stacked(name: str, axis: str, labels: Sequence[str], parts: Mapping[str, Sequence[float]]) -> Markup:
    """Draw each row as a bar made of parts."""

    def plot(axes: Any) -> None:
        start = [0.0] * len(labels)
        for number, values in enumerate(parts.values()):
            axes.barh(range(len(labels)), values, 0.62, left=start, color=SERIES[number], edgecolor=PAPER, linewidth=1)
            start = [one + value for one, value in zip(start, values, strict=True)]
        axes.set_yticks(range(len(labels)), [_short(label) for label in labels])
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(axis)
        axes.set_xlim(0, max(start, default=0) * 1.04 or 1)
        _legend(axes, list(parts))

    return draw(name, 1.0 + len(labels) * _ROW, plot)


def rate_against_speed(name: str, axis: str, points: Sequence[tuple[str, float, float]]) -> Markup:
    """Draw models by their rate in percent and their RTFx; the Pareto front is a line through filled points."""
    from matplotlib.ticker import MaxNLocator

    front = pareto_front([(rate, rtfx) for _, rate, rtfx in points])
    speeds = [math.log(rtfx) for *_, rtfx in points]
    middle = (min(speeds) + max(speeds)) / 2

    def plot(axes: Any) -> None:
        edge = [points[at] for at in front]
        axes.plot([x for *_, x in edge], [y for _, y, _ in edge], color=LINE, linewidth=2, zorder=1)
        for at, (label, rate, rtfx) in enumerate(points):
            chosen = at in front
            fill = SERIES[0] if chosen else PAPER
            axes.plot([rtfx], [rate], "o", color=SERIES[0], markerfacecolor=fill, markersize=7, zorder=2)
            axes.annotate(
                _short(label),
                (rtfx, rate),
                (-5 if math.log(rtfx) < middle else 5, 7),
                textcoords="offset points",
                ha="left" if math.log(rtfx) < middle else "right",
                fontsize=8,
                color=INK if chosen else SOFT,
            )
        axes.set_xscale("log")
        axes.margins(x=0.12, y=0.25)
        axes.set_ylim(bottom=0)
        low, high = axes.get_xlim()
        ticks = [m * 10.0**e for e in range(-3, 7) for m in (1, 2, 5) if low <= m * 10.0**e <= high]
        if len(ticks) < 3:  # a narrow range
            ticks = [tick for tick in MaxNLocator(5).tick_values(low, high) if low <= tick <= high]
        axes.set_xticks(ticks, [rtfx_text(tick) for tick in ticks])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("RTFx: audio seconds decoded in a second (faster to the right)")
        axes.set_ylabel(axis)

    return draw(name, 3.0, plot)


def _legend(axes: Any, names: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=SERIES[number % len(SERIES)], label=_short(name)) for number, name in enumerate(names)]
    columns = 4 if sum(len(_short(name)) for name in names) < 50 else 2
    axes.figure.legend(handles=handles, loc="outside upper left", ncols=columns, handlelength=0.9, fontsize=8)


def _short(label: str) -> str:
    """Cut a long label in its middle: models of one family differ at the end.

    >>> _short("openai/whisper-large-v3-turbo@41f01f3fe87f")
    'openai/whispe…@41f01f3fe87f'
    """
    if len(label) <= _LABEL:
        return label
    return f"{label[: _LABEL // 2]}…{label[-_LABEL // 2 :]}"
