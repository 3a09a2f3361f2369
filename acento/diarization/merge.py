"""The merge: who says each word, from the words' times and the speakers' turns."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from acento.core.errors import InputError
from acento.data.words import Turn, Word
from acento.diarization.chunks import by_chunks
from acento.diarization.sentences import smoothed

Method = Literal["overlap", "chunks"]
"""``overlap``: each word by itself; ``chunks``: whole sentences, as in the pipeline of seed 3, to compare."""
METHODS: tuple[Method, ...] = ("overlap", "chunks")

Whole = npt.NDArray[np.int64]
_PER_S = 1_000_000
"""Times are counted in whole microseconds, so that sums are exact and ties are ties on every machine."""


def attribute(
    words: Iterable[Word], turns: Iterable[Turn], *, method: Method = "overlap", by_sentence: bool = False
) -> list[Word]:
    """Return the words in their order, each with its speaker.

    A word goes to the speaker whose turns cover most of it; turns of one speaker that overlap count once. Speakers who
    cover equally much of it: the one whose turn began first, then the first by name. A word outside of all turns goes
    to the nearest turn, the earlier of two. A word of no length counts as a microsecond from its start. Turns of no
    length count as none; without turns the words are as they were.

    >>> turns = [Turn(0.0, 2.0, "ana"), Turn(1.6, 4.0, "luis")]
    >>> words = [Word("¿Vienes?", 1.2, 1.8), Word("No.", 1.9, 2.4), Word("Ya.", 4.2, 4.4)]
    >>> [word.speaker for word in attribute(words, turns)]
    ['ana', 'luis', 'luis']

    Args:
        words: in the order in which they are read; times in seconds.
        turns: in any order.
        method: ``chunks`` leaves words that it loses without a speaker.
        by_sentence: give the few words of another speaker in a sentence to the one who says most of it; see
            :func:`acento.diarization.sentences.smoothed`.

    Raises:
        InputError: a time is not finite, a turn ends before it begins, or there is no such method.
    """
    words, turns = list(words), list(turns)
    if method not in METHODS:
        raise InputError(f"There is no merge {method!r}: give {' or '.join(METHODS)}.")
    spans = _spans(words, "word", [word.text for word in words])
    stretches = _spans(turns, "turn", [turn.speaker for turn in turns])
    for turn, (start, end) in zip(turns, stretches, strict=True):
        if end < start:
            raise InputError(
                f"A turn of {turn.speaker!r} ends at {turn.end:g} s, before it begins at {turn.start:g} s."
            )
    kept = [turn for turn, (start, end) in zip(turns, stretches, strict=True) if end > start]
    if not kept or not words:
        return words
    found = by_chunks(words, kept) if method == "chunks" else _by_overlap(spans, kept)
    if by_sentence:
        found = smoothed(words, found)
    return [
        Word(word.text, word.start, word.end, word.probability, speaker, word.joined)
        for word, speaker in zip(words, found, strict=True)
    ]


def _spans(timed: Sequence[Word] | Sequence[Turn], what: str, names: Sequence[str]) -> Whole:
    """Return starts and ends in microseconds, a row for each."""
    times = np.array([(one.start, one.end) for one in timed], dtype=np.float64).reshape(-1, 2)
    if not (finite := np.isfinite(times).all(axis=1)).all():
        at = int(np.argmin(finite))
        raise InputError(f"The {what} {names[at]!r} goes from {times[at, 0]} to {times[at, 1]} s: give it times.")
    return np.rint(times * _PER_S).astype(np.int64)


def _by_overlap(words: Whole, turns: Sequence[Turn]) -> list[str | None]:
    """Return the speaker of each word.

    Pairs of words and turns that may overlap are found by two searches in sorted times, so that the work grows with
    the pairs that there are and not with words by turns.
    """
    names, stretches = _joined(turns)
    begins, ends, who = stretches.T
    order = np.argsort(words[:, 0], kind="stable")
    first = words[order, 0]
    last = np.maximum(words[order, 1], first + 1)
    chosen = _nearest(first, last, begins, ends, who)
    # words that begin before the turn ends, without those at the front that have all ended before it begins
    low = np.searchsorted(np.maximum.accumulate(last), begins, side="right")
    high = np.searchsorted(first, ends, side="left")
    counts = np.maximum(high - low, 0)
    turn = np.repeat(np.arange(len(counts)), counts)
    word = np.arange(len(turn)) - np.repeat(np.cumsum(counts) - counts, counts) + low[turn]
    shared = np.minimum(last[word], ends[turn]) - np.maximum(first[word], begins[turn])
    word, turn, shared = word[shared > 0], turn[shared > 0], shared[shared > 0]
    if len(word):
        sort = np.lexsort((begins[turn], who[turn], word))
        word, turn, shared = word[sort], turn[sort], shared[sort]
        heads = np.flatnonzero(np.diff(word, prepend=-1) | np.diff(who[turn], prepend=-1))
        covered, word, turn = np.add.reduceat(shared, heads), word[heads], turn[heads]
        best = np.lexsort((who[turn], begins[turn], -covered, word))
        winners = best[np.flatnonzero(np.diff(word[best], prepend=-1))]
        chosen[word[winners]] = who[turn[winners]]
    found = np.empty(len(words), np.int64)
    found[order] = chosen
    return [names[number] for number in found.tolist()]


def _joined(turns: Sequence[Turn]) -> tuple[list[str], Whole]:
    """Return the speakers, sorted, and rows of begin, end and speaker: turns of one speaker that touch are one."""
    names = sorted({turn.speaker for turn in turns})
    numbers = {name: number for number, name in enumerate(names)}
    rows = _spans(turns, "turn", names)
    who = np.array([numbers[turn.speaker] for turn in turns], dtype=np.int64)
    joined: list[list[int]] = []
    for at in np.lexsort((rows[:, 0], who)).tolist():
        begin, end, speaker = int(rows[at, 0]), int(rows[at, 1]), int(who[at])
        if joined and joined[-1][2] == speaker and begin <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([begin, end, speaker])
    return names, np.array(joined, dtype=np.int64)


def _nearest(first: Whole, last: Whole, begins: Whole, ends: Whole, who: Whole) -> Whole:
    """Return the speaker of the nearest turn of each word, taking it to be outside of all turns."""
    far = np.iinfo(np.int64).max
    by_end = np.lexsort((-who, -begins, ends))  # the last of equal ends began first
    by_begin = np.lexsort((who, begins))
    before = np.searchsorted(ends[by_end], first, side="right") - 1
    after = np.searchsorted(begins[by_begin], last, side="left")
    since = np.where(before >= 0, first - ends[by_end][before], far)
    until = np.where(after < len(begins), begins[by_begin][np.minimum(after, len(begins) - 1)] - last, far)
    behind = who[by_end][before]
    ahead = who[by_begin][np.minimum(after, len(begins) - 1)]
    return np.where(since <= until, behind, ahead)
