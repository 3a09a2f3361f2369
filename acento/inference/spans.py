"""Times of what a model heard: counted in the stretches that it was given in a row, then in the recording."""

from collections.abc import Callable
from dataclasses import replace

from acento.data.words import Word
from acento.inference.predictions import Segment

Spans = tuple[tuple[float, float], ...]
"""Stretches of a recording in order, each from a time to a later one, in seconds."""


def placed(segment: Segment, spans: Spans) -> Segment:
    """Return a segment with its times in the recording and not in what was heard of it.

    A word that goes over a silence that was left out is said in the stretch that has more of it.

    >>> heard = Segment(0.0, 5.0, "sí no", (Word("sí", 0.5, 2.1), Word("no", 2.5, 3.0)))
    >>> [(word.start, word.end) for word in placed(heard, ((10.0, 12.0), (20.0, 23.0))).words]
    [(10.5, 12.0), (20.5, 21.0)]

    Args:
        segment: times in seconds from the start of what was heard.
        spans: what was heard, at least one stretch.
    """
    if len(spans) == 1:
        return segment.moved(spans[0][0])
    stretches, heard = [], 0.0
    for start, end in spans:
        stretches.append((heard, start, end))
        heard += end - start

    def place(first: float, last: float) -> Callable[[float], float]:
        """Return what gives times of the recording in the stretch that has most of those between two."""
        _, offset, start, end = max(
            (min(last, begun + end - start) - max(first, begun), -begun, start, end) for begun, start, end in stretches
        )
        return lambda time: min(max(start + time + offset, start), end)

    def moved(word: Word) -> Word:
        at = place(word.start, word.end)
        return replace(word, start=at(word.start), end=at(word.end))

    edges = place(segment.start, segment.start)(segment.start), place(segment.end, segment.end)(segment.end)
    return replace(segment, start=edges[0], end=edges[1], words=tuple(map(moved, segment.words)))
