"""From who speaks in each window to turns: windows overlap, and each frame goes to whom most of them hear."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from acento.data.utterance import SAMPLE_RATE
from acento.data.words import Turn

Bools = npt.NDArray[np.bool_]
Levels = npt.NDArray[np.uint8]

_SMOOTH_S = 0.5
"""Seconds over which votes for speakers are averaged: nobody speaks for a tenth of a second in another's turn."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Frames and windows on the axis of time; windows begin on frames."""

    step: int
    """Samples from one frame to the next."""
    width: int
    """Samples that a frame sees."""
    frames: int
    """Of a window."""
    hop: int
    """Frames from one window to the next."""

    def seconds(self, frame: int) -> float:
        """Return when a frame begins: half a step before its middle; the first one begins at 0."""
        return 0.0 if frame == 0 else (frame * self.step + (self.width - self.step) / 2) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Smoothing:
    """What is too short to be a turn, or a pause in one, in seconds."""

    pause_s: float = 0.0
    turn_s: float = 0.0


def coverage(windows: int, grid: Grid) -> npt.NDArray[np.int64]:
    """Return how many of so many windows hear each frame of a recording.

    >>> coverage(3, Grid(step=160, width=160, frames=4, hop=2)).tolist()
    [1, 1, 2, 2, 2, 2, 1, 1]
    """
    edges = np.zeros(0 if not windows else (windows - 1) * grid.hop + grid.frames + 1, np.int64)
    for number in range(windows):
        edges[number * grid.hop] += 1
        edges[number * grid.hop + grid.frames] -= 1
    return np.cumsum(edges)[:-1]


def stitched(
    windows: Sequence[Bools],
    at_once: Sequence[Levels],
    speakers: Mapping[tuple[int, int], int],
    count: int,
    grid: Grid,
) -> npt.NDArray[np.bool_]:
    """Return who speaks in each frame of a recording, (frames, count).

    As many speak in a frame as is likelier than not by the mean of its windows; they are those whom most windows hear
    in the half second around it.

    Args:
        windows: for each window who of its own speakers is active, (frames of a window, its speakers).
        at_once: how likely it is that at least one speaks, two, and so on, (frames of a window, most at once), of 255.
        speakers: by window and its own speaker, which speaker of the recording that is; who is not named speaks, and
            nobody knows who it is.
        count: how many speakers the recording has.
        grid: where windows lie.
    """
    seen = coverage(len(windows), grid)
    heard = np.zeros((len(seen), at_once[0].shape[1] if len(at_once) else 0), np.uint16)
    votes = np.zeros((len(seen), count), np.float32)
    for number, (active, likely) in enumerate(zip(windows, at_once, strict=True)):
        place = slice(number * grid.hop, number * grid.hop + grid.frames)
        heard[place] += likely
        window = np.zeros((grid.frames, count), bool)
        for own in range(active.shape[1]):
            if (speaker := speakers.get((number, own))) is not None:
                window[:, speaker] |= active[:, own]
        votes[place] += window
    width = max(1, round(_SMOOTH_S * SAMPLE_RATE / grid.step))
    for speaker in range(count):
        votes[:, speaker] = moving_mean(votes[:, speaker], width)
    found = np.zeros(votes.shape, bool)
    for rank in range(min(count, heard.shape[1])):
        rows = np.flatnonzero(heard[:, rank] > seen * 127.5)
        chosen = votes[rows].argmax(1)
        found[rows, chosen] |= votes[rows, chosen] > 0
        votes[rows, chosen] = 0
    return found


def turns_of(
    active: Bools, grid: Grid, duration_s: float, smoothing: Smoothing, *, renumber: bool = True
) -> list[Turn]:
    """Return the turns by their starts, cut to the recording's duration.

    Args:
        active: who speaks in each frame, (frames, speakers).
        grid: where frames lie.
        duration_s: of the recording.
        smoothing: pauses that are filled and turns that are dropped, in this order.
        renumber: ``SPEAKER_00`` is who speaks first, and not the first column of ``active``.
    """
    turns = []
    for speaker in range(active.shape[1]):
        spans = [(grid.seconds(start), min(grid.seconds(end), duration_s)) for start, end in runs(active[:, speaker])]
        turns += [
            (round(start, 3), round(end, 3), speaker)
            for start, end in _filled(spans, smoothing.pause_s)
            if end > start and end - start >= smoothing.turn_s
        ]
    turns.sort()
    heard = list(dict.fromkeys(speaker for _, _, speaker in turns))
    order = heard if renumber else list(range(active.shape[1]))
    return [Turn(start, end, speaker_name(order.index(speaker))) for start, end, speaker in turns]


def speaker_name(number: int) -> str:
    """Return what a speaker without a name is called, from 0.

    >>> speaker_name(0), speaker_name(12)
    ('SPEAKER_00', 'SPEAKER_12')
    """
    return f"SPEAKER_{number:02}"


def moving_mean(values: npt.NDArray[Any], width: int) -> npt.NDArray[np.float64]:
    """Return the mean of so many values around each; at the edges of those that are there.

    >>> moving_mean(np.array([0, 3, 0, 0]), 3).tolist()
    [1.5, 1.0, 1.0, 0.0]
    """
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=float)])
    places = np.arange(len(values))
    start, end = np.maximum(places - width // 2, 0), np.minimum(places + width // 2 + 1, len(values))
    return np.asarray((sums[end] - sums[start]) / np.maximum(end - start, 1))


def runs(flags: npt.NDArray[Any]) -> list[tuple[int, int]]:
    """Return where flags are set, as starts and ends.

    >>> runs(np.array([True, True, False, True]))
    [(0, 2), (3, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(flags, np.int8), [0]])))
    return [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def _filled(spans: Sequence[tuple[float, float]], pause_s: float) -> Iterator[tuple[float, float]]:
    """Yield spans, those with a pause of at most so many seconds between them as one."""
    if not spans:
        return
    start, end = spans[0]
    for later_start, later_end in spans[1:]:
        if later_start - end > pause_s:
            yield start, end
            start = later_start
        end = later_end
    yield start, end
