"""From hypotheses to a score: a row of counts for each utterance, then sums and rates with their intervals.

Missing, failed and empty are three different things. An utterance whose model said nothing ("") is scored, all its
words deleted. One that failed is listed with its reason and not scored. One that is missing stops the scoring.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel

from acento.core.errors import InputError
from acento.core.text import Normalizer
from acento.scoring.batches import BATCH, Utterances, batches, without_texts
from acento.scoring.counting.counted import count_texts
from acento.scoring.counting.counts import ErrorCounts
from acento.scoring.counting.headline import RATE_NAMES, Headline, counter, described, headline, headline_of
from acento.scoring.errors.summary import OtherErrors, other_errors
from acento.scoring.statistics.bootstrap import LEVEL, RESAMPLES, Draws, Interval, Numbers, interval, macro_interval
from acento.scoring.statistics.units import FEW_SPEAKERS, SPEAKER_SEEN, UnitKind, units_of
from acento.scoring.table import percent_text

SCORED, FAILED, NO_REFERENCE = "scored", "failed", "no_reference"
GROUPINGS = ("split", "speaker", "accent")

COUNTS = ("substitutions", "insertions", "deletions", "hits")
_NOT_SCORED = ("", "ignore time segment in scoring")
"""What the Open ASR leaderboard drops (``is_target_text_in_range`` of its ``normalizer/data_utils.py``)."""

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("status", pa.string()),
        ("split", pa.string()),
        ("speaker", pa.string()),
        (SPEAKER_SEEN, pa.bool_()),
        ("accent", pa.string()),
        ("duration_s", pa.float64()),
        ("reference", pa.string()),
        ("hypothesis", pa.string()),
        ("error", pa.string()),
        ("normalized_reference", pa.string()),
        ("normalized_hypothesis", pa.string()),
        *((f"{unit}_{count}", pa.int64()) for unit in RATE_NAMES for count in COUNTS),
    ]
)
"""The columns of a table of utterances; ``status`` is scored, failed or no_reference; only the scored have counts."""
_FIELDS = [(field.name, field.type) for field in SCHEMA]


@dataclass(frozen=True, slots=True)
class UtteranceResult:
    """A reference, its hypothesis or why there is none, and what is known of the clip."""

    id: str
    reference: str | None
    """As it was given; None when there is none."""
    hypothesis: str | None
    """As the model gave it, "" if it gave nothing; None when it failed."""
    error: str | None
    """Why there is no hypothesis, or None."""
    split: str
    speaker: str | None
    accent: str | None
    duration_s: float | None
    """None when it is not known."""
    speaker_seen: bool | None = None
    """Whether the speaker is in the training split too; None where the speaker or the training split is not known."""
    alternatives: bool = False
    """Whether the reference holds alternations and optional words; see :mod:`acento.scoring.counting.alternatives`."""


class Rate(BaseModel, frozen=True):
    """A rate as a fraction, with its interval; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None
    approximate: bool = False
    """Whether there are too few speakers for the interval to be trusted."""

    def text(self, *, digits: int = 2, bounds: int | None = None, unit: str = "") -> str:
        """Return it as a person reads it; see :func:`acento.scoring.table.percent_text`."""
        return percent_text(
            self.value, self.low, self.high, digits=digits, bounds=bounds, unit=unit, approximate=self.approximate
        )

    def rounded(self) -> "Rate":
        """Return it with 12 decimals, so that the order of a floating-point sum cannot change a byte."""
        ends = {name: getattr(self, name) for name in ("value", "low", "high")}
        return self.model_copy(update={name: end if end is None else round(end, 12) for name, end in ends.items()})


