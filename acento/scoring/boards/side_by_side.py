"""Models on several data sets side by side, with the mean over them."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from acento.core.prices import dollars
from acento.scoring.boards.leaderboard import OWN_WINDOW, Board, Leaderboard, LeaderboardRow
from acento.scoring.boards.overview import SortKey, last_if_unknown
from acento.scoring.counting.headline import RATE_NAMES
from acento.scoring.entry import Value
from acento.scoring.table import NO_VALUE, TextTable, percent, percent_text, rtfx_text


@dataclass(frozen=True, slots=True)
class SideBySideRow:
    """One model on several data sets; where it was not measured on one of them, it has no mean."""

    label: str
    rank: int | None
    """The place of its mean among those that have one; equal means share a place."""
    cells: tuple[LeaderboardRow | None, ...]
    """Its row on each board."""
    rate: float | None
    """The mean over the data sets, each counting alike, of what each set's models are ranked by."""
    wer: float | None
    cer: float | None
    rtfx: float | None
    """Audio seconds of all sets over inference seconds of all sets; None where conditions differ."""
    usd_per_audio_hour: float | None


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Models on several data sets, with the mean over them: best mean first."""

    boards: tuple[Board, ...]
    rows: tuple[SideBySideRow, ...]

    def grid(self) -> TextTable:
        """Return it as a person reads it: in percent, each set by its headline."""
        name = " or ".join(sorted({RATE_NAMES[board.headline] for board in self.boards}, reverse=True))
        titles = _titles(self.boards)
        if " " in name:
            pairs = zip(titles, self.boards, strict=True)
            titles = tuple(f"{title} {RATE_NAMES[board.headline]}" for title, board in pairs)
        lacking = any(None in row.cells for row in self.rows)
        failed = any(cell and cell.entry.score.overall.failed for row in self.rows for cell in row.cells)
        notes = {
            f"mean: of the data sets' {name}, each set counting alike (as the Open ASR leaderboard has it).": True,
            "A model that was not measured on one of the sets has no mean.": lacking,
            "* some clips failed: they are left out of the rates.": failed,
        }
        return TextTable(
            title=f"{name} % on {len(self.boards)} data sets side by side",
            columns=("#", "model", "mean", *titles, "CER %", "RTFx", "$/h"),
            rows=tuple(
                (
                    NO_VALUE if row.rank is None else str(row.rank),
                    row.label,
                    percent_text(row.rate),
                    *(_rate_cell(cell) for cell in row.cells),
                    percent_text(row.cer),
                    NO_VALUE if row.rtfx is None else rtfx_text(row.rtfx),
                    NO_VALUE if row.usd_per_audio_hour is None else dollars(row.usd_per_audio_hour),
                )
                for row in self.rows
            ),
            notes=tuple(note for note, holds in notes.items() if holds),
            text=frozenset({"#", "model"}),
        )

    def to_rows(self) -> list[dict[str, Value]]:
        """Return a flat row for each model; rates in percent, the first three are means over the sets."""
        titles = _titles(self.boards)
        return [
            {
                "rank": row.rank,
                "model_id": row.label,
                "mean": percent(row.rate),
                "wer": percent(row.wer),
                "cer": percent(row.cer),
                **{
                    f"{RATE_NAMES[board.headline].lower()} {title}": percent(cell.entry.score.rate.value)
                    if cell
                    else None
                    for title, board, cell in zip(titles, self.boards, row.cells, strict=True)
                },
                "rtfx": None if row.rtfx is None else round(row.rtfx, 2),
                "usd_per_audio_hour": None if row.usd_per_audio_hour is None else round(row.usd_per_audio_hour, 6),
            }
            for row in self.rows
        ]


def side_by_side(leaderboard: Leaderboard, sort: SortKey = "wer") -> tuple[SideBySide, ...]:
    """Return the models of a leaderboard on all its data sets: one table, or one for each normalizer.

    One for all, unless the same clips were scored by several normalizers: a mean over those would count them twice.
    """
    clips = [(board.dataset_fingerprint, board.split, board.limit) for board in leaderboard.boards]
    together = defaultdict(list)
    for board in leaderboard.boards:
        together[board.normalizer if len(set(clips)) < len(clips) else ""].append(board)
    return tuple(_side_by_side(boards, sort) for boards in together.values())


def _side_by_side(boards: Sequence[Board], sort: SortKey) -> SideBySide:
    by_model: defaultdict[tuple[str, str, str | None, str | None], dict[int, LeaderboardRow]] = defaultdict(dict)
    for number, board in enumerate(boards):
        for row in board.rows:
            by_model[row.entry.system][number] = row
    contents, windows = defaultdict[str, set[str]](set), defaultdict[str, set[str | None]](set)
    for model, model_hash, window, _ in by_model:
        contents[model].add(model_hash)
        windows[model].add(window)
    found = []
    for (model, model_hash, window, decoding), on in by_model.items():
        label = f"{model} ({model_hash[:8]})" if len(contents[model]) > 1 else model
        label += f" ({window or OWN_WINDOW})" if len(windows[model]) > 1 else ""
        label += f" ({decoding})" if decoding else ""
        found.append(_row(label, tuple(on.get(number) for number in range(len(boards)))))
    means = sorted(row.rate for row in found if row.rate is not None)
    ranked = [row if row.rate is None else replace(row, rank=means.index(row.rate) + 1) for row in found]
    return SideBySide(tuple(boards), tuple(sorted(ranked, key=_mean_order(sort))))


def _row(label: str, cells: tuple[LeaderboardRow | None, ...]) -> SideBySideRow:
    there = [cell.entry for cell in cells if cell is not None]

    def mean(rates: Sequence[float | None]) -> float | None:
        known = [rate for rate in rates if rate is not None]
        return math.fsum(known) / len(known) if len(known) == len(cells) else None

    speeds = [entry.speed for entry in there if entry.speed is not None and entry.conditions is not None]
    alike = len(speeds) == len(cells) and len({speed.conditions for speed in speeds}) == 1
    seconds = math.fsum(speed.inference_s for speed in speeds)
    audio = math.fsum(speed.rtfx * speed.inference_s for speed in speeds)
    costs = [entry.cost.per_audio_hour for entry in there if entry.cost is not None]
    hours = [entry.score.overall.audio_s for entry in there]
    paid = math.fsum(cost * each for cost, each in zip(costs, hours, strict=True)) if len(costs) == len(cells) else None
    return SideBySideRow(
        label,
        None,
        cells,
        mean([entry.score.rate.value for entry in there]),
        mean([entry.score.overall.wer.value for entry in there]),
        mean([entry.score.overall.cer.value for entry in there]),
        audio / seconds if alike and seconds else None,
        None if paid is None or not math.fsum(hours) else paid / math.fsum(hours),
    )


def _titles(boards: Sequence[Board]) -> tuple[str, ...]:
    """Return a short title for each board: the data set, and as much more as tells it from the others."""
    for title in (
        lambda board: board.dataset,
        lambda board: f"{board.dataset}/{board.split}",
        lambda board: f"{board.dataset}/{board.split} ≤{board.limit or 'all'}",
    ):
        found = tuple(title(board) for board in boards)
        if len(set(found)) == len(found):
            return found
    return tuple(f"{board.dataset}/{board.split} {board.dataset_fingerprint[:8]}" for board in boards)


def _mean_order(sort: SortKey) -> Callable[[SideBySideRow], tuple[bool, float | str]]:
    def value(row: SideBySideRow) -> float | str | None:
        match sort:
            case "wer":
                return row.rate
            case "cer":
                return row.cer
            case "rtfx":
                return None if row.rtfx is None else -row.rtfx
            case "cost":
                return row.usd_per_audio_hour
            case "date":
                return -max(cell.entry.when.timestamp() for cell in row.cells if cell is not None)
            case "model":
                return row.label.lower()

    return lambda row: last_if_unknown(value(row), sort)


def _rate_cell(row: LeaderboardRow | None) -> str:
    if row is None:
        return NO_VALUE
    return percent_text(row.entry.score.rate.value) + (" *" if row.entry.score.overall.failed else "")
