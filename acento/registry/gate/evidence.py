"""What the gate looks at: a named part of a data set, two models' scores of the very same clips, and how often a test
split has been looked at: the best of many models looks better on it than it is.

``demo`` is the split ``test`` of a data set, ``demo/dev`` another split, ``demo[accent=chilean]`` or
``demo/dev[speaker=ana]`` one accent or one speaker of it.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel

from acento.core.errors import InputError
from acento.core.store import Store
from acento.core.text.language import same_language
from acento.data.dataset import Card, load_card, versions
from acento.data.utterance import ALL, SPLITS, primary_language
from acento.registry.runs.records import entries_of
from acento.scoring.counting.headline import Headline, headline, normalizer_of
from acento.scoring.entry import Entry
from acento.scoring.score import FAILED, SCORED, headline_columns
from acento.scoring.statistics.units import Units, units_of
from acento.scoring.table import counted

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
        if column not in COLUMNS:
            raise InputError(f"{text!r} filters by {column!r}; clips can be filtered by {' or '.join(COLUMNS)}.")
        if not value:
            raise InputError(f"{text!r} filters by {column} and names none; write {column}=NAME.")
        return cls.model_validate({"dataset": dataset, "split": split, "column": column, "value": value})

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
    written: str | None = None
    """The language that the models were told to write; None: they found it out by themselves."""
    of_one_speaker: bool = False
    """Whether the person named one speaker: the claim is about this one, and clips are drawn."""

    @property
    def foreign(self) -> list[str]:
        """The languages of its clips that the models were not told to write."""
        return foreign_languages(self.languages, self.written)


@dataclass(frozen=True, slots=True)
class Pairs:
    """The clips that both models have a score for, in the order of their ids, and how many there are besides."""

    lengths: npt.NDArray[np.int64]
    """Reference words of each clip, or characters where they are the headline."""
    incumbent: npt.NDArray[np.int64]
    """Errors of each clip, in the same unit."""
    candidate: npt.NDArray[np.int64]
    speakers: tuple[str | None, ...]
    units: Units
    """What an interval of these clips draws."""
    same_texts: bool
    """Whether the two wrote the same (normalized) text for every clip."""
    left_out: int
    """Clips that one of the two failed on; they are not scored as if nothing had been said."""
    without_reference: int
    lost: tuple[str, ...]
    """Clips that the incumbent transcribed and the candidate failed on."""
    headline: Headline
    normalizer: str | None
    """Name and version of the rule that both were scored by; None in scores of before tables said it."""


def pair(evidence: Evidence) -> Pairs:
    """Set the two tables side by side, clip by clip.

    Raises:
        InputError: they are not of the same clips, or a reference differs: other data, or another normalizer.
    """
    tables = evidence.incumbent, evidence.candidate
    rules = sorted({rule for rule in map(normalizer_of, tables) if rule is not None})
    if len(rules) > 1:
        raise InputError(
            f"The two models were scored on {evidence.name} by two normalizers, {' and '.join(rules)}; "
            "benchmark both with the same one."
        )
    old, new = (table.sort_by("id") for table in tables)
    ids, others = old["id"].to_pylist(), new["id"].to_pylist()
    if ids != others:
        odd = sorted(set(ids) ^ set(others)) or sorted({name for name in ids + others if ids.count(name) > 1})
        raise InputError(
            f"The two models were not measured on the same clips of {evidence.name}: {len(odd)} clips are not exactly "
            f"once in both scores (such as {odd[0]}); benchmark both on the same version of the data set."
        )
    statuses = list(zip(old["status"].to_pylist(), new["status"].to_pylist(), strict=True))
    both = [status == (SCORED, SCORED) for status in statuses]
    old, new = (table.filter(pa.array(both, pa.bool_())) for table in (old, new))
    differing = old.filter(pc.not_equal(old["normalized_reference"], new["normalized_reference"]))["id"].to_pylist()
    if differing:
        raise InputError(
            f"The two scores of {evidence.name} have different references for {differing[0]}; "
            "score both with the same normalizer on the same version of the data set."
        )
    failed = sum(FAILED in status for status in statuses)
    lost = [name for name, (before, after) in zip(ids, statuses, strict=True) if before != FAILED and after == FAILED]
    return Pairs(
        lengths=headline_columns(old)[1],
        incumbent=headline_columns(old)[0],
        candidate=headline_columns(new)[0],
        speakers=tuple(old["speaker"].to_pylist()),
        units=units_of(new),
        same_texts=old["normalized_hypothesis"] == new["normalized_hypothesis"],
        left_out=failed,
        without_reference=len(ids) - sum(both) - failed,
        lost=tuple(lost),
        headline=headline(old),
        normalizer=rules[0] if rules else None,
    )


def foreign_languages(languages: Collection[str], written: str | None) -> list[str]:
    """Return the languages of a set's clips that are not the one the models were told to write; regions are the same.

    >>> foreign_languages({"es-CL", "es"}, "es"), foreign_languages({"en"}, "es"), foreign_languages({"en"}, None)
    ([], ['en'], [])
    """

    def same(language: str, written: str) -> bool:
        try:
            return primary_language(language) == primary_language(written) or same_language(language, written)
        except InputError:
            return False

    return [] if written is None else sorted(language for language in languages if not same(language, written))


class SplitUse(BaseModel, frozen=True):
    """How many models a test split has judged so far, in how many runs."""

    dataset: str
    split: str
    models: int
    """Different by content: a model that was run twice is one."""
    runs: int

    @property
    def sentence(self) -> str:
        """What a person should know of it."""
        where = f"the {self.split} split of {self.dataset}"
        if not self.models:
            return f"No model has been judged on {where} before."
        return (
            f"{where[0].upper()}{where[1:]} has judged {counted(self.models, 'model')} in {counted(self.runs, 'run')} "
            "so far; each further look makes the best of them look better than it is."
        )


def count_uses(entries: Iterable[Entry], dataset: str, fingerprints: Collection[str], split: str) -> SplitUse:
    """Count the models and runs among ``entries`` that were measured on a split of some versions, in part or whole.

    A run on all splits together has looked at each of them.
    """
    looks = [entry for entry in entries if entry.split in (split, ALL) and entry.dataset_fingerprint in fingerprints]
    return SplitUse(
        dataset=dataset,
        split=split,
        models=len({entry.model_hash for entry in looks}),
        runs=len({entry.run for entry in looks}),
    )


def split_use(store: Store, card: Card, split: str = "test") -> SplitUse:
    """Count every finished run in the store on a split of a data set.

    All its versions count: a clip never moves from one split to another, so that each version's test split holds those
    of the versions before.
    """
    fingerprints = {load_card(store, f"{card.name}@{number}").fingerprint for number in versions(store, card.name)}
    entries = (entry for run in store.list("runs") for entry, _ in entries_of(store, run))
    return count_uses(entries, card.name, fingerprints | {card.fingerprint}, split)
