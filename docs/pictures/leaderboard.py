"""Draw the leaderboard of a run as an SVG: ``python docs/pictures/leaderboard.py RUN COMMAND > leaderboard.svg``.

The store is ACENTO_STORE. The picture fetches no font, so that it looks alike with and without a network.
"""

import io
import re
import sys

from rich.console import Console
from rich.terminal_theme import MONOKAI

from acento.core.settings import settings
from acento.core.store import open_store
from acento.registry.runs.records import run_leaderboard
from acento.scoring.table import rich_table

_FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def draw(run: str, command: str, width: int = 118) -> str:
    """Return the SVG of a run's boards and their breakdowns by accent, as the terminal shows them."""
    console = Console(record=True, width=width, file=io.StringIO(), highlight=False, force_terminal=True)
    console.print(f"$ {command}\n", style="bold", markup=False)
    for board in run_leaderboard(open_store(settings().store), run).boards:
        console.print(rich_table(board.grid()))
        accents = board.breakdown("accent")
        if accents is not None:
            console.print(rich_table(accents))
    svg = console.export_svg(title="acento", theme=MONOKAI)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return re.sub(r"font-family: Fira Code, monospace", f"font-family: {_FONT}", svg)


if __name__ == "__main__":
    sys.stdout.write(draw(sys.argv[1], sys.argv[2]))
