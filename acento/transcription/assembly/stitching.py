"""Stitching: the windows of one channel become one sequence in which every word is there once.

Windows that touch at a pause are put one after the other. Where speech went on for longer than a window, neighbors
overlap, and both have heard the words there, the one without its last word, the other without its first. The words of
both are aligned (longest common subsequence), and the seam is in the middle of the longest run that both agree on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from acento.data.words import Word, text_of
from acento.inference.predictions import Segment
from acento.transcription.assembly.heard import follows, plain, timed_words

TIMED_S = 0.5
"""How far apart the centers of one word may be in two windows, by times that a model gives."""
UNTIMED_S = 4.0
"""The same by times that only follow from the place in the text."""
_ENOUGH = 0.6
"""What a run of common words must be worth; one counts 1 at equal times, and 0 at the farthest."""
_TOUCH_S = 0.01


@dataclass(frozen=True, slots=True)
class _Heard:
    """A word on its way: of which window it is, which of its words, and its letters."""

    word: Word
    window: int
    place: int
    letters: str

    @property
    def center(self) -> float:
        return (self.word.start + self.word.end) / 2


def stitch(windows: Sequence[Segment]) -> list[Segment]:
    """Return the windows of one channel without what neighbors have both: put together they have every word once.

    >>> first = Segment(0, 4, "uno dos tres", (Word("uno", 0, 1), Word("dos", 2, 2.8), Word("tres", 3.2, 4)))
    >>> second = Segment(2, 6, "os Tres, cuatro", (Word("os", 2, 2.8), Word("Tres,", 3.3, 4), Word("cuatro", 5, 6)))
    >>> [window.text for window in stitch([first, second])]
    ['uno dos', 'Tres, cuatro']

    Args:
        windows: in any order, times in seconds from the start of the recording.

    Returns:
        What is left of each, in order; those of which nothing is left are not there. A window is cut short at a seam.
        Where the model gives no times of words, words are aligned by the text, and by about where they stand in it.
    """
    ordered = sorted((one for one in windows if one.text), key=lambda one: (one.start, one.end))
    said: list[_Heard] = []
    reached = float("-inf")
    for number, window in enumerate(ordered):
        heard = [_Heard(word, number, place, plain(word.text)) for place, word in enumerate(timed_words(window))]
        if not heard or window.end <= reached:
            continue
        if reached > window.start + _TOUCH_S:
            within = TIMED_S if window.words and ordered[said[-1].window].words else UNTIMED_S
            kept, first = _seam(said, heard, (window.start, reached), within)
            del said[kept:], heard[:first]
        if heard:
            before = said[-1].word if said else None
            heard[0] = replace(heard[0], word=follows(before, heard[0].word))
            if before is not None:
                heard = _from(heard, before.end)
        said += heard
        reached = window.end
    return [_rest(ordered[number], list(group)) for number, group in groupby(said, lambda one: one.window)]


def _from(heard: list[_Heard], time: float) -> list[_Heard]:
    """Return words of which none begins before a time, at which another window's last word ends, nor ends before it."""
    words = (replace(one.word, start=max(one.word.start, time), end=max(one.word.end, time)) for one in heard)
    return [replace(one, word=word) for one, word in zip(heard, words, strict=True)]


def _rest(window: Segment, left: Sequence[_Heard]) -> Segment:
    """Return a window with what is left of its words."""
    words = tuple(one.word for one in left)
    begun, ended = left[0].place == 0, left[-1].place == len(timed_words(window)) - 1
    return replace(
        window,
        start=window.start if begun else words[0].start,
        end=window.end if ended else words[-1].end,
        text=window.text if begun and ended else text_of(words),
        words=words if window.words else (),
    )


def _seam(said: list[_Heard], heard: list[_Heard], overlap: tuple[float, float], within: float) -> tuple[int, int]:
    """Return how many words before an overlap's end stay, and how many of the window that follows go."""
    start, end = overlap
    low = len(said)
    while low and said[low - 1].word.end > start - within:
        low -= 1
    high = 0
    while high < len(heard) and heard[high].word.start < end + within:
        high += 1
    left, right = said[low:], heard[:high]
    runs = _runs(_common(left, right, within))
    middle = (start + end) / 2
    worth = [sum(_worth(left[i], right[j], within) for i, j in run) for run in runs]
    if runs and max(worth) >= _ENOUGH:
        longest = max(range(len(runs)), key=lambda number: worth[number])
        i, j = min(runs[longest], key=lambda pair: abs(left[pair[0]].center - middle))
        later = left[i].center > middle  # near the end of the first window: the second heard it whole
        return (low + i, j) if later else (low + i + 1, j + 1)
    kept, first = _by_time(left, right, middle)
    return low + kept, first


def _worth(one: _Heard, other: _Heard, within: float) -> float:
    """Return how surely two words are the same one: 1 at equal times, 0 for other letters or far apart."""
    if not one.letters or one.letters != other.letters:
        return 0.0
    return max(0.0, 1.0 - abs(one.center - other.center) / within)


def _common(left: Sequence[_Heard], right: Sequence[_Heard], within: float) -> list[tuple[int, int]]:
    """Return the pairs of the longest common subsequence, by the worth of its words (Needleman and Wunsch, 1970)."""
    best = [[0.0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i, one in enumerate(left):
        for j, other in enumerate(right):
            worth = _worth(one, other, within)
            both = best[i][j] + worth if worth else 0.0
            best[i + 1][j + 1] = max(both, best[i][j + 1], best[i + 1][j])
    pairs, i, j = [], len(left), len(right)
    while i and j:
        worth = _worth(left[i - 1], right[j - 1], within)
        if worth and best[i][j] == best[i - 1][j - 1] + worth:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif best[i][j] == best[i - 1][j]:
            i -= 1
        else:
            j -= 1
    return pairs[::-1]


def _runs(pairs: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Return the pairs in stretches in which neither side has a word between."""
    runs: list[list[tuple[int, int]]] = []
    for i, j in pairs:
        if runs and runs[-1][-1] == (i - 1, j - 1):
            runs[-1].append((i, j))
        else:
            runs.append([(i, j)])
    return runs


def _by_time(left: Sequence[_Heard], right: Sequence[_Heard], middle: float) -> tuple[int, int]:
    """Cut at a time where no word is common: each word stays where its center is farther from the window's edge."""
    if not left or not right or left[-1].word.end <= right[0].word.start:
        return len(left), 0
    kept = sum(one.center < middle for one in left)
    first = sum(one.center < middle for one in right)
    if kept and first < len(right) and _same_time(left[kept - 1].word, right[first].word):
        kept, first = (kept - 1, first) if _is_later(left[kept - 1], right[first], middle) else (kept, first + 1)
    elif kept < len(left) and first and _same_time(left[kept].word, right[first - 1].word):
        kept, first = (kept, first - 1) if _is_later(left[kept], right[first - 1], middle) else (kept + 1, first)
    return kept, first


def _is_later(one: _Heard, other: _Heard, middle: float) -> bool:
    """Tell whether a word that two windows heard in two ways is rather in the second half of what they share."""
    return (one.center + other.center) / 2 > middle


def _same_time(one: Word, other: Word) -> bool:
    """Tell whether two words take up more than half of the time of the shorter one together."""
    shared = min(one.end, other.end) - max(one.start, other.start)
    return shared > min(one.end - one.start, other.end - other.start) / 2
