"""The learning curve as a picture: how the loss fell, and what that did to the word error rate on dev."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from acento.core.figure import BLUE, GRAY, ORANGE, new_figure, save_figure
from acento.scoring.counting.headline import rate_title

_SMOOTH = 0.05
"""The share of all steps over which the loss is averaged."""


def draw(history: Sequence[Mapping[str, Any]], path: Path, *, title: str = "", base_wer: float | None = None) -> None:
    """Write ``learning_curve(…)`` as a PNG: the same bytes for the same history."""
    save_figure(learning_curve(history, title=title, base_wer=base_wer), path)


def learning_curve(history: Sequence[Mapping[str, Any]], *, title: str = "", base_wer: float | None = None) -> Any:
    """Return a matplotlib figure of training loss and dev WER by step.

    The rate is CER where the evaluations say so. The base model's is a dashed line: ``base_wer`` (errors per reference
    word or character), else that of an evaluation at step 0. Evaluations with ``dev_low`` and ``dev_high`` get a band;
    the lowest rate is marked, the first of equals. A history without any row becomes empty axes.
    """
    from matplotlib.ticker import MaxNLocator

    steps = [row for row in history if row.get("loss") is not None]
    evaluations = [row for row in history if row.get("dev_wer") is not None]
    if base_wer is None and evaluations and evaluations[0]["step"] == 0:
        base_wer = evaluations[0]["dev_wer"]
    figure, (above, below) = new_figure(8, 6.4, rows=2)
    _draw_loss(above, steps)
    _draw_wer(below, evaluations, base_wer)
    below.set_xlabel("step")
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (above, below):
        if axes.get_legend_handles_labels()[0]:
            place = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "borderaxespad": 0.2}  # above what is drawn
            axes.legend(frameon=False, ncols=4, fontsize=9, columnspacing=1.4, **place)
    figure.suptitle(title or "Learning curve", fontsize=12, x=0.02, ha="left")
    return figure


def smoothed(values: npt.ArrayLike, width: int) -> npt.NDArray[np.float64]:
    """Return the running mean over at most ``width`` values around each, fewer at the ends.

    >>> smoothed([0, 3, 6, 9], 3).tolist()
    [1.5, 3.0, 6.0, 7.5]
    """
    given = np.asarray(values, dtype=np.float64)
    ahead = width // 2
    sums, counts = (np.convolve(one, np.ones(width))[ahead : ahead + len(one)] for one in (given, np.ones(len(given))))
    smooth: npt.NDArray[np.float64] = sums / counts
    return smooth


def _draw_loss(axes: Any, steps: Sequence[Mapping[str, Any]]) -> None:
    finite = [row for row in steps if np.isfinite(row["loss"])]
    at, loss = [row["step"] for row in finite], [row["loss"] for row in finite]
    width = max(1, round(_SMOOTH * len(at)))
    axes.set_ylabel("training loss (nats per token)")
    if width == 1:
        axes.plot(at, loss, color=BLUE, marker=".", label="each step")
    else:
        axes.plot(at, loss, color=BLUE, alpha=0.25, linewidth=0.8, label="each step")
        axes.plot(at, smoothed(loss, width), color=BLUE, linewidth=1.8, label=f"mean of {width} steps")
    if len(finite) < len(steps):
        lost = next(row["step"] for row in steps if not np.isfinite(row["loss"]))
        axes.axvline(lost, color=ORANGE, linestyle=":", label=f"not a number from step {lost}")
    if loss:
        axes.set_ylim(bottom=0)


def _draw_wer(axes: Any, evaluations: Sequence[Mapping[str, Any]], base_wer: float | None) -> None:
    last = evaluations[-1] if evaluations else {}
    axes.set_ylabel(f"{rate_title(last.get('headline', 'word'), last.get('normalizer'))} on dev (%)")
    if base_wer is not None:
        axes.axhline(100 * base_wer, color=GRAY, linestyle="--", linewidth=1.2, label=f"base: {100 * base_wer:.1f} %")
    if not evaluations:
        return
    at = [row["step"] for row in evaluations]
    wer = [100 * row["dev_wer"] for row in evaluations]
    banded = [row for row in evaluations if row.get("dev_low") is not None and row.get("dev_high") is not None]
    if banded:
        low, high = ([100 * row[side] for row in banded] for side in ("dev_low", "dev_high"))
        where = [row["step"] for row in banded]
        axes.fill_between(where, low, high, color=ORANGE, alpha=0.18, linewidth=0, label="95 % interval")
    axes.plot(at, wer, color=ORANGE, marker="o", markersize=4, linewidth=1.6, label="dev")
    best = int(np.argmin(wer))
    label = f"best: {wer[best]:.1f} % at step {at[best]}"
    axes.plot([at[best]], [wer[best]], color=ORANGE, marker="*", markersize=14, linestyle="none", label=label)
    axes.set_ylim(bottom=0)
