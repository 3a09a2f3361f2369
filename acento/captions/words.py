"""The words of a document as captions take them: with times that never go back, and nothing that cannot be shown."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import regex

from acento.core.text.width import UNSPACED, touches, width
from acento.data.document import Document, Passage
from acento.data.words import Word

_UNSHOWN: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_HALVES: Final = re.compile("[\ud800-\udfff]")
_CJK: Final = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]")
_NO_SPACES: Final = regex.compile(UNSPACED)
_CLOSES: Final = regex.compile(r"[\p{Pe}\p{Pf}\p{Po}\p{Sk}\p{M}ーぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ々〜～]")
_OPENS: Final = regex.compile(r"[\p{Ps}\p{Pi}¿¡]\Z")
_WIDEST = 24
"""Columns above which a word of a script without spaces is taken for a sentence that nobody cut into words."""
_LONGEST_S = 4e6
"""Seconds above which a time is none: over a thousand hours."""
_LATE_S = 1.0
"""Seconds after a recording's end to which a word's time may go and be believed."""


def shown(text: str) -> str:
    """Return a text on one line, without control characters and spaces around it.

    >>> shown(" ho\\0la\\nmundo ")
    'hola mundo'
    """
    return " ".join(_HALVES.sub("\ufffd", _UNSHOWN.sub("", text)).split())


def title_of(document: Document) -> str:
    """Return the name of a recording's file, without the folders before it.

    >>> title_of(Document("talks/one.wav", 1.0, ())), title_of(Document("https://x.org/two.mp3?key=1", 1.0, ()))
    ('one.wav', 'two.mp3')
    """
    name = document.name.partition("?")[0] if "://" in document.name else document.name
    return shown(name.rstrip("/").rpartition("/")[2]) or "recording"


def words_of(document: Document) -> Iterator[tuple[Passage, list[Word]]]:
    """Yield each passage that has words with them, by the passages' starts; no line may break within one of them.

    Words that stand together without a space are one, but for scripts that have none. Where the model gives no words,
    or times that go back, the passage's time is shared out by the characters.
    """
    latest = document.duration_s if 0 < document.duration_s < _LONGEST_S else _LONGEST_S
    for passage in sorted(document.passages, key=lambda one: _within(one.start, 0.0, latest)):
        if words := _words(passage, latest):
            yield passage, words


def _words(passage: Passage, latest: float) -> list[Word]:
    given = passage.words or [Word(text, 0.0, 0.0) for text in passage.text.split()]
    split = _split((replace(one, speaker=one.speaker or passage.speaker) for one in given), not passage.words)
    words = _glued(split)
    if passage.words and _in_order(words, latest + _LATE_S):
        return words
    start = _within(passage.start, 0.0, latest)
    return _shared(words, start, _within(passage.end, start, max(start, latest)))


def _split(words: Iterable[Word], every: bool) -> Iterator[Word]:
    """Yield words without spaces in them; those of a script without spaces by character if every one is asked for.

    What was one word shares its time.
    """
    for word in words:
        pieces = [(piece, bool(number)) for part in shown(word.text).split() for number, piece in _pieces(part, every)]
        if len(pieces) == 1:
            yield replace(word, text=pieces[0][0])
        elif pieces:
            several = [replace(word, text=text, joined=joined) for text, joined in pieces]
            several[0] = replace(several[0], joined=word.joined)
            yield from _shared(several, word.start, word.end)


def _pieces(part: str, every: bool) -> Iterable[tuple[int, str]]:
    cut = (every and _CJK.search(part)) or (width(part) > _WIDEST and _NO_SPACES.search(part))
    return enumerate(regex.findall(r"\X", part) if cut else [part])


def _glued(words: Iterable[Word]) -> list[Word]:
    """Return words with those put together between which no line may break."""
    found: list[Word] = []
    for word in words:
        if found and word.joined and not _may_break(found[-1].text, word.text) and found[-1].speaker == word.speaker:
            last = found[-1]
            found[-1] = replace(last, text=last.text + word.text, end=max(last.end, word.end))
        else:
            found.append(word)
    return found


def _may_break(before: str, after: str) -> bool:
    return touches(before, after) and not _CLOSES.match(after) and not _OPENS.search(before)


def _in_order(words: Sequence[Word], latest: float) -> bool:
    before = 0.0
    for word in words:
        if not before <= word.start <= word.end <= latest:  # also not a number
            return False
        before = word.start
    return True


def _shared(words: Sequence[Word], start: float, end: float) -> list[Word]:
    """Return words that share a stretch of time by their characters."""
    total = sum(max(1, width(word.text)) for word in words)
    found, done = [], 0
    for word in words:
        begin = start + (end - start) * done / total
        done += max(1, width(word.text))
        found.append(replace(word, start=begin, end=start + (end - start) * done / total))
    return found


def _within(time: float, low: float, high: float) -> float:
    return min(max(time, low), high) if math.isfinite(time) else low
