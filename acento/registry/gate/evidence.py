"""What the gate looks at: a named part of a data set, and two models' scores of the very same clips, set side by side.

``demo`` is the split ``test`` of a data set, ``demo/dev`` another split, ``demo[accent=chilean]`` or
``demo/dev[speaker=ana]`` one accent or one speaker of it.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel

from acento.core.errors import InputError
from acento.core.text.language import same_language
from acento.data.utterance import SPLITS, primary_language
from acento.scoring.score import FAILED, SCORED, count_column

Column = Literal["accent", "speaker"]
COLUMNS: tuple[Column, ...] = ("accent", "speaker")

_FORM = re.compile(r"(?P<dataset>[^/\[\]]+)(?:/(?P<split>[^/\[\]]*))?(?:\[(?P<column>[^=\[\]]*)=(?P<value>.*)\])?")
_SHOWN = 10


class Selection(BaseModel, frozen=True, extra="forbid"):
    """A data set, a split of it, and perhaps one accent or one speaker.

    >>> Selection.parse("demo@2/dev[speaker=ana]")
    Selection(dataset='demo@2', split='dev', column='speaker', value='ana')
    >>> str(Selection.parse("demo/test"))
    'demo'
    """

    dataset: str
    """``NAME`` or ``NAME@VERSION``."""
    split: str = "test"
    column: Column | None = None
    value: str | None = None
    """The accent or the speaker; None where ``column`` is."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``NAME``, ``NAME/SPLIT``, ``NAME[accent=VALUE]`` or ``NAME/SPLIT[speaker=VALUE]``.

        Raises:
            InputError: it is of no such form, or names no such split or column.
        """
        found = _FORM.fullmatch(text.strip())
        if found is None:
            raise InputError(
                f"{text!r} names no set of clips; write DATASET, DATASET/SPLIT, or either with a filter, "
                "such as demo[accent=neutral]."
            )
        dataset, split, column, value = (part if part is None else part.strip() for part in found.groups())
        split = "test" if split is None else split
        if split not in SPLITS:
            raise InputError(f"{text!r} names the split {split!r}; there is {', '.join(SPLITS)}.")
        if column is None:
            return cls(dataset=dataset, split=split)
        known = next((name for name in COLUMNS if name == column), None)
        if known is None:
            raise InputError(f"{text!r} filters by {column!r}; clips can be filtered by {' or '.join(COLUMNS)}.")
        if not value:
            raise InputError(f"{text!r} filters by {known} and names none; write {known}=NAME.")
        return cls(dataset=dataset, split=split, column=known, value=value)

    def __str__(self) -> str:
        split = "" if self.split == "test" else f"/{self.split}"
        return f"{self.dataset}{split}" + ("" if self.column is None else f"[{self.column}={self.value}]")


def select(utterances: pa.Table, selection: Selection) -> pa.Table:
    """Return the rows of a score's table (of ``score_utterances``) that a selection names.

    Raises:
        InputError: it names none of them; the sentence lists what there is.
    """
    rows = utterances.filter(pc.equal(utterances["split"], selection.split))
    if not len(rows):
        there = ", ".join(sorted(set(utterances["split"].to_pylist()))) or "no clip at all"
        raise InputError(f"{selection} holds no clip: the score has none of split {selection.split} (it has {there}).")
    if selection.column is None:
        return rows
    kept = rows.filter(pc.equal(rows[selection.column], selection.value))
    if not len(kept):
        values = sorted({value for value in rows[selection.column].to_pylist() if value is not None})
        there = ", ".join(values[:_SHOWN]) + (", …" if len(values) > _SHOWN else "") if values else "none is known"
        raise InputError(
            f"{selection} holds no clip: no {selection.column} of {selection.dataset}/{selection.split} "
            f"is called {selection.value!r} (there is: {there})."
        )
    return kept


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two models' tables of utterances (of ``score_utterances``) on the same clips under the same normalizer."""

    name: str
    """As the person named the set, such as ``demo[accent=neutral]``."""
    incumbent: pa.Table
    """Of today's production model, or of the base where there is none."""
    candidate: pa.Table
    languages: frozenset[str] = frozenset()
    """What languages the clips are in, as the data set says; empty where it does not."""
    told: str | None = None
    """The language that the models were told to write; None: they found it out by themselves."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """The clips that both models have a score for, in the order of their ids, and how many there are besides."""

    lengths: npt.NDArray[np.int64]
    """Reference words of each clip."""
    incumbent: npt.NDArray[np.int64]
    """Word errors of each clip."""
    candidate: npt.NDArray[np.int64]
    speakers: tuple[str | None, ...]
    same_texts: bool
    """Whether the two wrote the same (normalized) text for every clip."""
    left_out: int
    """Clips that one of the two failed on; they are not scored as if nothing had been said."""
    without_reference: int
    lost: tuple[str, ...]
    """Clips that the incumbent transcribed and the candidate failed on."""


def pair(evidence: Evidence) -> Pairs:
    """Set the two tables side by side, clip by clip.

    Raises:
        InputError: they are not of the same clips, or a reference differs: other data, or another normalizer.
    """
    old, new = (table.sort_by("id") for table in (evidence.incumbent, evidence.candidate))
    ids, others = old["id"].to_pylist(), new["id"].to_pylist()
    if ids != others:
        odd = sorted(set(ids) ^ set(others)) or sorted({name for name in ids + others if ids.count(name) > 1})
        raise InputError(
            f"The two models were not measured on the same clips of {evidence.name}: {len(odd)} clips are not exactly "
            f"once in both scores (such as {odd[0]}); benchmark both on the same version of the data set."
        )
    statuses = list(zip(old["status"].to_pylist(), new["status"].to_pylist(), strict=True))
    both = [index for index, status in enumerate(statuses) if status == (SCORED, SCORED)]
    old_scored, new_scored = old.take(pa.array(both, pa.int64())), new.take(pa.array(both, pa.int64()))
    references = [table["normalized_reference"].to_pylist() for table in (old_scored, new_scored)]
    for name, one, other in zip(old_scored["id"].to_pylist(), *references, strict=True):
        if one != other:
            raise InputError(
                f"The two scores of {evidence.name} have different references for {name}; "
                "score both with the same normalizer on the same version of the data set."
            )
    failed = [FAILED in status for status in statuses]
    lost = [name for name, (before, after) in zip(ids, statuses, strict=True) if before != FAILED and after == FAILED]
    texts = [table["normalized_hypothesis"].to_pylist() for table in (old_scored, new_scored)]
    return Pairs(
        lengths=count_column(old_scored, "word_length"),
        incumbent=count_column(old_scored, "word_errors"),
        candidate=count_column(new_scored, "word_errors"),
        speakers=tuple(old_scored["speaker"].to_pylist()),
        same_texts=texts[0] == texts[1],
        left_out=sum(failed),
        without_reference=len(ids) - len(both) - sum(failed),
        lost=tuple(lost),
    )


def foreign_languages(languages: Collection[str], told: str | None) -> list[str]:
    """Return the languages of a set's clips that are not the one the models were told to write; regions are the same.

    >>> foreign_languages({"es-CL", "es"}, "es"), foreign_languages({"en"}, "es"), foreign_languages({"en"}, None)
    ([], ['en'], [])
    """
    if told is None:
        return []
    return sorted(language for language in languages if not _same(language, told))


def _same(language: str, told: str) -> bool:
    if primary_language(language) == primary_language(told):
        return True
    try:
        return same_language(language, told)
    except InputError:
        return False
