"""The report of a run: one HTML page with its style, drawings and sound inside, which needs no network."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pyarrow as pa
from markupsafe import Markup

from acento.core import VERSION
from acento.core.store import Store
from acento.core.templates import render
from acento.registry.report import origin as origins
from acento.registry.report.charts import intervals, rate_against_speed, stacked
from acento.registry.report.clips import MODELS, shown_clips
from acento.registry.report.sound import BYTES, CLIPS, sounds
from acento.registry.report.steps import steps_section
from acento.scoring.boards.leaderboard import Board, Leaderboard
from acento.scoring.comparing.confusions import word_errors, worst_clips
from acento.scoring.counting.headline import RATE_NAMES, Headline
from acento.scoring.entry import Entry
from acento.scoring.errors.summary import errors_table
from acento.scoring.score import GROUPINGS, Rate
from acento.scoring.table import TextTable, counted, percent_text

ROWS = 30
"""Models of a board, and values of a grouping, that are drawn and listed; the others are counted."""
_WORDS = 12

Drawing = tuple[str, Markup]


@dataclass(frozen=True, slots=True)
class _Row:
    """A model of a board, with all that is known of it."""

    label: str
    entry: Entry
    utterances: pa.Table
    origin: origins.Origin


def run_page(
    store: Store,
    run: Mapping[str, Any],
    leaderboard: Leaderboard,
    utterances: Callable[[Entry], pa.Table],
    *,
    audio: int = CLIPS,
) -> str:
    """Return the page of a run.

    Args:
        store: where the data sets are, whose audio and rejected inputs are shown.
        run: what ``run.json`` holds.
        leaderboard: of the run.
        utterances: returns the table of utterances of an entry.
        audio: how many of the worst clips have a player; shared out among the data sets.
    """
    results = {_identity(result): result for result in run.get("results", ()) if "model" in result}
    share = -(-audio // max(1, len(leaderboard.boards)))
    boards = []
    for board in leaderboard.boards:
        rows = [
            _Row(row.label, row.entry, utterances(row.entry), results.get(_key(row.entry), {}))
            for row in board.rows[:ROWS]
        ]
        boards.append(_board(store, board, rows, share))
    left_out = tuple(sorted(leaderboard.left_out.items()))
    return render(
        "registry/report/templates/run.html",
        run=run["id"],
        title=_title(run),
        about=_about(run, leaderboard),
        boards=boards,
        left_out=TextTable("", ("what", "why"), left_out, text=frozenset({"what", "why"})) if left_out else None,
        provenance=_run_facts(run),
        version=VERSION,
    )


def point(rate: Rate | None) -> tuple[float, float | None, float | None] | None:
    """Return a rate with its interval in percent, as it is drawn; None where there is none."""
    if rate is None or rate.value is None:
        return None
    ends = (None if end is None else 100 * end for end in (rate.low, rate.high))
    low, high = ends
    return 100 * rate.value, low, high


def _board(store: Store, board: Board, rows: Sequence[_Row], audio: int) -> dict[str, Any]:
    unit = board.headline
    metric = RATE_NAMES[unit]
    tables = {row.label: row.utterances for row in rows}
    worst = worst_clips(list(tables.values()), unit, top=max(CLIPS, audio))
    ids = [one.id for one in worst]
    dataset = rows[0].origin.get("dataset", {}).get("name") or board.dataset.replace(" v", "@")
    heard = sounds(store, dataset, board.dataset_fingerprint, ids[:audio], max(BYTES, BYTES * audio // CLIPS))
    told = [(row.label, row.entry, row.origin) for row in rows]
    grid = board.grid()
    more = len(board.rows) - len(rows)
    notes = grid.notes + ((f"{more} more models are in leaderboard.md.",) if more else ())
    shown = f"the clips with the highest {metric}" + (f" over all {len(rows)} models together" if len(rows) > 1 else "")
    texts = f"; texts of the first {MODELS} models" if len(rows) > MODELS else ""
    return {
        "title": board.title,
        "metric": metric,
        "unit": unit,
        "table": replace(grid, rows=grid.rows[:ROWS], notes=notes),
        "charts": _overview(rows, unit),
        "groups": [found for by in GROUPINGS if (found := _groups(board, rows, by, unit)) is not None],
        "errors": errors_table({row.label: (row.entry.score.other_errors, row.entry.batch_check) for row in rows}),
        "steps": steps_section(board.normalizer, [(row.label, row.utterances) for row in rows[: MODELS - 2]]),
        "words": [words for row in rows[:MODELS] if (words := _words(row, unit)) is not None],
        "worst": f"{counted(len(ids), 'clip')}: {shown}{texts}." if ids else "No clip has an error.",
        "clips": shown_clips(ids, tables, unit, heard),
        "time": origins.time_section(told),
        "failures": origins.failures([(row.label, row.utterances) for row in rows]),
        "rejected": origins.rejected(store, dataset),
        "provenance": origins.provenance(told),
    }


def _overview(rows: Sequence[_Row], unit: Headline) -> list[Drawing]:
    """Draw the models' rates, what kinds of errors they make, and rate against speed where two were timed alike."""
    metric, labels = RATE_NAMES[unit], [row.label for row in rows]
    level = rows[0].entry.score.level
    rates = [point(row.entry.score.rate) for row in rows]
    drawings = []
    if any(rates):
        title = f"{metric} with {level:.0%} intervals"
        drawings.append((title, intervals(title, f"{metric} %", labels, {metric: rates})))
    counts = [getattr(row.entry.score.overall, f"{unit}s") for row in rows]
    kinds = {
        name: [100 * getattr(one, name) / one.reference_length if one.reference_length else 0.0 for one in counts]
        for name in ("substitutions", "deletions", "insertions")
    }
    if any(one.errors for one in counts):
        title = "Kinds of errors"
        drawings.append((title, stacked(title, f"% of the reference {unit}s", labels, kinds)))
    alike = {row.entry.conditions for row in rows if row.entry.speed}
    timed = [
        (row.label, rate[0], row.entry.speed.rtfx)
        for row, rate in zip(rows, rates, strict=True)
        if rate and row.entry.speed
    ]
    if len(timed) > 1 and len(alike) == 1 and None not in alike:
        title = f"{metric} against speed, with the Pareto front"
        drawings.append((title, rate_against_speed(title, f"{metric} %", timed)))
    return drawings