class GroupScore(BaseModel, frozen=True):
    """The score of a group of utterances."""

    utterances: int
    """All of them: scored, failed and without reference."""
    scored: int
    failed: int
    without_reference: int
    """Transcribed, but with nothing to compare with."""
    audio_s: float
    """Seconds of audio of all utterances whose length is known."""
    words: ErrorCounts
    characters: ErrorCounts
    wer: Rate
    """Corpus WER: the sum of word errors over the sum of reference words."""
    cer: Rate
    """Corpus CER, spaces between words counted as characters where the script has them."""
    macro_wer: Rate
    """The mean of the utterances' own WER."""
    undefined: int
    """Scored utterances with an empty reference: they have no WER of their own and are not in ``macro_wer``."""
    empty_references: int = 0
    """Of those without reference: their reference is empty once normalized, and the normalizer drops such clips."""

    def rate(self, headline: Headline) -> Rate:
        """Return the corpus WER or CER."""
        return self.wer if headline == "word" else self.cer


class Failure(BaseModel, frozen=True):
    """An utterance that has no hypothesis, and why."""

    id: str
    reason: str


class Score(BaseModel, frozen=True):
    """What a run is worth: ``score.json``. The same utterances and normalizer give the same bytes."""

    normalizer: str
    """Name and version, such as ``chilean-leaderboard-1``."""
    resamples: int
    seed: int
    level: float
    overall: GroupScore
    groups: dict[str, dict[str, GroupScore]]
    """By ``split``, ``speaker`` and ``accent`` where known, then by value, sorted."""
    failures: tuple[Failure, ...]
    """Every failed utterance, by id."""
    unit: UnitKind = "clip"
    """What the overall intervals draw."""
    units: int | None = None
    """How many scored clips or speakers were drawn; None in a score of before this was written down."""
    speakers: int = 0
    """Different speakers of the scored clips."""
    seen: bool = False
    """Whether these speakers are in the training split too: the intervals then hold for these people."""
    headline: Headline = "word"
    """``character`` where the script has no spaces: CER is then what models are ranked by."""

    other_errors: OtherErrors | None = None
    """Of punctuation and casing, hallucinations, gaps between groups; None in a score of before these were counted."""

    @property
    def rate(self) -> Rate:
        """The headline: the corpus WER, or CER where the script has no spaces."""
        return self.overall.rate(self.headline)

    @property
    def rate_name(self) -> str:
        """``WER``, or ``CER`` where that is the headline."""
        return RATE_NAMES[self.headline]

    @property
    def few(self) -> bool:
        """Whether there are too few unseen speakers for the intervals to be trusted."""
        return self.unit == "speaker" and self.units is not None and self.units < FEW_SPEAKERS


def score_utterances(results: Iterable[UtteranceResult], normalizer: Normalizer) -> pa.Table:
    """Return a row for each utterance (see ``SCHEMA``), sorted by id.

    Raises:
        InputError: an id is there twice, has both a hypothesis and an error, or neither (the run is not complete).
    """
    table = pa.Table.from_batches(score_batches(results, normalizer), described(SCHEMA, normalizer))
    table = sorted_by_id(table)
    check_rows(table)
    return table


def score_batches(results: Iterable[UtteranceResult], normalizer: Normalizer) -> Iterator[pa.RecordBatch]:
    """Yield rows of a table of utterances (see ``SCHEMA``) in batches, in the order of the results, unchecked."""
    schema, remaining = described(SCHEMA, normalizer), iter(results)
    while rows := list(islice(remaining, BATCH)):
        columns = _columns(rows, normalizer)
        yield pa.record_batch([pa.array(columns[name], kind) for name, kind in _FIELDS], schema=schema)


def sorted_by_id(table: pa.Table) -> pa.Table:
    """Return a table of utterances in the order of its ids: itself, where it is so already."""
    ids = table["id"]
    in_order = len(table) < 2 or pc.all(pc.less_equal(ids[:-1], ids[1:])).as_py()
    return table if in_order else table.sort_by("id")


