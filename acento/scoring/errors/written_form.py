"""Punctuation and casing errors: counted on the texts as they are written, apart from the errors of words.

Texts are aligned on their words alone, casefolded. Between two aligned pairs of words the marks of the reference are
compared with those of the hypothesis, so that a wrong word is never a wrong mark. Casing is compared where the word is
right.
"""

import re
import unicodedata
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Unpack

from pydantic import BaseModel
from rapidfuzz.distance import Levenshtein

from acento.scoring.counting.counts import ErrorCounts, count_characters
from acento.scoring.statistics.bootstrap import Draws, Interval, interval

MARKS = ".,?!:;…¿¡。、｡､،؟؛۔।॥።፣፤፥፧၊။"
"""The punctuation that is scored: what ends or parts sentences, full-width forms read as ASCII. Quotes, brackets,
dashes and apostrophes are not scored, nor are marks inside a number (``3,5``, ``10:30``) or a word (``EE.UU``)."""

_BESIDE_WORDS = '"«»‹›“”„‘()[]{}<>「」『』【】—–*_/'
_INSIDE_WORDS = "'’-"
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u1049\u1050-\u109f\u1780-\u17d3\u17d7-\u17ff"
    "\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
)
"""Thai, Lao, Burmese, Khmer, Kana and Han have no spaces between words: each character is aligned by itself."""
_LETTERS = rf"(?:[^\s{MARKS}{re.escape(_BESIDE_WORDS + _INSIDE_WORDS)}{_UNSPACED}]|(?<=\w)\.(?=\w)|(?<=\d)[,:](?=\d))+"
_WORD = re.compile(rf"([{_UNSPACED}]|{_LETTERS}(?:[{_INSIDE_WORDS}]+{_LETTERS})*)")
_HAS_MARK = re.compile(rf"[{MARKS}]")
_NO_MARK = re.compile(rf"[^{MARKS}]+")
_DOTS = re.compile(r"\.\.+")
_ASCII_FORMS = str.maketrans("．，？！：；", ".,?!:;")