def _groups(board: Board, rows: Sequence[_Row], by: str, unit: Headline) -> dict[str, Any] | None:
    """Return the rates by split, speaker or accent, the worst of the first model first; None with fewer than two."""
    grid = board.breakdown(by)
    if grid is None or len(grid.rows) < 2:
        return None
    found = [row.entry.score.groups.get(by, {}) for row in rows]

    def first_rate(value: str) -> float:
        rates = [groups[value].rate(unit).value for groups in found if value in groups]
        return -(next((rate for rate in rates if rate is not None), -1.0))

    by_value = {cells[0]: cells for cells in grid.rows}
    values = sorted(by_value, key=first_rate)[:ROWS]
    rest = len(by_value) - len(values)
    notes = (*grid.notes, f"{rest} more with lower rates are not listed.") if rest else grid.notes
    series = {
        row.label: [point(groups[value].rate(unit)) if value in groups else None for value in values]
        for row, groups in list(zip(rows, found, strict=True))[: MODELS - 2]
    }
    metric = RATE_NAMES[unit]
    title = f"{metric} by {by}, with {rows[0].entry.score.level:.0%} intervals"
    return {
        "by": by,
        "chart": (title, intervals(title, f"{metric} %", values, series)),
        "table": replace(grid, rows=tuple(by_value[value] for value in values), notes=notes),
    }


def _words(row: _Row, unit: Headline) -> dict[str, Any] | None:
    """Return a model's most frequent errors by word; None where it has none."""
    found = word_errors(row.utterances, unit, top=_WORDS)
    wrong = [
        (one.word, f"{one.errors:,}", f"{one.occurrences:,}", percent_text(one.errors / one.occurrences, digits=0))
        for one in found.wrong
    ]
    confused = [(one.reference, one.hypothesis, f"{one.count:,}") for one in found.confused]
    inserted = [(one.hypothesis, f"{one.count:,}") for one in found.inserted]
    tables = [
        _table("Replaced or left out", (unit, "wrong", "of", "%"), wrong, found.wrong_words),
        _table("Taken for another", ("reference", "model", "times"), confused, found.confused_pairs),
        _table("Put in", (unit, "times"), inserted, found.inserted_words),
    ]
    return {"label": row.label, "tables": shown} if (shown := [table for table in tables if table.rows]) else None


def _table(title: str, columns: tuple[str, ...], cells: Sequence[tuple[str, ...]], total: int) -> TextTable:
    """Return errors as a table, which says how many more there are."""
    more = total - len(cells)
    notes = (f"And {more:,} more.",) if more else ()
    return TextTable(title, columns, tuple(cells), notes, frozenset({"word", "character", "reference", "model"}))


def _about(run: Mapping[str, Any], leaderboard: Leaderboard) -> list[tuple[str, str]]:
    entries = [row.entry for board in leaderboard.boards for row in board.rows]
    wall = run.get("wall_s")
    pairs = [
        ("models", str(len({(one.model, one.model_hash) for one in entries}))),
        ("data sets", str(len({one.dataset_fingerprint for one in entries}))),
        ("clips", f"{sum(board.rows[0].entry.score.overall.utterances for board in leaderboard.boards):,}"),
        ("audio", _hours(sum(board.rows[0].entry.score.overall.audio_s for board in leaderboard.boards))),
        ("finished", _when(run.get("finished"))),
    ]
    return [*pairs, ("wall", _hours(wall))] if wall is not None else pairs


def _run_facts(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    machine, libraries = run.get("machine") or {}, run.get("libraries") or {}
    pairs = [
        ("run", run["id"]),
        ("Acento", run.get("acento")),
        *((name, machine.get(name)) for name in ("system", "python", "host")),
        *libraries.items(),
    ]
    return [(name, str(value)) for name, value in pairs if value]


def _title(run: Mapping[str, Any]) -> str:
    request = run.get("request") or {}
    models, datasets = (", ".join(map(str, request.get(name, ()))) for name in ("models", "datasets"))
    return f"{models} on {datasets}" if models and datasets else models or datasets


def _when(text: str | None) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M}" if text else "–"


def _hours(seconds: float) -> str:
    """Return a length of time.

    >>> _hours(12.34), _hours(125), _hours(5400)
    ('12.3 s', '2 min 5 s', '1.5 h')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _identity(result: Mapping[str, Any]) -> tuple[str, ...]:
    model, data = result["model"], result["dataset"]
    return model["id"], model["digest"], data["fingerprint"], data["split"], result["normalizer"]


def _key(entry: Entry) -> tuple[str, ...]:
    return entry.model, entry.model_hash, entry.dataset_fingerprint, entry.split, entry.score.normalizer
