"""The leaderboard: runs that can be compared side by side, ranked by corpus WER, ties told by paired bootstrap.

Only runs on the same clips (fingerprint, split, limit) under the same normalizer share a board. Speed has no rank of
its own: an RTFx that was measured under other conditions than the first row's is shown with a sign.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

import pyarrow as pa

from acento.scoring.compare import Comparison, compare
from acento.scoring.entry import Entry, Value, measured_columns, origin_columns
from acento.scoring.table import NO_VALUE, TextTable, percent_text, rtfx_text

if TYPE_CHECKING:
    import pandas as pd

_PAGE = 30
"""Rows of a breakdown that is shown without being asked for."""
_TIED = "= not distinguishable from the first row of its rank (paired bootstrap over the same clips"
_FAILED = "* some clips failed: they are left out of the rates, and may change the rank."
_OTHER_CONDITIONS = "~ RTFx measured under other conditions than the first row's: not to be compared with it."


@dataclass(frozen=True, slots=True)
class LeaderboardRow:
    """An entry at its place."""

    entry: Entry
    label: str
    """The model's name, with its revision or hash where the board has that name twice."""
    rank: int | None
    """None when no WER is defined (no reference, or nothing transcribed)."""
    tied: bool | None
    """Whether the clips cannot tell it from the first row of its rank; None when that was not tested."""
    against_first: Comparison | None
    """This entry less the row it was tested against: the first row of the rank above or its own."""
    rtfx_comparable: bool
    """Whether the RTFx was measured under the conditions of the first row that has one."""


