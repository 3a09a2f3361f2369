"""What one channel hears of another: the same words would be written twice, by two speakers."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from acento.data.document import Document, Passage, Removed
from acento.data.words import Turn, Word, text_of
from acento.diarization.activity import speaker_name

_AROUND_S = 0.2
"""Times of words are not exact."""


def without_echoes(document: Document, turns: Sequence[Turn]) -> Document:
    """Return a document whose channels are one speaker each, without words that are another channel's.

    A word is that where its own channel's speaker does not speak while it is said, and another one does. What is taken
    out is kept in ``removed``.

    >>> heard = (Passage(0, 1, "Sí.", channel=0), Passage(0, 1, "Sí.", channel=1), Passage(4, 5, "No.", channel=1))
    >>> kept = without_echoes(Document("call.wav", 9.0, heard), [Turn(0, 1, "SPEAKER_00"), Turn(4, 5, "SPEAKER_01")])
    >>> [(passage.text, passage.channel) for passage in kept.passages], [one.reason for one in kept.removed]
    ([('Sí.', 0), ('No.', 1)], ['echo'])

    Args:
        document: with passages of single channels.
        turns: of the channels' speakers.
    """
    kept: list[Passage] = []
    removed: list[Removed] = []
    starts, ends = (np.array([getattr(turn, edge) for turn in turns]) for edge in ("start", "end"))
    for passage in document.passages:
        there = (starts < passage.end + _AROUND_S) & (ends > passage.start - _AROUND_S)
        near = [turns[number] for number in np.flatnonzero(there).tolist()]
        own = speaker_name(passage.channel or 0)
        words = passage.words or (Word(passage.text, passage.start, passage.end),)
        for echo, group in groupby(words, lambda word, own=own, near=near: is_echo(word, own, near)):  # type: ignore[misc]
            theirs = tuple(group)
            start, end = theirs[0].start, max(word.end for word in theirs)
            if echo:
                removed.append(Removed(start, end, text_of(theirs), "echo"))
            elif len(theirs) == len(words):
                kept.append(passage)
            else:
                kept.append(replace(passage, start=start, end=end, text=text_of(theirs), words=theirs))
    return replace(
        document,
        passages=tuple(kept),
        removed=tuple(sorted([*document.removed, *removed], key=lambda one: (one.start, one.end))),
    )


def is_echo(word: Word, speaker: str, turns: Iterable[Turn]) -> bool:
    """Tell whether somebody else speaks for most of a word, and its channel's speaker not at all.

    >>> is_echo(Word("Sí.", 2, 3), "SPEAKER_01", [Turn(0, 9, "SPEAKER_00")])
    True
    >>> is_echo(Word("Sí.", 2, 3), "SPEAKER_01", [Turn(0, 9, "SPEAKER_00"), Turn(2.9, 4, "SPEAKER_01")])
    False
    """
    others = 0.0
    for turn in turns:
        if turn.speaker == speaker and turn.start - _AROUND_S < word.end and turn.end + _AROUND_S > word.start:
            return False
        if turn.speaker != speaker:
            others = max(others, min(turn.end, word.end) - max(turn.start, word.start))
    return others > 0 and others >= (word.end - word.start) / 2
