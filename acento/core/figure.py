"""Pictures by matplotlib; no pyplot, which keeps figures and is not thread-safe: any thread may draw."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, GRAY, RED = "#2b6cb0", "#c05621", "#4a5568", "#b3261e"


def new_figure(width: float, height: float, rows: int = 1) -> tuple["Figure", Any]:
    """Return an empty picture of a size in inches and its axes: an array of them, one below the other, if several."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, 1, sharex=True)
    for one in figure.axes:
        one.grid(color="#e2e8f0", linewidth=0.8)
        one.set_axisbelow(True)
        one.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save_figure(figure: "Figure", path: Path) -> Path:
    """Write a picture as PNG, the same bytes for the same picture; the file appears whole."""
    draft = path.with_name(f".{path.name}.part")
    figure.savefig(draft, format="png", metadata={"Software": None})
    return draft.replace(path)
