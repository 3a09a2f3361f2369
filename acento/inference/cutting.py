"""Windows of a recording by voice activity: cut at pauses, never within a word.

It takes the stored probabilities of speech alone, no audio. Stretches of speech are found with hysteresis, padded, and
put together to windows that are as full as can be: what a model takes for a window is nearly the same for any length,
so a silence between two stretches that is longer than their padding is left out. A window ends at the widest pause
that comes near its limit. Where somebody speaks on without a pause for longer than a window, it is cut at the least
likely moment of speech, and the two windows overlap there, so that a word that is cut in one is whole in the other.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

import numpy as np
import numpy.typing as npt

from acento.data.recordings.recording import FRAME
from acento.data.utterance import SAMPLE_RATE
from acento.inference.spans import Spans
from acento.models.windows import check_cut

LONGEST_S = 30.0
"""Windows of a model that takes audio of any length: models are trained on clips that are no longer."""
FRAME_S = FRAME / SAMPLE_RATE

_NEAR = 0.9
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
    """Stretches of a recording that a model hears at once, one after the other."""

    spans: Spans

    @property
    def start(self) -> float:
        """Where the first one begins, in seconds."""
        return self.spans[0][0]

    @property
    def end(self) -> float:
        """Where the last one ends, in seconds."""
        return self.spans[-1][1]

    @property
    def duration(self) -> float:
        """Seconds that are heard."""
        return round(sum(end - start for start, end in self.spans), 3)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Frames that are heard together, with padding."""

    start: int
    end: int
    silence: float
    """Frames between its speech and that before it; below 0 where a cut within speech comes before it."""


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
    pad_s: float = 0.4
    """Kept around speech, where no other speech is nearer than twice that; what is between is not heard."""
    join_s: float = 10.0
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

    >>> windows(np.repeat(np.array([0, 255, 0, 255, 0], np.uint8), [40, 50, 90, 50, 400]), 30.0)
    [Window(spans=((0.896, 3.264), (5.376, 7.744)))]
    """
    limit = int(round(window_s / FRAME_S, 6))
    last = inf if end_s is None else end_s
    found = []
    for joined in _packed(_stretches(_spans(speech, cutting), speech, limit, cutting), limit, cutting):
        times = ((round(start * FRAME_S, 3), round(end * FRAME_S, 3)) for start, end in joined)
        if spans := tuple((start, min(end, last)) for start, end in times if start < last):
            found.append(Window(spans))
    return found


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


def _stretches(spans: list[tuple[int, int]], speech: Speech, limit: int, cutting: Cutting) -> Iterator[_Stretch]:
    """Yield padded stretches of speech of at most ``limit`` frames; the padding at the end of a full one is shorter."""
    overlap = min(round(cutting.overlap_s / FRAME_S), int(_MOST_OVERLAP * limit))
    before = -inf
    for (first, last), (start, end) in zip(
        spans, _padded(spans, round(cutting.pad_s / FRAME_S), len(speech)), strict=True
    ):
        silence, before = first - before, last
        while last - start > limit:
            cut = _quietest(speech, start + int(_FORCED * limit), start + limit - overlap)
            yield _Stretch(start, cut + overlap, silence)
            start, silence = cut - overlap, -inf
        yield _Stretch(start, min(end, start + limit), silence)


def _packed(stretches: Iterable[_Stretch], limit: int, cutting: Cutting) -> Iterator[list[tuple[int, int]]]:
    """Yield windows of at most ``limit`` frames, each as its stretches; those that touch are one."""
    longest = cutting.join_s / FRAME_S
    window: list[_Stretch] = []
    for one in stretches:
        while window and (not 0 <= one.silence <= longest or _frames([*window, one]) > limit):
            kept = len(window)
            if 0 <= one.silence <= longest:  # the window is full: take the widest pause near its end
                near = [place for place in range(1, kept + 1) if _frames(window[:place]) >= _NEAR * limit]
                kept = max(near, key=lambda place: ([*window, one][place].silence, place), default=kept)
            yield _touching(window[:kept])
            window = window[kept:]
        window.append(one)
    if window:
        yield _touching(window)


def _frames(stretches: Sequence[_Stretch]) -> int:
    return sum(one.end - one.start for one in stretches)


def _touching(stretches: Sequence[_Stretch]) -> list[tuple[int, int]]:
    """Return stretches, those that touch as one."""
    found: list[tuple[int, int]] = []
    for one in stretches:
        if found and found[-1][1] == one.start:
            found[-1] = found[-1][0], one.end
        else:
            found.append((one.start, one.end))
    return found


def _quietest(speech: Speech, first: int, last: int) -> int:
    """Return the border between frames, from ``first`` to ``last``, around which speech is least likely."""
    half = _SMOOTH // 2
    around = speech[max(0, first - half) : last + half + 1].astype(np.int64)
    sums = np.convolve(around, np.ones(_SMOOTH, np.int64), mode="same")
    sums = sums[first - max(0, first - half) :][: last - first + 1]
    return first + len(sums) - 1 - int(np.argmin(sums[::-1]))  # of several the latest: fewer windows
