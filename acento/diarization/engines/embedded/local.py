"""The speakers of a window and their voices: who sounds like two people is two, whatever the segmentation says.

Over a distant microphone the segmentation network often takes two people for one. The voices of short stretches still
tell them apart: what a speaker says alone is cut into stretches, and where these fall into two groups that are unlike
each other the speaker is divided.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from acento.data.utterance import SAMPLE_RATE
from acento.diarization.activity import Bools
from acento.diarization.engines.embedded.clustering import Division, agglomerate
from acento.diarization.engines.embedded.networks.segmentation import FRAME_STEP, FRAME_WIDTH
from acento.diarization.engines.embedded.vectors import Vector, unit
from acento.diarization.engines.embedded.voices import HOP, LEAST_FRAMES, Features, Voices, coarse_frames

_STRETCH = 150
"""Frames of features in a stretch: 1.5 s."""

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Local:
    """One of the speakers of a window."""

    window: int
    own: int
    """Which of the window's speakers."""
    alone_s: float
    """Seconds in which nobody else of the window speaks."""
    voice: Vector


def speakers_of(
    number: int, features: Features, active: Bools, voices: Voices, least_alone_s: float, division: Division
) -> tuple[Bools, list[Local]]:
    """Return who speaks in the frames of a window, (frames, speakers), and those of whom enough is heard.

    Args:
        number: which window it is.
        features: of its audio, (frames of features, 80).
        active: by the segmentation; who is divided has another column for the second voice.
        voices: the speaker network.
        least_alone_s: who says less while nobody else speaks is heard by what it says with others, too.
        division: when one speaker becomes two.
    """
    coarse = coarse_frames(len(features), FRAME_STEP, FRAME_WIDTH, len(active))
    alone = (active & (active.sum(1) == 1)[:, None])[coarse]
    columns, found = list(active.T), []
    for own in range(active.shape[1]):
        frames = np.flatnonzero(alone[:, own])
        alone_s = len(frames) * HOP / SAMPLE_RATE
        if alone_s < least_alone_s:
            frames = np.flatnonzero(active[coarse, own])
        if len(frames) < LEAST_FRAMES:
            continue
        cuts = _cuts(len(frames))
        stretches = frames[cuts]
        heard = voices.of(features[stretches])
        second = _second(heard, len(frames) / len(cuts), division)
        sides = [second == side for side in (False, True) if (second == side).any()]
        if len(sides) == 2:
            place = np.searchsorted(coarse[frames], np.arange(len(active))).clip(max=len(frames) - 1)
            nearest = np.abs(place[:, None] - cuts.mean(1)).argmin(1)
            columns[own], other = active[:, own] & ~second[nearest], active[:, own] & second[nearest]
            columns.append(other)
        for column, side in zip((own, len(columns) - 1), sides, strict=False):
            voice = unit(heard[side].sum(0)).astype(np.float32)
            found.append(Local(number, column, alone_s * float(side.mean()), voice))
    return np.stack(columns, axis=1), found


def _cuts(count: int) -> Whole:
    """Return equally long stretches of so many frames, a row each; they overlap a little rather than leave a rest out.

    >>> _cuts(100).shape, _cuts(400).shape, _cuts(400)[:, 0].tolist()
    ((1, 100), (3, 150), [0, 125, 250])
    """
    size = min(count, _STRETCH)
    starts = np.rint(np.linspace(0, count - size, max(1, round(count / size)))).astype(int)
    return starts[:, None] + np.arange(size)


def _second(heard: npt.NDArray[Any], frames: float, division: Division) -> npt.NDArray[np.bool_]:
    """Return which stretches are another person's than the first one: none where they are not two groups."""
    second = np.zeros(len(heard), bool)
    least = division.least_s * SAMPLE_RATE / HOP / frames
    if len(heard) < 2 * least:
        return second
    *before, last = agglomerate(heard, np.ones(len(heard)))
    root = np.arange(len(heard))
    for merge in before:
        root[root == merge.gone] = merge.kept
    second = root != root[0]
    divided = last.similarity < division.likeness and least <= second.sum() <= len(heard) - least
    return second & divided
