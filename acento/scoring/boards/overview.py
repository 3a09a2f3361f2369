"""A board as a person looks through it: sorted, with devices, cost, coverage and dates."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, TypeAlias

from acento.scoring.boards.leaderboard import (
    Board,
    Leaderboard,
    LeaderboardRow,
    cost_text,
    rate_columns,
    speed_heading,
    speed_text,
    window_columns,
    window_text,
)
from acento.scoring.entry import money_columns
from acento.scoring.table import NO_VALUE, TextTable, percent_text

SortKey: TypeAlias = Literal["wer", "cer", "rtfx", "cost", "date", "model"]
"""What rows may be sorted by: the best, the cheapest, the newest first; ``wer`` is the headline, as ranks have it."""

_NOISE = re.compile(r"\((?:R|TM)\)|\b(?:CPU|NVIDIA|Processor)\b|@.*", re.IGNORECASE)


def in_order(leaderboard: Leaderboard, sort: SortKey) -> Leaderboard:
    """Return a leaderboard with the rows of each board sorted; ranks stay what they are."""
    boards = (replace(board, rows=tuple(sorted(board.rows, key=_order(sort)))) for board in leaderboard.boards)
    return replace(leaderboard, boards=tuple(boards))


def overview(board: Board) -> TextTable:
    """Return a board with its devices, cost for an hour of audio, coverage and dates."""
    rows = board.rows
    level = board.rows[0].entry.score.level
    windows = window_columns(rows)
    return TextTable(
        title=board.title,
        columns=(
            "#",
            "model",
            *rate_columns(board.headline, level)[:2],
            *windows,
            speed_heading(rows),
            "device",
            "$/h",
            "coverage",
            "date",
        ),
        rows=tuple(_cells(row, bool(windows)) for row in rows),
        notes=board.grid().notes,
        text=frozenset({"#", "model", "device", *windows}),
    )


def _order(sort: SortKey) -> Callable[[LeaderboardRow], tuple[bool, float | str]]:
    def value(row: LeaderboardRow) -> float | str | None:
        entry = row.entry
        match sort:
            case "wer":
                return row.rank
            case "cer":
                return entry.score.overall.cer.value
            case "rtfx":
                return None if entry.speed is None else -entry.speed.rtfx
            case "cost":
                return None if entry.cost is None else entry.cost.per_audio_hour
            case "date":
                return -entry.when.timestamp()
            case "model":
                return row.label.lower()

    return lambda row: last_if_unknown(value(row), sort)


def last_if_unknown(value: float | str | None, sort: SortKey) -> tuple[bool, float | str]:
    """Return what to sort a value by, so that rows without one come last."""
    return value is None, ("" if sort == "model" else 0.0) if value is None else value


def _cells(row: LeaderboardRow, windowed: bool) -> tuple[str, ...]:
    entry = row.entry
    score, conditions = entry.score.overall, entry.conditions
    coverage = money_columns(entry)["coverage"]
    return (
        NO_VALUE if row.rank is None else f"{row.rank}{' =' if row.tied else ''}",
        row.label,
        entry.score.rate.text(bounds=1),
        percent_text((score.cer if entry.score.headline == "word" else score.wer).value),
        *([window_text(entry)] if windowed else []),
        speed_text(row),
        (device_text(conditions.device) if conditions else "several") if entry.speed else NO_VALUE,
        cost_text(entry),
        NO_VALUE if coverage is None else f"{coverage:g} %{f' ({score.failed} failed) *' if score.failed else ''}",
        f"{entry.when:%Y-%m-%d}",
    )


def device_text(device: str) -> str:
    """Return a device's name without what all of its maker's have in theirs.

    >>> device_text("Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz"), device_text("NVIDIA H100 80GB HBM3")
    ('Intel Xeon Platinum 8481C', 'H100 80GB HBM3')
    """
    return " ".join(_NOISE.sub(" ", device).split()) or device
