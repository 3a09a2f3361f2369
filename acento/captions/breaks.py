"""Where a line or a caption may end: after a sentence or a clause, before a conjunction, and how lines are filled."""

from collections.abc import Sequence
from typing import Final

import regex

from acento.core.text.width import width
from acento.data.words import Word, text_of

_SENTENCE: Final = regex.compile(r"[.!?…。！？｡؟۔।॥][\p{Pe}\p{Pf}\p{Pi}\"']*\Z")
_CLAUSE: Final = regex.compile(r"(?:[,;:،؛、，；：—–]|[\p{Pe}\p{Pf}])[\"']*\Z")
_SHORT: Final = regex.compile(r"\A\P{L}*\p{L}{1,3}\.\Z")
_LONG_PAUSE_S, _PAUSE_S = 0.7, 0.3
_JOINING: Final = frozenset(
    (
        # en, es, pt, fr, de, it, nl
        *("and", "but", "or", "because", "that", "which", "who", "when", "if", "so", "while", "where"),
        *("y", "pero", "o", "porque", "que", "cuando", "si", "aunque", "mientras", "donde"),
        *("e", "mas", "ou", "quando", "se", "embora", "enquanto", "onde"),
        *("et", "mais", "parce", "qui", "quand", "lorsque", "où"),
        *("und", "aber", "oder", "weil", "dass", "wenn", "als", "während", "wo"),
        *("ma", "perché", "che", "mentre", "dove"),
        *("en", "maar", "of", "omdat", "dat", "wanneer", "terwijl", "waar"),
    )
)
SENTENCE, CLAUSE, JOINING, BETWEEN, AFTER_SHORT = 0.0, 0.5, 1.0, 2.0, 3.0


def break_cost(word: Word, following: Word | None) -> float:
    """Return how bad it is to break between two words: 0 after a sentence, most after an article or a preposition."""
    if following is None:
        return SENTENCE
    pause = following.start - word.end
    if pause >= _LONG_PAUSE_S or (_SENTENCE.search(word.text) and not _goes_on(word.text, following.text)):
        return SENTENCE
    if pause >= _PAUSE_S or _CLAUSE.search(word.text) or _SENTENCE.search(word.text):
        return CLAUSE
    if following.text.lower() in _JOINING:
        return JOINING
    return AFTER_SHORT if not following.joined and width(word.text) <= 3 else BETWEEN


def _goes_on(text: str, following: str) -> bool:
    """Tell whether a point is likely to be of an abbreviation: ``Sr. Soto``, ``etc. and``."""
    return following[:1].islower() or (_SHORT.search(text) is not None and text[:1].isupper())


def line_ends(words: Sequence[Word], length: int, lines: int, first: int = 0) -> list[int] | None:
    """Return where each line ends, as indices one past its last word; None: there are too many words.

    A word that is longer than a line has one of its own. Of what fits, the lines that break best and are most alike are
    taken, as few as can be.

    Args:
        words: at least one.
        length: columns of a line.
        lines: as many lines at most.
        first: columns of the first line that are taken.
    """
    columns = [width(word.text) for word in words]
    spaces = [0, *(0 if word.joined else 1 for word in words[1:])]
    fewest = _lines_filled(columns, spaces, length, first)
    return None if fewest > lines else _best(words, columns, spaces, length, fewest, first)


def _lines_filled(columns: Sequence[int], spaces: Sequence[int], length: int, first: int) -> int:
    count, filled = 1, first + columns[0]
    for taken, space in zip(columns[1:], spaces[1:], strict=True):
        if filled + space + taken > length:
            count, filled = count + 1, taken
        else:
            filled += space + taken
    return count


def _best(
    words: Sequence[Word], columns: Sequence[int], spaces: Sequence[int], length: int, lines: int, first: int
) -> list[int]:
    if lines == 1:
        return [len(words)]
    total = first + sum(columns) + sum(spaces)
    best: tuple[float, list[int]] | None = None
    filled = first
    for end in range(1, len(words)):
        filled += columns[end - 1] + (spaces[end - 1] if end > 1 else 0)
        if filled > length and end > 1:
            break
        rest = words[end:], columns[end:], [0, *spaces[end + 1 :]]
        if _lines_filled(rest[1], rest[2], length, 0) > lines - 1:
            continue
        ends = _best(*rest, length, lines - 1, 0)
        uneven = abs(filled - total / lines) / length
        cost = break_cost(words[end - 1], words[end]) + 4 * uneven + (0.3 if filled > total / lines else 0.0)
        if best is None or cost < best[0]:
            best = cost, [end, *(end + one for one in ends)]
    assert best is not None, "these lines were counted"
    return best[1]


def wrapped(words: Sequence[Word], length: int, lines: int, first: int = 0) -> list[str] | None:
    """Return the texts of lines; None: there are too many words.

    >>> words = [Word(text, 0, 0) for text in "No sé, pero creo que mañana va a llover en Valdivia".split()]
    >>> wrapped(words, 42, 2)
    ['No sé, pero creo', 'que mañana va a llover en Valdivia']
    """
    ends = line_ends(words, length, lines, first)
    if ends is None:
        return None
    return [text_of(words[start:end]) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
