"""What goes wrong in many clips: words most often wrong, words taken for others, clips with the highest error rate.

All of it is counted from the alignments of normalized texts, over tables of ``score_utterances``.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from acento.scoring.counting.alignment import align, tokens
from acento.scoring.counting.headline import Headline
from acento.scoring.score import count_column, scored

TOP = 20
"""How many of each kind are returned by default; the others are counted."""

T = TypeVar("T", str, tuple[str, str])

Pair = tuple[str, str]
"""A word of the reference and that of the hypothesis; "" for none: ("", x) was put in, (x, "") left out."""


@dataclass(frozen=True, slots=True)
class WrongWord:
    """A word of the references, and how often it was replaced or left out."""

    word: str
    errors: int
    occurrences: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """A word of the references that was replaced by another; of an insertion ``reference`` is ""."""

    reference: str
    hypothesis: str
    count: int


@dataclass(frozen=True, slots=True)
class WordErrors:
    """Errors by word, the most frequent first, at most ``top`` of each kind."""

    wrong: tuple[WrongWord, ...]
    confused: tuple[Confusion, ...]
    inserted: tuple[Confusion, ...]
    wrong_words: int
    """Different words that were wrong at least once."""
    confused_pairs: int
    inserted_words: int


def error_pairs(utterances: pa.Table, unit: Headline = "word") -> Counter[Pair]:
    """Count each error of the scored clips by its two words.

    >>> from acento.core.text import normalizer
    >>> from acento.scoring.score import UtteranceResult, score_utterances
    >>> clip = UtteranceResult("a", "sí po sí", "si po", None, "test", None, None, 1.0)
    >>> sorted(error_pairs(score_utterances([clip], normalizer("basic"))).items())
    [(('sí', ''), 1), (('sí', 'si'), 1)]
    """
    rows = scored(utterances)
    rows = rows.filter(pa.array(count_column(rows, f"{unit}_errors") > 0))
    return Counter(
        (one.reference, one.hypothesis)
        for reference, hypothesis in _texts(rows)
        for one in align(reference, hypothesis, unit)
        if one.kind != "hit"
    )


def word_errors(utterances: pa.Table, unit: Headline = "word", *, top: int = TOP) -> WordErrors:
    """Return which words of the scored clips are most often wrong, taken for another, or put in."""
    pairs = error_pairs(utterances, unit)
    missed: Counter[str] = Counter()
    for (reference, _), count in pairs.items():
        if reference:
            missed[reference] += count
    said = Counter(word for reference, _ in _texts(scored(utterances)) for word in tokens(reference, unit))
    confused = {pair: count for pair, count in pairs.items() if all(pair)}
    inserted = {pair: count for pair, count in pairs.items() if not pair[0]}
    return WordErrors(
        wrong=tuple(WrongWord(word, count, said[word]) for word, count in _most(missed, top)),
        confused=tuple(Confusion(*pair, count) for pair, count in _most(confused, top)),
        inserted=tuple(Confusion(*pair, count) for pair, count in _most(inserted, top)),
        wrong_words=len(missed),
        confused_pairs=len(confused),
        inserted_words=len(inserted),
    )


@dataclass(frozen=True, slots=True)
class WorstClip:
    """A clip and the errors that one or several models made in it, added up."""

    id: str
    errors: int
    length: int
    """Words (or characters) of the reference, once for each model that has a text."""

    @property
    def rate(self) -> float:
        """Errors over the reference's length; infinite where the reference is empty."""
        return self.errors / self.length if self.length else float("inf")


def worst_clips(tables: Sequence[pa.Table], unit: Headline = "word", *, top: int = TOP) -> list[WorstClip]:
    """Return the clips with the highest error rate over all tables together, then with the most errors, then by id.

    Clips without an error are not among them; those with an empty reference and a text come first.
    """
    rows = [scored(table) for table in tables]
    ids = np.concatenate([table["id"].to_numpy(zero_copy_only=False).astype(object) for table in rows])
    names, places = np.unique(ids.astype(np.str_), return_inverse=True)
    errors, lengths = np.zeros(len(names), np.int64), np.zeros(len(names), np.int64)
    np.add.at(errors, places, np.concatenate([count_column(table, f"{unit}_errors") for table in rows]))
    np.add.at(lengths, places, np.concatenate([count_column(table, f"{unit}_length") for table in rows]))
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = np.where(lengths > 0, errors / lengths, np.where(errors > 0, np.inf, 0.0))
    order = np.lexsort((names, -errors, -rates))[:top]
    return [WorstClip(str(names[at]), int(errors[at]), int(lengths[at])) for at in order if errors[at]]


def rows_of(utterances: pa.Table, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return some rows of a table by id; an id that it does not have is not there."""
    found = utterances.filter(pc.is_in(utterances["id"], pa.array(ids, pa.string()))).to_pylist()
    return {row["id"]: row for row in found}


def _texts(rows: pa.Table) -> Iterator[tuple[str, str]]:
    """Yield the normalized texts of each row, a batch of rows in memory at a time."""
    for batch in rows.select(["normalized_reference", "normalized_hypothesis"]).to_batches(max_chunksize=4096):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _most(counts: Mapping[T, int], top: int) -> list[tuple[T, int]]:
    """Return the most frequent, those equally frequent in the order of their words."""
    return sorted(counts.items(), key=lambda found: (-found[1], found[0]))[:top]
