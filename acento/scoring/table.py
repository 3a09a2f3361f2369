"""Tables of text cells, as Markdown and for the terminal; nothing is computed here."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acento.core.templates import render

if TYPE_CHECKING:
    from rich.table import Table

NO_VALUE = "–"
"""What stands in the cell of an unknown value."""

APPROXIMATE = "≈"
"""What stands before an interval that rests on too few speakers."""

_MARKDOWN = re.compile(r"[\\|*<`]")
"""What means something in a cell of GitHub's Markdown."""
_NARROWEST = 12
"""Columns of words are not squeezed below this many characters."""


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table that a person reads: the first columns in ``text`` are words, the others numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    """Sentences that explain the signs in the cells."""
    text: frozenset[str] = frozenset()
    """The columns that hold words and are set flush left."""

    def to_markdown(self) -> str:
        """Return the table in GitHub's Markdown, its title, if it has one, as a heading of the third level.

        >>> print(TextTable("Test", ("model", "WER %"), (("a|b", "12.3"),), text=frozenset({"model"})).to_markdown())
        ### Test
        <BLANKLINE>
        | model | WER % |
        | :--- | ---: |
        | a\\|b | 12.3 |
        <BLANKLINE>
        """
        lines = [f"### {_escape(self.title)}", ""] if self.title else []
        lines.append(_markdown_row(self.columns))
        lines.append(f"| {' | '.join(':---' if column in self.text else '---:' for column in self.columns)} |")
        lines.extend(_markdown_row(row) for row in self.rows)
        for note in self.notes:
            lines += ["", _escape(note)]
        return "\n".join(lines) + "\n"

    def to_text(self) -> str:
        """Return the table as plain text of at most 120 columns.

        >>> print(TextTable("Test", ("model", "WER %"), (("a|b", "12.3"),), text=frozenset({"model"})).to_text())
        Test
        model  WER %
        ────────────
        a|b     12.3
        """
        from io import StringIO

        from rich.console import Console

        file = StringIO()
        bare = TextTable("", self.columns, self.rows, text=self.text)
        Console(file=file, width=120, color_system=None, legacy_windows=False).print(rich_table(bare))
        lines = (line.removeprefix(" ").rstrip() for line in file.getvalue().splitlines())
        return "\n".join([self.title, *(line for line in lines if line), *self.notes])

    def to_html(self) -> str:
        """Return the table as HTML, as a notebook shows it."""
        sides = ["left" if column in self.text else "right" for column in self.columns]
        return render("scoring/templates/table.html", table=self, sides=sides)


def percent(rate: float | None) -> float | None:
    """Return a fraction as percent with two decimals, as leaderboards show it.

    >>> percent(0.12345), percent(None)
    (12.35, None)
    """
    return None if rate is None else round(100 * rate, 2)


def percent_text(
    value: float | None,
    low: float | None = None,
    high: float | None = None,
    *,
    digits: int = 2,
    bounds: int | None = None,
    unit: str = "",
    approximate: bool = False,
) -> str:
    """Return a fraction in percent, with its interval where it has one; "–" for None.

    ``digits`` are the number's decimals, ``bounds`` those of the interval, as many by default. An interval that is
    approximate has a sign for it.

    >>> percent_text(0.12345), percent_text(None), percent_text(0.5, 0.25, 0.75, digits=1, unit=" %")
    ('12.35', '–', '50.0 % [25.0, 75.0]')
    >>> percent_text(0.5, 0.25, 0.75, digits=0, approximate=True)
    '50 ≈[25, 75]'
    """
    if value is None:
        return NO_VALUE
    ends = interval_text(low, high, digits if bounds is None else bounds)
    return f"{100 * value:.{digits}f}{unit}{ends.replace(' [', f' {APPROXIMATE}[', 1) if approximate else ends}"


def points_text(
    delta: float | None,
    low: float | None = None,
    high: float | None = None,
    *,
    digits: int = 1,
    approximate: bool = False,
) -> str:
    """Return a difference of two fractions in points, signed, with its interval where it has one.

    >>> points_text(-0.1234), points_text(0.01, -0.02, 0.04), points_text(0.01, -0.02, 0.04, approximate=True)
    ('-12.3', '+1.0 [-2.0, +4.0]', '+1.0 ≈[-2.0, +4.0]')
    """
    if delta is None:
        return NO_VALUE
    ends = interval_text(low, high, digits, sign="+")
    return f"{100 * delta:+.{digits}f}{ends.replace(' [', f' {APPROXIMATE}[', 1) if approximate else ends}"


def interval_text(low: float | None, high: float | None, digits: int = 1, *, sign: str = "") -> str:
    """Return an interval of fractions in percent, with a space before it; nothing where there is none.

    >>> interval_text(0.1, 0.25)
    ' [10.0, 25.0]'
    """
    return "" if low is None or high is None else f" [{100 * low:{sign}.{digits}f}, {100 * high:{sign}.{digits}f}]"


def p_text(p_value: float | None, bounded: bool = False) -> str:
    """Return a p-value as a person reads it, "≤" where it is only known to be at most that; "–" for None.

    >>> p_text(0.03125), p_text(0.0004997, bounded=True), p_text(None)
    ('p = 0.031', 'p ≤ 0.0005', '–')
    """
    return NO_VALUE if p_value is None else f"p {'≤' if bounded else '='} {p_value:.2g}"


def counted(count: int, noun: str) -> str:
    """Return a number and what it counts.

    >>> counted(1, "clip"), counted(2, "clip")
    ('1 clip', '2 clips')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def rtfx_text(rtfx: float) -> str:
    """Return an RTFx as tables show it: below 10 with two decimals, where a whole number would hide a third of it.

    >>> rtfx_text(2.984), rtfx_text(9.996), rtfx_text(21.5)
    ('2.98', '10', '22')
    """
    return f"{rtfx:.2f}" if round(rtfx, 2) < 10 else f"{rtfx:.0f}"


def rich_table(grid: TextTable) -> "Table":
    """Return the table for a terminal; cells are shown as they are, never read as rich markup.

    Where it is narrow, words wrap first, then numbers at the spaces in them; no column is cut.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(grid.title, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        caption=Text("\n".join(grid.notes), style="dim") if grid.notes else None,
        caption_justify="left",
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for index, column in enumerate(grid.columns):
        cells = [column, *(row[index] for row in grid.rows)]
        is_text = column in grid.text
        table.add_column(
            Text(column),
            justify="left" if is_text else "right",
            no_wrap=not is_text and not any(" " in cell for cell in cells[1:]),
            min_width=min(_NARROWEST, max(map(len, cells))) if is_text else None,
            overflow="fold",
        )
    for row in grid.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _markdown_row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(_escape(cell) for cell in cells)} |"


def _escape(text: str) -> str:
    return _MARKDOWN.sub(r"\\\g<0>", " ".join(text.split()))