class PunctuationErrors(BaseModel, frozen=True):
    """The errors of punctuation marks, as counts that add, and their rate with its interval."""

    counts: ErrorCounts
    interval: Interval | None
    """Of ``rate``; None with fewer than two clips or speakers."""

    @property
    def rate(self) -> float | None:
        """The punctuation error rate (PER): wrong, missing and extra marks over these and the right ones, 0 to 1.

        Meister et al., "LibriSpeech-PC: benchmark for evaluation of punctuation and capitalization capabilities of
        end-to-end ASR models", ASRU 2023; the same as NeMo's. None where there is no mark on either side.
        """
        return _share(self.counts.errors, self.counts.errors + self.counts.hits)

    @property
    def precision(self) -> float | None:
        """The share of the hypotheses' marks that are right."""
        return _share(self.counts.hits, self.counts.hits + self.counts.substitutions + self.counts.insertions)

    @property
    def recall(self) -> float | None:
        """The share of the references' marks that were found."""
        return _share(self.counts.hits, self.counts.reference_length)

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall."""
        return _share(2 * self.counts.hits, 2 * self.counts.hits + self.counts.errors + self.counts.substitutions)


class CasingErrors(BaseModel, frozen=True):
    """How many of the words that are right are written in another case."""

    words: int
    """Words with letters that have case, the same in reference and hypothesis but for case."""
    errors: int
    """Those written in another case."""
    interval: Interval | None
    """Of ``rate``; None with fewer than two clips or speakers."""

    @property
    def rate(self) -> float | None:
        """The share of right words in another case; None where no word is right."""
        return _share(self.errors, self.words)


@dataclass(frozen=True, slots=True)
class WrittenForm:
    """What the references have to be compared with."""

    punctuation: PunctuationErrors | None
    """None when no reference has a mark."""
    casing: CasingErrors | None
    """None when the references know one case only."""


class _Written(NamedTuple):
    """A text taken apart."""

    words: list[str]
    """As they are written, without the marks."""
    keys: list[str]
    """What is aligned: the words casefolded."""
    marks: list[str]
    """The marks before each word, and those after the last."""


def written_form(references: Iterable[str], hypotheses: Iterable[str], **draws: Unpack[Draws]) -> WrittenForm:
    """Count the punctuation and casing errors of texts as they were written, before any normalizer.

    >>> found = written_form(["Hola, Ana. ¿Qué tal?", "Sí, po."], ["Hola Eva. ¿qué tal?", "sí, po."])
    >>> found.punctuation.counts, round(found.punctuation.rate, 3)
    (ErrorCounts(substitutions=0, insertions=0, deletions=1, hits=5), 0.167)
    >>> found.casing.errors, found.casing.words
    (2, 5)

    Marks on a clip whose reference has no word do not count: text on them is a hallucination
    (:func:`acento.scoring.errors.hallucinations.hallucinations`). The references are read more than once,
    so they cannot be a generator.
    """
    has_marks = any(_HAS_MARK.search(text.translate(_ASCII_FORMS)) for text in references)
    has_case = any(map(_has_lower, references)) and any(map(_has_upper, references))
    if not (has_marks or has_case):
        return WrittenForm(None, None)
    total = ErrorCounts()
    errors, judged, wrong, words = (array("q") for _ in range(4))  # a number of each clip, in few bytes
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        said, heard = _taken_apart(reference), _taken_apart(hypothesis)
        pairs = _pairs(said.keys, heard.keys)
        if has_marks:
            counts = _mark_errors(said, heard, pairs) if said.words else ErrorCounts()
            total += counts
            errors.append(counts.errors)
            judged.append(counts.errors + counts.hits)
        if has_case:
            right = [(said.words[i], heard.words[j]) for i, j in pairs if said.keys[i] == heard.keys[j]]
            wrong.append(sum(one != other for one, other in right))
            words.append(sum(one.lower() != one.upper() for one, _ in right))
    return WrittenForm(
        PunctuationErrors(counts=total, interval=interval(errors, judged, **draws)) if has_marks else None,
        CasingErrors(words=sum(words), errors=sum(wrong), interval=interval(wrong, words, **draws))
        if has_case
        else None,
    )


def _taken_apart(text: str) -> _Written:
    """Return the words of a text and the marks between them.

    >>> _taken_apart("¡Hola, EE.UU.! 3,5...")
    _Written(words=['Hola', 'EE.UU', '3,5'], keys=['hola', 'ee.uu', '3,5'], marks=['¡', ',', '.!', '…'])
    """
    parts = _WORD.split(unicodedata.normalize("NFC", text).translate(_ASCII_FORMS))
    words = parts[1::2]
    marks = ["" if gap in ("", " ") else _DOTS.sub("…", _NO_MARK.sub("", gap)) for gap in parts[::2]]
    return _Written(words, [word.casefold() for word in words], marks)


def _pairs(reference: list[str], hypothesis: list[str]) -> list[tuple[int, int]]:
    """Return the places of the words that stand for each other, right or wrong; words left out or added have none."""
    if reference == hypothesis:
        return [(place, place) for place in range(len(reference))]
    return [
        pair
        for op in Levenshtein.opcodes(reference, hypothesis)
        if op.tag in ("equal", "replace")
        for pair in zip(range(op.src_start, op.src_end), range(op.dest_start, op.dest_end), strict=True)
    ]


def _mark_errors(said: _Written, heard: _Written, pairs: list[tuple[int, int]]) -> ErrorCounts:
    """Count the errors of marks between each two pairs of words that follow each other, and at both ends."""
    if said.marks == heard.marks:
        return ErrorCounts(hits=sum(map(len, said.marks)))
    hits, wrong, i_from, j_from = 0, ErrorCounts(), 0, 0
    for i, j in [*pairs, (len(said.words), len(heard.words))]:
        one, other = "".join(said.marks[i_from : i + 1]), "".join(heard.marks[j_from : j + 1])
        if one == other:
            hits += len(one)
        else:
            wrong += count_characters(one, other)
        i_from, j_from = i + 1, j + 1
    return wrong + ErrorCounts(hits=hits)


def _has_lower(text: str) -> bool:
    return text != text.upper()


def _has_upper(text: str) -> bool:
    return text != text.lower()


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
