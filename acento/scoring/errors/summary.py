"""Errors besides those of words: punctuation, casing, hallucinations, gaps between groups; and their table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Unpack

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel

from acento.scoring.batches import Utterances, batches, without_texts
from acento.scoring.counting.headline import headline
from acento.scoring.errors.hallucinations import SIGNS, Hallucinations, Heard, hallucinations
from acento.scoring.errors.written_form import CasingErrors, PunctuationErrors, written_form
from acento.scoring.statistics.bootstrap import Draws, Interval
from acento.scoring.statistics.gap import LEAST_CLIPS, Gap, gap
from acento.scoring.statistics.units import units_of
from acento.scoring.table import NO_VALUE, TextTable, percent, percent_text

Cell = str | int | float | None
GROUPS = ("speaker", "accent")
_GAP = f"Gap: error rate of the worst group less the best's, in points; groups of at least {LEAST_CLIPS} clips."
_NOTES = {
    "PER %": "PER: punctuation marks that are wrong, missing or extra, over these and the right ones.",
    "casing %": "Casing: right words that differ in upper and lower case.",
    "hallucinated": "Hallucinated: clips with text where nobody speaks, with a loop, or far too much of it.",
    "gap by speaker": _GAP,
    "gap by accent": _GAP,
    "changed": "Changed: texts of a sample that differ when it is transcribed one clip at a time.",
}
"""The columns of the table, and what stands below it."""


class OtherErrors(BaseModel, frozen=True):
    """What a system gets wrong besides words."""

    punctuation: PunctuationErrors | None
    """None when no reference has a punctuation mark."""
    casing: CasingErrors | None
    """None when the references know one case only."""
    hallucinations: Hallucinations
    gaps: dict[str, Gap]
    """Between groups by ``speaker`` and ``accent``, where two or more have enough clips; of CER where scripts have no
    spaces between words."""


def other_errors(utterances: Utterances, **draws: Unpack[Draws]) -> OtherErrors:
    """Count the errors besides words in a table of utterances (``score_utterances``), or the file of one.

    Intervals draw what ``units_of`` says. Characters are counted instead of words where they are the headline.
    """
    counted = without_texts(utterances).drop_columns("id")
    known = pc.and_(pc.is_valid(counted["reference"]), pc.is_valid(counted["hypothesis"]))
    rows = counted if pc.all(known).as_py() else counted.filter(known)
    if "groups" not in draws:
        units = units_of(rows)
        draws["groups"] = units.groups if units.count > 1 else None
    unit = headline(counted)
    columns = ("id", "normalized_reference", "normalized_hypothesis", "duration_s", f"{unit}_insertions")
    clips = (
        Heard(id, (reference, hypothesis), duration_s, insertions or 0)
        for id, reference, hypothesis, duration_s, insertions in _Rows(utterances, known, columns)
    )
    references, hypotheses = (_Texts(utterances, known, (name,)) for name in ("reference", "hypothesis"))
    written = written_form(references, hypotheses, **draws)
    return OtherErrors(
        punctuation=written.punctuation,
        casing=written.casing,
        hallucinations=hallucinations(clips, characters=unit == "character", **draws),
        gaps=_gaps(_counted(rows, unit), unit, draws),
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """The values of some columns where ``known`` is true: read in batches, as often as somebody goes through them."""

    utterances: Utterances
    known: pa.ChunkedArray
    columns: tuple[str, ...]

    def __iter__(self) -> Iterator[Any]:
        start = 0
        for batch in batches(self.utterances, self.columns):
            here = batch.filter(self.known.slice(start, len(batch)).combine_chunks())
            yield from zip(*(here[name].to_pylist() for name in self.columns), strict=True)
            start += len(batch)


class _Texts(_Rows):
    """Those of a single column."""

    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        return (text for (text,) in _Rows.__iter__(self))


def _counted(rows: pa.Table, unit: str) -> pa.Table:
    """Return the rows that have counts: no copy where all have."""
    known = pc.is_valid(rows[f"{unit}_hits"])
    return rows if pc.all(known).as_py() else rows.filter(known)


def _gaps(rows: pa.Table, unit: str, draws: Draws) -> dict[str, Gap]:
    names = ("substitutions", "deletions", "insertions", "hits")
    wrong, missing, extra, right = (rows[f"{unit}_{name}"].to_numpy().astype(int) for name in names)
    errors, lengths = wrong + missing + extra, wrong + missing + right
    drawn = {"speaker": None, "accent": units_of(rows).groups}  # of one speaker, clips are what varies
    found = {}
    for by in GROUPS:
        found[by] = gap(errors, lengths, rows[by].to_pylist(), **Draws(**draws | {"groups": drawn[by]}))
    return {by: one for by, one in found.items() if one is not None}


class BatchCheck(BaseModel, frozen=True):
    """Whether the batch size changes texts: a sample of clips transcribed again, one at a time."""

    batch_size: int
    """That of the run."""
    clips: int
    """Those that have a text both times."""
    changed: int
    """Those whose texts differ, as the model wrote them."""
    examples: tuple[str, ...] = ()
    """The first ids of these, sorted."""


Measured = tuple[OtherErrors | None, BatchCheck | None]
"""What a score (None where it was made before these errors were counted) and a run say of errors besides words."""


def errors_table(models: Mapping[str, Measured]) -> TextTable | None:
    """Return a row of errors besides words for each model, by name; None where there is nothing to say.

    A column is there when one of the models has a value for it; that of hallucinations when one has some.
    """
    cells = {name: _cells(*measured) for name, measured in models.items()}
    columns = [column for column in _NOTES if any(row[column] != NO_VALUE for row in cells.values())]
    if not any(other.hallucinations.any.count for other, _ in models.values() if other is not None):
        columns = [column for column in columns if column != "hallucinated"]
    if not columns:
        return None
    return TextTable(
        title="Errors besides words",
        columns=("model", *columns),
        rows=tuple((name, *(row[column] for column in columns)) for name, row in cells.items()),
        notes=tuple(dict.fromkeys(_NOTES[column] for column in columns)),
        text=frozenset({"model"}),
    )


def error_columns(other: OtherErrors | None, check: BatchCheck | None) -> dict[str, Cell]:
    """Return the errors besides words under the names that CSV files use: rates in percent, None where not known."""
    columns: dict[str, Cell] = {}
    marks, casing = (None, None) if other is None else (other.punctuation, other.casing)
    columns |= _rate_columns("per", *_rate(marks))
    columns |= {f"punctuation_{name}": percent(getattr(marks, name, None)) for name in ("precision", "recall", "f1")}
    columns |= _rate_columns("casing", *_rate(casing))
    for name in ("any", *SIGNS):
        column = "hallucinated" if name == "any" else f"hallucinated_{name}"
        columns[column] = getattr(other.hallucinations, name).count if other else None
    for by in GROUPS:
        one = other.gaps.get(by) if other else None
        columns |= _rate_columns(f"gap_{by}", None if one is None else one.delta, one)
        columns |= {f"gap_{by}_{side}": getattr(one, side, None) for side in ("best", "worst")}
    return columns | {f"batch_check_{name}": getattr(check, name, None) for name in ("clips", "changed")}


def _rate_columns(name: str, value: float | None, bounds: Interval | Gap | None) -> dict[str, Cell]:
    ends = {f"{name}_{end}": percent(getattr(bounds, end, None)) for end in ("low", "high")}
    return {name: percent(value), **ends}


def _cells(other: OtherErrors | None, check: BatchCheck | None) -> dict[str, str]:
    cells = dict.fromkeys(_NOTES, NO_VALUE)
    if other is not None:
        for column, found in (("PER %", other.punctuation), ("casing %", other.casing)):
            value, bounds = _rate(found)
            cells[column] = percent_text(value, getattr(bounds, "low", None), getattr(bounds, "high", None), digits=1)
        seen = other.hallucinations.any
        cells["hallucinated"] = f"{seen.count} of {seen.of}"
        for by, one in other.gaps.items():
            cells[f"gap by {by}"] = percent_text(one.delta, one.low, one.high, digits=1)
    if check is not None:
        cells["changed"] = f"{check.changed} of {check.clips}"
    return cells


def _rate(found: PunctuationErrors | CasingErrors | None) -> tuple[float | None, Interval | None]:
    return (None, None) if found is None else (found.rate, found.interval)
