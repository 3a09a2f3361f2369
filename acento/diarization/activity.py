"""From who speaks in each window to turns: windows overlap, and each frame goes to whom most of them hear."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from acento.data.utterance import SAMPLE_RATE
from acento.data.words import Turn

Bools = npt.NDArray[np.bool_]


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


def stitched(
    windows: Sequence[Bools], speakers: Mapping[tuple[int, int], int], count: int, grid: Grid
) -> npt.NDArray[np.bool_]:
    """Return who speaks in each frame of a recording, (frames, count).

    As many speak in a frame as its windows hear on average, rounded; they are those whom most windows hear.

    Args:
        windows: for each window who of its own speakers is active, (frames of a window, its speakers).
        speakers: by window and its own speaker, which speaker of the recording that is; who is not named speaks, and
            nobody knows who it is.
        count: how many speakers the recording has.
        grid: where windows lie.
    """
    total = 0 if not windows else (len(windows) - 1) * grid.hop + grid.frames
    seen, heard = np.zeros(total, np.uint16), np.zeros(total, np.uint16)
    votes = np.zeros((total, count), np.uint16)
    for number, active in enumerate(windows):
        place = slice(number * grid.hop, number * grid.hop + grid.frames)
        seen[place] += 1
        heard[place] += active.sum(1, dtype=np.uint16)
        window = np.zeros((grid.frames, count), bool)
        for own in range(active.shape[1]):
            if (speaker := speakers.get((number, own))) is not None:
                window[:, speaker] |= active[:, own]
        votes[place] += window
    at_once = np.rint(heard / np.maximum(seen, 1)).astype(int)
    found = np.zeros((total, count), bool)
    for rank in range(min(count, int(at_once.max(initial=0)))):
        rows = np.flatnonzero(at_once > rank)
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
