"""When the tokens of a CTC model were said: its best path writes each at a frame, and nothing, the blank, between."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Final, NamedTuple

from acento.data.words import Word
from acento.models.timing.words import Timed, Timing, words_of

_SHORT: Final = 0.5
"""Frames by which words found so are too short at each end: the path writes a letter where it is surest of it. Measured
on synthesized speech: starts were 20 ms late and ends 31 ms early at frames of 40 ms."""


class Run(NamedTuple):
    """Frames in a row at which a path has one token."""

    id: int
    first: int
    end: int
    """The frame after the last."""


def runs(path: Sequence[int], blank: int) -> list[Run]:
    """Return where a path writes its tokens; their ids are those of the collapsed path.

    >>> runs([0, 7, 7, 0, 7, 5], blank=0)
    [Run(id=7, first=1, end=3), Run(id=7, first=4, end=5), Run(id=5, first=5, end=6)]
    """
    found = []
    frame = 0
    for number, same in groupby(path):
        first, frame = frame, frame + len(list(same))
        if number != blank:
            found.append(Run(number, first, frame))
    return found


def timed(path: Sequence[int], gains: Sequence[float], blank: int, frame_s: float) -> Timed:
    """Return what a path writes, and when.

    Args:
        path: the id of each frame.
        gains: the log probability of that id at each frame.
        blank: the id of the blank.
        frame_s: seconds of a frame.
    """
    found = runs(path, blank)
    likely = [max(gains[run.first : run.end]) for run in found]
    timing = frame_timing([run.first for run in found], [run.end - run.first for run in found], likely, frame_s)
    return Timed([run.id for run in found], timing)


def frame_timing(first: Sequence[int], lengths: Sequence[int], gains: Sequence[float] | None, frame_s: float) -> Timing:
    """Return the times of tokens.

    A transducer writes a token at a frame, and says of some kinds for how many frames it then goes on; a token has at
    least one.

    Args:
        first: the frame of each token.
        lengths: how many frames it has.
        gains: its log probability; None: it is not known.
        frame_s: seconds of a frame.
    """
    return Timing(
        [frame * frame_s for frame in first],
        [(frame + max(1, length)) * frame_s for frame, length in zip(first, lengths, strict=True)],
        gains,
        sum(gains) / len(gains) if gains else None,
        frame_s=frame_s,
    )


def path_words(pieces: Sequence[str], timing: Timing) -> tuple[Word, ...]:
    """Return the words of tokens that stand at frames; see :func:`~acento.models.timing.words.words_of`."""
    return widened(words_of(pieces, timing), timing.frame_s or 0.0)


def widened(words: Sequence[Word], frame_s: float) -> tuple[Word, ...]:
    """Return words half a frame longer at each end, where the neighbors leave room; two share what is between them.

    >>> [(one.start, one.end) for one in widened([Word("a", 0, 1), Word("b", 1.5, 2)], 2.0)]
    [(0.0, 1.25), (1.25, 3.0)]
    """
    most = _SHORT * frame_s
    gaps = [max(0.0, after.start - before.end) / 2 for before, after in pairwise(words)]
    rooms = [min(most, gap) for gap in gaps]
    return tuple(
        replace(word, start=max(0.0, word.start - before), end=word.end + after)
        for word, before, after in zip(words, [most, *rooms], [*rooms, most], strict=False)
    )
