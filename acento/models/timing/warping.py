"""When tokens were said, by where a decoder looked while it wrote them: dynamic time warping of cross-attention.

The method, and what is done about words that become too long, is that of OpenAI's Whisper (``whisper/timing.py``).
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Final

import numpy as np
import numpy.typing as npt

from acento.data.words import Word
from acento.models.timing.words import Timing, words_of

Floats = npt.NDArray[np.floating]

_HALF: Final = 3
"""Frames on each side of one that its median is taken with."""
_EXCHANGES: Final = (
    (0, 5),
    (0, 3),
    (1, 6),
    (2, 4),
    (0, 1),
    (3, 5),
    (2, 6),
    (2, 3),
    (3, 6),
    (4, 5),
    (1, 4),
    (1, 3),
    (3, 4),
)
"""Pairs of seven values that are put in order one after the other; then the median is the fourth (N. Devillard, "Fast
median search", 1998). Over whole arrays they are five times as fast as sorting each seven."""
_LONGEST_USUAL_S: Final = 0.7
"""A median word is taken to last at most so many seconds."""
_SENTENCE_ENDS: Final = ".。!！?？"


def likeness(attention: Floats) -> Floats:
    """Return how much each position looked at each frame, beside the other positions, summed over heads.

    Args:
        attention: probabilities, float32, shape ``(heads, rows, frames)``; one row for each position of a decoder.

    Returns:
        Values of shape ``(rows, frames)``; those of several layers may be added.
    """
    found = np.zeros(attention.shape[1:], dtype=np.float32)
    for head in attention:  # one after the other: what is computed stays in the cache
        spread = np.maximum(head.std(axis=0), 1e-10)
        found += _smoothed((head - head.mean(axis=0)) / spread)
    return found


def warp(costs: Floats) -> list[int]:
    """Return the first column of each row on the cheapest way from the first corner to the last.

    A step goes one column on, one row on, or both (dynamic time warping). A row's costs are summed by one cumulative
    sum, and where its part of the way best begins is a running minimum: no loop over columns.

    >>> warp(np.array([[0.0, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 0]]))
    [0, 2, 3]

    Args:
        costs: shape ``(rows, columns)``, at least one of each.
    """
    rows, columns = costs.shape
    total = np.cumsum(costs[0])
    entries, came_down = [], []
    for row in costs[1:]:
        diagonal = np.concatenate([[np.inf], total[:-1]])
        came_down.append(total < diagonal)
        before = np.concatenate([[0.0], np.cumsum(row)])
        entry = np.minimum(total, diagonal) - before[:-1]
        entries.append(entry)
        total = np.minimum.accumulate(entry) + before[1:]
    starts = [0] * rows
    column = columns - 1
    for row_number in range(rows - 1, 0, -1):
        column = int(np.argmin(entries[row_number - 1][: column + 1]))
        starts[row_number] = column
        column -= not came_down[row_number - 1][column]
    return starts


def attended_words(pieces: Sequence[str], timing: Timing) -> tuple[Word, ...]:
    """Return the words of tokens whose times were found in attention; see :func:`~acento.models.timing.words.words_of`.

    A token that is a space gives its time to the next one, as where both are one token: a decoder looks at a word's
    beginning while it writes the space before it.
    """
    starts = [*timing.starts]
    for place, piece in enumerate(pieces[:-1]):
        if piece.isspace():
            starts[place + 1] = starts[place]
    words = words_of(pieces, replace(timing, starts=starts))
    first = [replace(word, start=min(max(word.start, timing.onset), word.end)) for word in words[:1]]
    return without_pauses((*first, *words[1:]))


def without_pauses(words: Sequence[Word]) -> tuple[Word, ...]:
    """Return words of which none is too long where a pause is likely: at the start of the window, and of a sentence.

    A word whose time holds the pause before it keeps its end and lasts twice the median; where the first two hold it,
    they are divided as OpenAI does it.

    >>> words = [Word(text, start, end) for text, start, end in (("a", 0, 2.5), ("b", 2.5, 3), ("c", 3, 3.5))]
    >>> without_pauses(words)[0].start
    1.5
    """
    durations = [word.end - word.start for word in words if word.end > word.start]
    if not durations:
        return tuple(words)
    usual = min(_LONGEST_USUAL_S, median(durations))
    most = 2 * usual
    found = [*words]
    for place in range(1, len(found)):
        word = found[place]
        if word.end - word.start > most and found[place - 1].text[-1] in _SENTENCE_ENDS:
            found[place] = replace(word, start=word.end - most)
    first, second = found[0], found[1] if len(found) > 1 else None
    long_pair = second is not None and second.end - first.start > 2 * most
    if first.end > 2 * most and (first.end - first.start > most or long_pair):
        if second is not None and second.end - second.start > most:
            border = max(second.end / 2, second.end - most)
            first, found[1] = replace(first, end=border), replace(second, start=border)
        found[0] = replace(first, start=max(0.0, first.end - most))
    return tuple(found)


def _smoothed(values: Floats) -> Floats:
    """Return the medians of seven frames around each, the ends mirrored; values have the shape ``(rows, frames)``."""
    frames = values.shape[1]
    if frames <= _HALF:
        return values
    padded = np.pad(values, ((0, 0), (_HALF, _HALF)), mode="reflect")
    near = [padded[:, shift : shift + frames] for shift in range(2 * _HALF + 1)]
    for low, high in _EXCHANGES:
        near[low], near[high] = np.minimum(near[low], near[high]), np.maximum(near[low], near[high])
    return near[_HALF]