def summarize(utterances: Utterances, normalizer: Normalizer, **draws: Unpack[Draws]) -> Score:
    """Return the score of a table that ``score_utterances`` made with this normalizer, or of the file of one.

    Intervals, overall and of each group, draw what ``units_of`` says: speakers where they are known and unseen, else
    clips. Those of a single speaker draw the speaker's clips.
    """
    other = other_errors(utterances, **draws)
    counted = without_texts(utterances).drop_columns("id")
    units = units_of(scored(counted))
    overall = _group(counted, draws)
    groups = {
        name: {
            value: overall if len(rows) == len(counted) else _group(rows, draws)
            for value, rows in rows_by(counted, name)
        }
        for name in GROUPINGS
    }
    failed = (
        row
        for batch in batches(utterances, ("id", "error", "status"))
        for row in batch.filter(pc.equal(batch["status"], FAILED)).to_pylist()
    )
    return Score(
        normalizer=normalizer.identity,
        resamples=draws.get("resamples", RESAMPLES),
        seed=draws.get("seed", 0),
        level=draws.get("level", LEVEL),
        overall=overall,
        groups={name: found for name, found in groups.items() if found},
        failures=tuple(Failure(id=row["id"], reason=row["error"]) for row in failed),
        unit=units.kind,
        units=units.count,
        speakers=units.speakers,
        seen=units.seen,
        headline=headline_of(normalizer),
        other_errors=other,
    )


def count_column(utterances: pa.Table, name: str) -> npt.NDArray[np.int64]:
    """Return counts of scored utterances: ``word_`` or ``character_``, then ``errors``, ``length`` or a count.

    Raises:
        KeyError: there is no such count.
    """
    unit, _, count = name.partition("_")
    parts = {"errors": COUNTS[:3], "length": ("substitutions", "deletions", "hits")}.get(count, (count,))
    columns = [utterances[f"{unit}_{part}"].to_numpy().astype(np.int64) for part in parts]
    total: npt.NDArray[np.int64] = np.sum(columns, axis=0, dtype=np.int64)
    return total


def counts_of(utterances: pa.Table, unit: str) -> ErrorCounts:
    """Return the counts of all scored utterances together, of the unit ``word`` or ``character``."""
    return ErrorCounts(**{name: int(count_column(utterances, f"{unit}_{name}").sum()) for name in COUNTS})


def rows_by(utterances: pa.Table, column: str) -> list[tuple[str, pa.Table]]:
    """Return the rows of each known value of a column, sorted by value."""
    values = sorted(value for value in pc.unique(utterances[column]).to_pylist() if value is not None)
    return [(value, utterances.filter(pc.equal(utterances[column], value))) for value in values]


def scored(utterances: pa.Table) -> pa.Table:
    """Return the rows that have counts."""
    wanted = pc.equal(utterances["status"], SCORED)
    return utterances if pc.all(wanted).as_py() else utterances.filter(wanted)


def rate_of(errors: Numbers, lengths: Numbers, **draws: Unpack[Draws]) -> Rate:
    """Return the sum of errors over the sum of reference lengths, with its interval."""
    total = np.sum(lengths)
    return _rate(float(np.sum(errors) / total) if total else None, interval(errors, lengths, **draws))


def with_units(utterances: pa.Table, draws: Draws) -> Draws:
    """Return draws with the groups that ``units_of`` names for these rows, unless groups are given already.

    The clips of a single speaker are drawn: no interval could be made of one speaker.
    """
    if "groups" in draws:
        return draws
    units = units_of(utterances)
    return Draws(**draws, groups=units.groups if units.count > 1 else None)


