"""The verb ``leaderboard``: every model of every run, ranked, as a table, CSV, JSON or Markdown."""

import csv
import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acento.core.errors import InputError
from flows.commands import terminal
from flows.commands.options import By
from flows.commands.session import open_store

if TYPE_CHECKING:
    from acento.scoring.boards.leaderboard import Leaderboard
    from acento.scoring.boards.overview import SortKey
    from acento.scoring.entry import Value
    from acento.scoring.table import TextTable


_PAGE = 30
"""Rows of a breakdown that is shown without being asked for."""


class Sort(StrEnum):
    """What rows are sorted by."""

    wer, cer, rtfx, cost, date, model = "wer", "cer", "rtfx", "cost", "date", "model"


class Format(StrEnum):
    """How the leaderboard is printed."""

    table, csv, json, md = "table", "csv", "json", "md"


def leaderboard(
    dataset: Annotated[
        list[str] | None, typer.Option("--dataset", "-d", help="Only this one, NAME or NAME@VERSION. Repeatable.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Only models whose name has this in it, or fits whisper-*.")
    ] = None,
    normalizer: Annotated[str | None, typer.Option("--normalizer", help="Only scores of this normalizer.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only runs since a day (2026-11-01), or of the last days (30d).")
    ] = None,
    by: By = None,
    side_by_side: Annotated[
        bool, typer.Option("--side-by-side", help="Data sets side by side, with the mean over them.")
    ] = False,
    sort: Annotated[Sort, typer.Option("--sort", help="The best, the cheapest or the newest first.")] = Sort.wer,
    prices: Annotated[
        Path | None, typer.Option("--prices", help="A file of prices that stand instead of Acento's.")
    ] = None,
    format: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.table,
    markdown: Annotated[bool, typer.Option("--markdown", help="As --format md.")] = False,
) -> None:
    """Rank every model of every run in the store, where the same clips were scored the same way."""
    from acento.core.prices import load_prices
    from acento.registry.runs.leaderboards import RunFilter
    from acento.registry.runs.leaderboards import leaderboard as all_runs

    store = open_store()
    chosen = RunFilter(dataset or (), model, normalizer, None if since is None else day(since))
    shape = Format.md if markdown else format
    groups = bool(by) or shape is Format.md
    board = all_runs(store, chosen, prices=load_prices(prices), groups=groups)
    if not board.boards and shape is Format.table:
        terminal.out.print(f"No run in {store.url} yet: acento benchmark --model … --dataset …", soft_wrap=True)
    elif shape in (Format.csv, Format.json):
        _print_rows(shape, _rows(board, side_by_side, sort.value))
    else:
        _print_grids(shape, _grids(board, side_by_side, sort.value, by or (None if groups else [])))
    for name, why in board.left_out.items():
        terminal.err.print(f"Left out: {name}. {why}", soft_wrap=True, markup=False)
    if board.left_out:
        raise typer.Exit(1)


def day(text: str, now: datetime | None = None) -> datetime:
    """Return the time that ``--since`` means: the start of a day, or so many days before now.

    >>> day("2026-11-01").isoformat(), day("2d", datetime(2026, 11, 3, tzinfo=UTC)).isoformat()
    ('2026-11-01T00:00:00+00:00', '2026-11-01T00:00:00+00:00')

    Raises:
        InputError: it is neither.
    """
    if days := re.fullmatch(r"(\d{1,5})d", text):
        return (now or datetime.now(UTC)) - timedelta(days=int(days[1]))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"--since must be a day such as 2026-11-01, or days such as 30d; got {text!r}.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _rows(board: "Leaderboard", beside: bool, sort: "SortKey") -> "list[dict[str, Value]]":
    from acento.scoring.boards.overview import in_order
    from acento.scoring.boards.side_by_side import side_by_side

    if beside:
        return [row for table in side_by_side(board, sort) for row in table.to_rows()]
    return in_order(board, sort).to_rows()


def _grids(board: "Leaderboard", beside: bool, sort: "SortKey", by: Sequence[str] | None) -> "Iterable[TextTable]":
    """Yield what is printed; where ``by`` is None also the breakdowns that are a page at most."""
    from acento.scoring.boards.overview import in_order, overview
    from acento.scoring.boards.side_by_side import side_by_side

    if beside:
        yield from (table.grid() for table in side_by_side(board, sort))
        return
    for one in in_order(board, sort).boards:
        yield overview(one)
        yield from one.tables()[1:]
        found = (one.breakdown(grouping) for grouping in (("accent", "speaker") if by is None else by))
        yield from (grid for grid in found if grid is not None and (by is not None or len(grid.rows) <= _PAGE))


def _print_rows(shape: Format, rows: "list[dict[str, Value]]") -> None:
    if shape is Format.json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(sys.stdout, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _print_grids(shape: Format, grids: "Iterable[TextTable]") -> None:
    from acento.scoring.table import rich_table

    for grid in grids:
        if shape is Format.md:
            typer.echo(grid.to_markdown())
        else:
            terminal.out.print(rich_table(grid))
