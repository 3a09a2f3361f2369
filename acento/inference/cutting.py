"""Windows of a recording by voice activity: cut at pauses, never within a word.

It takes the stored probabilities of speech alone, no audio. Stretches of speech are found with hysteresis, padded, and
joined to windows as long as the model takes. A window ends at the widest pause that comes near its limit. Where
somebody speaks on without a pause for longer than a window, it is cut at the least likely moment of speech, and the
two windows overlap there, so that a word that is cut in one is whole in the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import inf

import numpy as np
import numpy.typing as npt

from acento.data.recordings.recording import FRAME
from acento.data.utterance import SAMPLE_RATE
from acento.models.windows import check_cut

LONGEST_S = 30.0
"""Windows of a model that takes audio of any length: models are trained on clips that are no longer."""
FRAME_S = FRAME / SAMPLE_RATE

_NEAR = 0.75
"""From this share of its limit on, a window may end at a pause that is wider than those after it."""
_FORCED = 0.5
"""From this share of its limit on, a window may end within speech that has no pause."""
_MOST_OVERLAP = 0.2
"""A window overlaps with its neighbor by no more than twice this share of it."""
_SMOOTH = 5
"""Frames over which speech is averaged where the least likely moment is sought."""

Speech = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A stretch of a recording that a model hears at once, in seconds."""

    start: float
    end: float

    @property
    def duration(self) -> float:
        """Seconds."""
        return round(self.end - self.start, 3)


@dataclass(frozen=True, slots=True)
class Cutting:
    """What counts as speech, and where it may be cut; times in seconds, probabilities from 0 to 1."""

    on: float = 0.5
    """Speech begins where it is at least so likely ..."""
    off: float = 0.35
    """... and lasts, forward and backward, as long as it is at least so likely."""
    pause_s: float = 0.2
    """A shorter silence is none: it may be a stop within a word."""
    shortest_s: float = 0.1
    """Shorter speech is a click."""
    pad_s: float = 0.3
    """Kept around speech, where no other speech is nearer than twice that."""
    join_s: float = 3.0
    """A longer silence ends a window, however short that is."""
    overlap_s: float = 1.0
    """How far each of two windows goes beyond a cut within speech."""


def window_length(own_s: float | None, chosen_s: float | None = None) -> float:
    """Return how long windows may be for a model that hears ``own_s`` seconds at once (None: any length).

    Raises:
        InputError: the chosen length is more than the model hears, or too short for words.

    >>> window_length(30.0), window_length(None), window_length(30.0, 12.0), window_length(None, 60.0)
    (30.0, 30.0, 12.0, 60.0)
    """
    check_cut(chosen_s, own_s)
    return chosen_s or own_s or LONGEST_S


def windows(
    speech: Speech, window_s: float, cutting: Cutting = Cutting(), *, end_s: float | None = None
) -> list[Window]:
    """Return the windows of one channel in order; together they hold all its speech, and none of its long silences.

    Args:
        speech: 255 times the probability of speech of each frame (32 ms), shape (frames,).
        window_s: no window is longer.
        cutting: what counts as speech.
        end_s: how long the recording is: its last frame may be filled up.

    >>> windows(np.repeat(np.array([0, 255, 0, 255, 0], np.uint8), [40, 50, 10, 50, 400]), 30.0)
    [Window(start=0.992, end=5.088)]
    """
    limit = int(round(window_s / FRAME_S, 6))
    joined = _joined(_spans(speech, cutting), speech, limit, cutting)
    found = (Window(round(start * FRAME_S, 3), round(end * FRAME_S, 3)) for start, end in joined)
    if end_s is None:
        return [*found]
    return [Window(one.start, min(one.end, end_s)) for one in found if one.start < end_s]


def _spans(speech: Speech, cutting: Cutting) -> list[tuple[int, int]]:
    """Return where speech is, from a frame to the one after its last, by hysteresis."""
    likely = np.concatenate([[False], speech >= cutting.off * 255, [False]])
    edges = np.flatnonzero(likely[1:] != likely[:-1])
    runs = [(a, b) for a, b in edges.reshape(-1, 2).tolist() if speech[a:b].max() >= cutting.on * 255]
    pause, spans = round(cutting.pause_s / FRAME_S), list[tuple[int, int]]()
    for start, end in runs:
        if spans and start - spans[-1][1] < pause:
            spans[-1] = spans[-1][0], end
        else:
            spans.append((start, end))
    return [(a, b) for a, b in spans if b - a >= round(cutting.shortest_s / FRAME_S)]


def _padded(spans: list[tuple[int, int]], pad: int, frames: int) -> list[tuple[int, int]]:
    """Return spans with silence around them, at most half of that between two."""
    if not spans:
        return []
    middles = [(one[1] + other[0]) // 2 for one, other in pairwise(spans)]
    return [
        (max(start - pad, low), min(end + pad, high))
        for (start, end), low, high in zip(spans, [0, *middles], [*middles, frames], strict=True)
    ]


def _joined(spans: list[tuple[int, int]], speech: Speech, limit: int, cutting: Cutting) -> Iterator[tuple[int, int]]:
    """Yield windows of at most ``limit`` frames; the padding at the end of one that is full is shorter."""
    overlap = min(round(cutting.overlap_s / FRAME_S), int(_MOST_OVERLAP * limit))
    longest = cutting.join_s / FRAME_S
    silences = [*(after[0] - before[1] for before, after in pairwise(spans)), inf]
    padded = _padded(spans, round(cutting.pad_s / FRAME_S), len(speech))
    first, start = 0, padded[0][0] if spans else 0
    while first < len(spans):
        if spans[first][1] - start > limit:
            cut = _quietest(speech, start + int(_FORCED * limit), start + limit - overlap)
            yield start, cut + overlap
            start = cut - overlap
            continue
        last = first
        while silences[last] <= longest and spans[last + 1][1] - start <= limit:
            last += 1
        if silences[last] <= longest:  # the window is full: take the widest pause near its end
            near = [place for place in range(first, last + 1) if spans[place][1] - start >= _NEAR * limit]
            last = max(near, key=lambda place: (silences[place], place), default=last)
        yield start, min(padded[last][1], start + limit)
        first = last + 1
        start = padded[first][0] if first < len(spans) else 0


def _quietest(speech: Speech, first: int, last: int) -> int:
    """Return the border between frames, from ``first`` to ``last``, around which speech is least likely."""
    half = _SMOOTH // 2
    around = speech[max(0, first - half) : last + half + 1].astype(np.int64)
    sums = np.convolve(around, np.ones(_SMOOTH, np.int64), mode="same")
    sums = sums[first - max(0, first - half) :][: last - first + 1]
    return first + len(sums) - 1 - int(np.argmin(sums[::-1]))  # of several the latest: fewer windows