def headline_columns(utterances: pa.Table) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return errors and reference lengths of scored utterances, in words, or characters where they are the headline."""
    unit = headline(utterances)
    return count_column(utterances, f"{unit}_errors"), count_column(utterances, f"{unit}_length")


def headline_rate(utterances: pa.Table, **draws: Unpack[Draws]) -> Rate:
    """Return the corpus WER of the scored rows of a table, or CER where that is the headline; not rounded."""
    rows = scored(utterances)
    return rate_of(*headline_columns(rows), **with_units(rows, draws))


def _columns(rows: Sequence[UtteranceResult], normalizer: Normalizer) -> dict[str, list[Any]]:
    """Return the columns of ``SCHEMA`` for some results, as lists."""
    columns: dict[str, list[Any]] = {
        name.name: [getattr(row, name.name) for row in rows] for name in fields(UtteranceResult)
    }
    for text in ("reference", "hypothesis"):
        columns[f"normalized_{text}"] = [None if one is None else normalizer(one) for one in columns[text]]
    dropped = _NOT_SCORED if normalizer.drop_empty_references else ()
    columns["status"] = [
        FAILED if row.error is not None else NO_REFERENCE if row.reference is None or text in dropped else SCORED
        for row, text in zip(rows, columns["normalized_reference"], strict=True)
    ]
    words: list[ErrorCounts | None] = [None] * len(rows)
    characters: list[ErrorCounts | None] = [None] * len(rows)
    count = counter(normalizer, "character")
    said, heard = columns["normalized_reference"], columns["normalized_hypothesis"]
    for index, row in enumerate(rows):
        if columns["status"][index] == SCORED and row.hypothesis is not None:
            marked = row.reference if row.alternatives else None
            found = count_texts(said[index], heard[index], normalizer, marked)
            said[index], heard[index], words[index] = found.reference, found.hypothesis, found.words
            characters[index] = count(found.reference, found.hypothesis)
    for unit, counts in (("word", words), ("character", characters)):
        for name in COUNTS:
            columns[f"{unit}_{name}"] = [None if one is None else getattr(one, name) for one in counts]
    return columns


def check_rows(table: pa.Table) -> None:
    """Raise an InputError if an id of a table, sorted by id, is there twice, or has not one of hypothesis and error."""
    ids, texts, errors = table["id"], pc.is_valid(table["hypothesis"]), pc.is_valid(table["error"])
    again = pc.equal(ids[1:], ids[:-1]) if len(ids) > 1 else pa.array([], pa.bool_())
    for what, found in (
        ("occur more than once", pc.unique(ids[1:].filter(again))),
        ("have both a hypothesis and an error", ids.filter(pc.and_(texts, errors))),
        (
            "have neither a hypothesis nor an error: the run is not complete, run it again to resume it",
            ids.filter(pc.invert(pc.or_(texts, errors))),
        ),
    ):
        if len(found):
            names = ", ".join(found[:5].to_pylist()) + (", …" if len(found) > 5 else "")
            raise InputError(f"{len(found)} utterance ids {what}: {names}.")


def _group(utterances: pa.Table, draws: Draws) -> GroupScore:
    rows = scored(utterances)
    draws = with_units(rows, draws)
    statuses = {row["values"]: row["counts"] for row in pc.value_counts(utterances["status"]).to_pylist()}
    errors, lengths = count_column(rows, "word_errors"), count_column(rows, "word_length")
    defined = lengths > 0
    rates = errors[defined] / lengths[defined]
    groups = draws.get("groups")
    per_clip = Draws(**draws)
    if groups is not None:
        per_clip["groups"] = np.array(groups, dtype=object)[defined].tolist()
    return GroupScore(
        utterances=len(utterances),
        scored=len(rows),
        failed=statuses.get(FAILED, 0),
        without_reference=statuses.get(NO_REFERENCE, 0),
        audio_s=round(math.fsum(pc.fill_null(utterances["duration_s"], 0.0).to_numpy()), 6),
        words=counts_of(rows, "word"),
        characters=counts_of(rows, "character"),
        wer=rate_of(errors, lengths, **draws).rounded(),
        cer=rate_of(count_column(rows, "character_errors"), count_column(rows, "character_length"), **draws).rounded(),
        macro_wer=_rate(
            math.fsum(rates) / len(rates) if len(rates) else None, macro_interval(rates, **per_clip)
        ).rounded(),
        undefined=len(rows) - len(rates),
        empty_references=pc.sum(
            pc.and_(pc.equal(utterances["status"], NO_REFERENCE), pc.is_valid(utterances["reference"]))
        ).as_py()
        or 0,
    )


def _rate(value: float | None, bounds: Interval | None) -> Rate:
    if bounds is None:
        return Rate(value=value, low=None, high=None)
    return Rate(value=value, low=bounds.low, high=bounds.high, approximate=bounds.approximate)
