"""The leaderboard: runs that can be compared side by side, ranked by WER or CER, ties told by paired tests.

Only runs on the same clips (fingerprint, split, limit) under the same normalizer share a board. Speed has no rank of
its own: an RTFx that was measured under other conditions than the first row's is shown with a sign.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING

import pyarrow as pa

from acento.core.prices import dollars
from acento.scoring.comparing.compare import Comparison
from acento.scoring.comparing.ranks import Place, place
from acento.scoring.counting.headline import RATE_NAMES, Headline
from acento.scoring.entry import Entry, Value, measured_columns, origin_columns
from acento.scoring.errors.summary import error_columns, errors_table
from acento.scoring.score import Score
from acento.scoring.speakers.table import speaker_columns, speakers_table
from acento.scoring.statistics.units import FEW_SPEAKERS
from acento.scoring.table import APPROXIMATE, NO_VALUE, TextTable, counted, percent_text, rtfx_text

if TYPE_CHECKING:
    import pandas as pd

BoardKey = tuple[str, str, int | None, str]
OWN_WINDOW = "own"
"""What tables call the window that a model decodes in by itself."""
_PAGE = 30
"""Rows of a breakdown that is shown without being asked for."""
_TIED = "= not distinguishable from the first row of its rank."
_FAILED = "* some clips failed: they are left out of the rates, and may change the rank."
_OTHER_CONDITIONS = "~ RTFx measured under other conditions than the first row's: not to be compared with it."


@dataclass(frozen=True, slots=True)
class LeaderboardRow:
    """An entry at its place."""

    entry: Entry
    label: str
    """The model's name, with its revision or hash where the board has that name twice."""
    rank: int | None
    """None when no rate is defined (no reference, or nothing transcribed)."""
    tied: bool | None
    """Whether the clips cannot tell it from the first row of its rank; None when that was not tested."""
    against_first: Comparison | None
    """This entry less the row it was tested against: the first row of its rank or, for that one, of the rank above."""
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
        headline = ", headline CER: the script has no spaces" if self.headline == "character" else ""
        return f"{self.dataset}, {self.split}{limit}, normalizer {self.normalizer}{headline}"

    @property
    def headline(self) -> Headline:
        """Whose errors models are ranked by: those of words, or of characters where the script has no spaces."""
        return self.rows[0].entry.score.headline

    def grid(self) -> TextTable:
        """Return the board as a person reads it: rates in percent."""
        level = self.rows[0].entry.score.level
        scores = [row.entry.score.overall for row in self.rows]
        unscored = max(score.without_reference for score in scores)
        notes = {
            **self._drawn(),
            self._tested(level): any(row.against_first for row in self.rows),
            _TIED: any(row.tied for row in self.rows),
            _FAILED: any(score.failed for score in scores),
            **speed_notes(self.rows),
            **cost_notes(self.rows),
            f"Clips without a reference are transcribed, not scored: {unscored}.": unscored > 0,
        }
        priced = any(row.entry.cost for row in self.rows)
        speed = (speed_heading(self.rows), "$/h") if priced else (speed_heading(self.rows),)
        windows = window_columns(self.rows)
        return TextTable(
            title=self.title,
            columns=("#", "model", *rate_columns(self.headline, level), *windows, *speed, "clips"),
            rows=tuple(_cells(row, priced, bool(windows)) for row in self.rows),
            notes=tuple(note for note, holds in notes.items() if holds),
            text=frozenset({"#", "model", *windows}),
        )

    def _tested(self, level: float) -> str:
        """Return how ranks were told, in a sentence."""
        if self.rows[0].entry.score.few:
            return f"Ranks: fewer than {FEW_SPEAKERS} unseen speakers tell no model from another."
        models = sum(row.rank is not None for row in self.rows)
        comparisons = models * (models - 1) // 2
        corrected = f", Holm-corrected over {comparisons} comparisons" if comparisons > 1 else ""
        return f"Ranks: each model against the best of its rank, paired on the same clips, {level:.0%}{corrected}."

    def _drawn(self) -> dict[str, bool]:
        """Return what the intervals hold for, a sentence each, and whether it is to be said."""
        score = self.rows[0].entry.score
        who = "this speaker, who is" if score.speakers == 1 else f"these {score.speakers} speakers, who are"
        few = counted(score.units or 0, "unseen speaker")
        return {
            f"Clips are drawn: the intervals hold for {who} in the training split too.": score.seen,
            f"{score.speakers} unseen speakers are drawn: the intervals hold for new voices.": score.unit == "speaker"
            and not score.few,
            f"Intervals are approximate ({APPROXIMATE}): only {few}.": score.few,
        }

    def to_markdown(self) -> str:
        """Return the board in GitHub's Markdown, with rates by accent and by speaker where that is a page at most."""
        breakdowns = [self.breakdown(by) for by in ("accent", "speaker")]
        shown = [grid for grid in breakdowns if grid is not None and len(grid.rows) <= _PAGE]
        return "\n".join(grid.to_markdown() for grid in (*self.tables(), *shown))

    def tables(self) -> list[TextTable]:
        """Return the board and, where there is something to say of them, scores of speakers and errors besides words.

        Where nothing but turns is scored there is only the table of speakers.
        """
        speakers = speakers_table({row.label: row.entry.speakers for row in self.rows})
        if speakers is not None and all(row.entry.speakers and not row.entry.speakers.cpwer for row in self.rows):
            return [replace(speakers, title=f"{self.dataset}, {self.split}: speakers")]
        measured = {row.label: (row.entry.score.other_errors, row.entry.batch_check) for row in self.rows}
        errors = errors_table(measured)
        return [self.grid(), *filter(None, (speakers, errors))]

    def breakdown(self, by: str) -> TextTable | None:
        """Return rates by ``split``, ``speaker`` or ``accent``, a column for each model; None where it is not known."""
        values = sorted({value for row in self.rows for value in row.entry.score.groups.get(by, {})})
        if not values:
            return None
        groups = [row.entry.score.groups.get(by, {}) for row in self.rows]
        few = any(group[value].rate(self.headline).approximate for group in groups for value in group)
        return TextTable(
            title=f"{RATE_NAMES[self.headline]} % by {by}",
            columns=(by, "clips", *(row.label for row in self.rows)),
            rows=tuple(
                (
                    value,
                    str(max(group[value].utterances for group in groups if value in group)),
                    *(
                        group[value].rate(self.headline).text(bounds=1) if value in group else NO_VALUE
                        for group in groups
                    ),
                )
                for value in values
            ),
            notes=(f"{APPROXIMATE} approximate: fewer than {FEW_SPEAKERS} unseen speakers.",) if few else (),
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
        return "\n\n".join(
            [*(table.to_text() for board in self.boards for table in board.tables()), *self._not_there()]
        )

    def _repr_html_(self) -> str:
        return "".join(
            [table.to_html() for board in self.boards for table in board.tables()]
            + [f"<p>{escape(x)}</p>" for x in self._not_there()]
        )

    def _not_there(self) -> list[str]:
        return [f"Left out: {name}. {why}" for name, why in self.left_out.items()]

    def to_markdown(self) -> str:
        """Return all boards in GitHub's Markdown."""
        return "\n".join(board.to_markdown() for board in self.boards)

    def to_rows(self) -> list[dict[str, Value]]:
        """Return a flat row for each entry, for a CSV file; rates in percent."""
        return [_flat(board, row) for board in self.boards for row in board.rows]


def board_key(entry: Entry) -> BoardKey:
    """Return what entries that are ranked together have in common: clips and normalizer."""
    return entry.dataset_fingerprint, entry.split, entry.limit, entry.score.normalizer


def rank(entries: Iterable[Entry], utterances: Callable[[Entry], pa.Table | None] | None = None) -> Leaderboard:
    """Return the leaderboard of many runs; of the same model in the same windows on the same clips the latest stands.

    Args:
        entries: in any order.
        utterances: returns an entry's table of utterances (``score_utterances``), or None when there is none. Each row
            is tested against the best of its rank, corrected for all comparisons on the board (see
            :mod:`acento.scoring.comparing.ranks`). Without tables ranks are places in the order of the rates, and ties
            are not known.
    """
    latest: dict[BoardKey, dict[tuple[str, str, str | None, str | None], Entry]] = {}
    for entry in sorted(entries, key=lambda entry: (entry.when, entry.run)):
        latest.setdefault(board_key(entry), {})[entry.system] = entry
    boards = [_board(list(found.values()), utterances) for found in latest.values()]
    return Leaderboard(
        tuple(sorted(boards, key=lambda b: (b.dataset, b.split, b.limit or 0, b.normalizer, b.dataset_fingerprint)))
    )


def _board(entries: list[Entry], utterances: Callable[[Entry], pa.Table | None] | None) -> Board:

    def order(entry: Entry) -> tuple[bool, float, str, str, str]:
        rate = entry.score.rate.value
        if rate is None and entry.speakers is not None:
            return True, entry.speakers.der.value or 0.0, entry.model, entry.model_hash, ""
        return rate is None, rate or 0.0, entry.model, entry.model_hash, f"{entry.window} {entry.decoding}"

    ordered = sorted(entries, key=order)
    conditions = next((entry.conditions for entry in ordered if entry.speed is not None), None)
    defined = [entry for entry in ordered if entry.score.rate.value is not None]
    tables = [utterances(entry) if utterances is not None else None for entry in defined]
    places: list[Place | None] = [*place(tables), *[None] * (len(ordered) - len(defined))]
    rows: list[LeaderboardRow] = []
    for entry, found in zip(ordered, places, strict=True):
        label = _label(entry, ordered)
        comparable = conditions is not None and entry.conditions == conditions
        rank, tied, against = (None, None, None) if found is None else (found.rank, found.tied, found.against)
        rows.append(LeaderboardRow(entry, label, rank, tied, against, comparable))
    rows.sort(key=lambda row: (row.rank is None, row.rank or 0))  # those of a rank stay in the order of their rates
    best = ordered[0]
    return Board(best.dataset, best.dataset_fingerprint, best.split, best.limit, best.score.normalizer, tuple(rows))


def _label(entry: Entry, on_board: Iterable[Entry]) -> str:
    """Return what tells an entry from the others of its board: its model's name, and more where that is there twice."""
    namesakes = [one for one in on_board if one.model == entry.model]
    label = entry.model
    if len({one.model_hash for one in namesakes}) > 1:
        label += f" @{entry.revision[:8]}" if entry.revision else ""
        label += f" ({entry.model_hash[:8]})"
    if len({one.window for one in namesakes}) > 1:
        label += f" ({window_text(entry)})"
    if entry.decoding:
        label += f" ({entry.decoding})"
    return label


def window_columns(rows: Iterable[LeaderboardRow]) -> tuple[str, ...]:
    """Return the heading of the column of windows; none where all models decoded in their own."""
    return ("window",) if any(row.entry.window for row in rows) else ()


def window_text(entry: Entry) -> str:
    """Return what clips were encoded in."""
    return entry.window or OWN_WINDOW


def speed_text(row: LeaderboardRow) -> str:
    """Return a row's RTFx with its interval and its signs; "–" where nothing was measured."""
    measured = row.entry.speed
    if measured is None:
        return NO_VALUE
    text = rtfx_text(measured.rtfx)
    if measured.low is not None and measured.high is not None:
        text += f" [{rtfx_text(measured.low)}, {rtfx_text(measured.high)}]"
    signs = ("" if row.rtfx_comparable else "~", "!" if measured.changed else "")
    return " ".join([text, *filter(None, signs)])


def speed_heading(rows: Iterable[LeaderboardRow]) -> str:
    """Return what the column of RTFx is called: with the number of decodings where it is a median."""
    counts = sorted({row.entry.speed.repeats for row in rows if row.entry.speed is not None})
    if not counts or counts[-1] < 2:
        return "RTFx"
    return f"RTFx (median of {counts[-1]})" if len(counts) == 1 else f"RTFx (median of {counts[0]} to {counts[-1]})"


def speed_notes(rows: Sequence[LeaderboardRow]) -> dict[str, bool]:
    """Return sentences that explain the signs beside an RTFx, and whether each is to be shown."""
    measured = [(row, row.entry.speed) for row in rows if row.entry.speed is not None]
    changed = sum(speed.changed or 0 for _, speed in measured)
    again = ", ".join(f"{row.label} {row.entry.runaways}" for row in rows if row.entry.runaways)
    untaught = ", ".join(row.label for row in rows if not row.entry.taught)
    return {
        f"Not taught short windows, so that more errors are to be expected in them: {untaught}.": untaught != "",
        f"Windows decoded again in the model's own, as their text ran away in a short one: {again}.": again != "",
        _OTHER_CONDITIONS: any(not row.rtfx_comparable for row, _ in measured),
        f"! decoded again for the clock, {changed} texts were others than those that were scored.": changed > 0,
    }


def cost_text(entry: Entry) -> str:
    """Return the dollars for an hour of audio; "–" where there is no price."""
    return NO_VALUE if entry.cost is None else dollars(entry.cost.per_audio_hour)


def cost_notes(rows: Iterable[LeaderboardRow]) -> dict[str, bool]:
    """Return sentences that say what a cost rests on: prices, and what the first row with one was measured on."""
    paid = [row.entry for row in rows if row.entry.cost is not None]
    sources = sorted({entry.cost.source for entry in paid if entry.cost is not None})
    where = next((entry.conditions for entry in paid if entry.conditions is not None), None)
    measured_on = where and f"{where.device}, {where.dtype}, batch {where.batch_size}, {where.backend}, " + counted(
        where.placements, "worker"
    )
    return {
        f"RTFx of the first row with a cost: {measured_on}.": where is not None,
        f"$/h: dollars for an hour of audio, by the measured RTFx and the prices of {'; '.join(sources)}.": bool(paid),
    }


def rate_columns(headline: Headline, level: float) -> tuple[str, ...]:
    """Return what the columns of rates are called, the headline's first; S/D/I are of what the headline counts.

    >>> rate_columns("word", 0.95), rate_columns("character", 0.95)
    (('WER % [95%]', 'CER %', 'macro', 'S/D/I'), ('CER % [95%]', 'WER %', 'S/D/I'))
    """
    if headline == "character":  # words are whole sentences there: a mean of their clips' WER says nothing
        return f"CER % [{level:.0%}]", "WER %", "S/D/I"
    return f"WER % [{level:.0%}]", "CER %", "macro", "S/D/I"


def _rate_cells(score: Score) -> tuple[str, ...]:
    """Return the cells below ``rate_columns``."""
    overall, of_words = score.overall, score.headline == "word"
    counts = overall.words if of_words else overall.characters
    return (
        score.rate.text(bounds=1),
        percent_text((overall.cer if of_words else overall.wer).value),
        *([percent_text(overall.macro_wer.value)] if of_words else []),
        f"{counts.substitutions}/{counts.deletions}/{counts.insertions}",
    )


def _cells(row: LeaderboardRow, priced: bool, windowed: bool) -> tuple[str, ...]:
    score = row.entry.score.overall
    return (
        NO_VALUE if row.rank is None else f"{row.rank}{' =' if row.tied else ''}",
        row.label,
        *_rate_cells(row.entry.score),
        *([window_text(row.entry)] if windowed else []),
        speed_text(row),
        *([cost_text(row.entry)] if priced else []),
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
    errors = error_columns(row.entry.score.other_errors, row.entry.batch_check) | speaker_columns(row.entry.speakers)
    comparable: dict[str, Value] = {"rtfx_comparable": row.rtfx_comparable}
    return first | measured_columns(row.entry) | comparable | origin_columns(row.entry) | errors
