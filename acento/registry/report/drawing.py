"""Charts as inline SVG in the colors of the page, light or dark: matplotlib draws, CSS variables color."""

import io
import re
import warnings
from collections.abc import Callable
from threading import Lock
from typing import Any

from markupsafe import Markup, escape

from acento.core.figure import new_figure

INK, SOFT, LINE, PAPER = "#000001", "#000002", "#000003", "#000004"
SERIES = tuple(f"#0000{number:x}0" for number in range(1, 9))
"""Colors that stand for variables of ``report.css``: the first of a chart's series, the second, and so on."""

_VARIABLES = {
    **{INK: "ink", SOFT: "soft", LINE: "line", PAPER: "paper", "#e2e8f0": "line"},
    **{color: f"c{number}" for number, color in enumerate(SERIES)},
}
_STYLE = {
    "svg.fonttype": "none",  # text stays text: it can be found and read aloud, in the reader's font
    "text.parse_math": False,  # a model's name may hold dollar signs
    "text.color": INK,
    "font.size": 9,
    **dict.fromkeys(("axes.labelcolor", "xtick.color", "ytick.color"), SOFT),
    "axes.edgecolor": LINE,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "legend.frameon": False,
}
_LOCK = Lock()
"""Matplotlib's settings are the process's: one chart is drawn at a time."""


def draw(name: str, height: float, plot: Callable[[Any], None], *, width: float = 5.0) -> Markup:
    """Return a chart that ``plot`` draws on its axes, named for those who cannot see it; sizes in inches."""
    from matplotlib import rc_context

    with _LOCK, rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # the reader's browser has the letter
        figure, axes = new_figure(width, height)
        plot(axes)
        axes.spines["left"].set_visible(False)
        axes.tick_params(length=0)
        file = io.StringIO()
        figure.savefig(
            file, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    return _inline(name, file.getvalue())


def _inline(name: str, svg: str) -> Markup:
    """Return the drawing without its prolog, of the width of its place, in the page's colors and font."""
    drawing = svg[svg.index("<svg") :]
    opening, _, rest = drawing.partition(">")
    box = re.search(r'viewBox="[^"]*"', opening)
    rest = re.sub(r"<metadata>.*?</metadata>", "", rest, flags=re.DOTALL)
    rest = re.sub(r"#[0-9a-f]{6}\b", lambda found: _variable(found[0]), rest)
    rest = re.sub(r"<style.*?</style>", "", rest, flags=re.DOTALL)  # it would style the whole page
    rest = re.sub(r"font-family: [^;\"]*", "font-family: system-ui, sans-serif", rest)
    rest = re.sub(r'<g id="[^"]*"', "<g", rest)  # every drawing has the same ones
    rest = rest.replace("xlink:href", "href")
    return Markup(f'<svg {box[0] if box else ""} role="img" aria-label="{escape(name)}">{rest}')


def _variable(color: str) -> str:
    return f"var(--{_VARIABLES[color]})" if color in _VARIABLES else color