@dataclass(frozen=True, slots=True)
class Board:
    """Runs on the same clips under the same normalizer, best first."""

    dataset: str
    dataset_fingerprint: str
    split: str
    limit: int | None
    normalizer: str
    rows: tuple[LeaderboardRow, ...]

    @property
    def title(self) -> str:
        """What all its rows share, in a line."""
        limit = f", at most {self.limit} clips" if self.limit is not None else ""
        return f"{self.dataset}, {self.split}{limit}, normalizer {self.normalizer}"

    def grid(self) -> TextTable:
        """Return the board as a person reads it: rates in percent."""
        level = self.rows[0].entry.score.level
        scores = [row.entry.score.overall for row in self.rows]
        unscored = max(score.without_reference for score in scores)
        notes = {
            f"{_TIED}, {level:.0%}).": any(row.tied for row in self.rows),
            _FAILED: any(score.failed for score in scores),
            _OTHER_CONDITIONS: any(row.entry.speed and not row.rtfx_comparable for row in self.rows),
            f"Clips without a reference are transcribed, not scored: {unscored}.": unscored > 0,
        }
        return TextTable(
            title=self.title,
            columns=("#", "model", f"WER % [{level:.0%}]", "CER %", "macro", "S/D/I", "RTFx", "clips"),
            rows=tuple(_cells(row) for row in self.rows),
            notes=tuple(note for note, holds in notes.items() if holds),
            text=frozenset({"#", "model"}),
        )

    def to_markdown(self) -> str:
        """Return the board in GitHub's Markdown, with WER by accent and by speaker where that is a page at most."""
        breakdowns = [self.breakdown(by) for by in ("accent", "speaker")]
        shown = [grid for grid in breakdowns if grid is not None and len(grid.rows) <= _PAGE]
        return "\n".join(grid.to_markdown() for grid in (self.grid(), *shown))

    def breakdown(self, by: str) -> TextTable | None:
        """Return WER by ``split``, ``speaker`` or ``accent``, a column for each model; None where it is not known."""
        values = sorted({value for row in self.rows for value in row.entry.score.groups.get(by, {})})
        if not values:
            return None
        groups = [row.entry.score.groups.get(by, {}) for row in self.rows]
        return TextTable(
            title=f"WER % by {by}",
            columns=(by, "clips", *(row.label for row in self.rows)),
            rows=tuple(
                (
                    value,
                    str(max(group[value].utterances for group in groups if value in group)),
                    *(group[value].wer.text(bounds=1) if value in group else NO_VALUE for group in groups),
                )
                for value in values
            ),
            text=frozenset({by}),
        )


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """A board for each set of clips and normalizer."""

    boards: tuple[Board, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Models and data sets that could not be measured, each with the reason."""

    def to_pandas(self) -> "pd.DataFrame":
        """Return a row for each entry: rates in percent with their intervals, speed, and the origin of each number."""
        import pandas as pd

        return pd.DataFrame(self.to_rows())

    def __str__(self) -> str:
        return "\n\n".join([*(board.grid().to_text() for board in self.boards), *self._not_there()])

    def _repr_html_(self) -> str:
        return "".join(
            [board.grid().to_html() for board in self.boards] + [f"<p>{escape(x)}</p>" for x in self._not_there()]
        )

    def _not_there(self) -> list[str]:
        return [f"Left out: {name}. {why}" for name, why in self.left_out.items()]

    def to_markdown(self) -> str:
        """Return all boards in GitHub's Markdown."""
        return "\n".join(board.to_markdown() for board in self.boards)

    def to_rows(self) -> list[dict[str, Value]]:
        """Return a flat row for each entry, for a CSV file; rates in percent."""
        return [_flat(board, row) for board in self.boards for row in board.rows]


def rank(entries: Iterable[Entry], utterances: Callable[[Entry], pa.Table | None] | None = None) -> Leaderboard:
    """Return the leaderboard of many runs; of the same model on the same clips the latest run stands.

    Args:
        entries: in any order.
        utterances: returns an entry's table of utterances (``score_utterances``), or None when there is none. Each row
            is tested against the first row of the rank above; when the interval of the difference holds 0 it shares
            that rank. Without tables ranks are places in the order of WER, and ties are not known.
    """
    latest: dict[tuple[str, str, int | None, str], dict[tuple[str, str], Entry]] = {}
    for entry in sorted(entries, key=lambda entry: (entry.when, entry.run)):
        board = (entry.dataset_fingerprint, entry.split, entry.limit, entry.score.normalizer)
        latest.setdefault(board, {})[entry.model, entry.model_hash] = entry
    boards = [_board(list(found.values()), utterances) for found in latest.values()]
    return Leaderboard(
        tuple(sorted(boards, key=lambda b: (b.dataset, b.split, b.limit or 0, b.normalizer, b.dataset_fingerprint)))
    )


def _board(entries: list[Entry], utterances: Callable[[Entry], pa.Table | None] | None) -> Board:

    def order(entry: Entry) -> tuple[bool, float, str, str]:
        wer = entry.score.overall.wer.value
        return wer is None, wer or 0.0, entry.model, entry.model_hash

    ordered = sorted(entries, key=order)
    names = [entry.model for entry in ordered]
    conditions = next((entry.conditions for entry in ordered if entry.speed is not None), None)
    rows: list[LeaderboardRow] = []
    first_rank = 0
    first_table: pa.Table | None = None
    for place, entry in enumerate(ordered, start=1):
        place_rank = place if entry.score.overall.wer.value is not None else None
        table = utterances(entry) if utterances is not None and place_rank is not None else None
        comparison, tied = None, None
        if table is not None and first_table is not None:
            comparison = compare(table, first_table)
            tied = comparison.difference is None or not comparison.difference.tells_apart
        if tied:
            place_rank = first_rank
        elif place_rank is not None:
            first_rank, first_table = place_rank, table
        label = entry.model
        if names.count(entry.model) > 1:
            label += f" @{entry.revision[:8]}" if entry.revision else ""
            label += f" ({entry.model_hash[:8]})"
        comparable = conditions is not None and entry.conditions == conditions
        rows.append(LeaderboardRow(entry, label, place_rank, tied, comparison, comparable))
    best = ordered[0]
    return Board(best.dataset, best.dataset_fingerprint, best.split, best.limit, best.score.normalizer, tuple(rows))


def _cells(row: LeaderboardRow) -> tuple[str, ...]:
    score = row.entry.score.overall
    words, speed = score.words, NO_VALUE
    if (measured := row.entry.speed) is not None:
        speed = rtfx_text(measured.rtfx)
        if measured.low is not None and measured.high is not None:
            speed += f" [{rtfx_text(measured.low)}, {rtfx_text(measured.high)}]"
        speed += "" if row.rtfx_comparable else " ~"
    return (
        NO_VALUE if row.rank is None else f"{row.rank}{' =' if row.tied else ''}",
        row.label,
        score.wer.text(bounds=1),
        percent_text(score.cer.value),
        percent_text(score.macro_wer.value),
        f"{words.substitutions}/{words.deletions}/{words.insertions}",
        speed,
        f"{score.scored}, {score.failed} failed *" if score.failed else str(score.scored),
    )


def _flat(board: Board, row: LeaderboardRow) -> dict[str, Value]:
    first: dict[str, Value] = {
        "dataset": board.dataset,
        "split": board.split,
        "limit": board.limit,
        "normalizer": board.normalizer,
        "rank": row.rank,
        "tied": row.tied,
        "model_id": row.entry.model,
        "revision": row.entry.revision,
    }
    return first | measured_columns(row.entry) | {"rtfx_comparable": row.rtfx_comparable} | origin_columns(row.entry)
