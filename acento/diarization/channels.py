"""Recordings with one speaker a channel, as call centers make them: the turns are those of each channel's speech.

What one person says is often in the other's channel too, more quietly: by a loudspeaker in the room, or over the line.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from acento.data.utterance import SAMPLE_RATE
from acento.data.words import Turn
from acento.diarization.activity import Grid, Smoothing, moving_mean, turns_of
from acento.diarization.diarizer import OnProgress
from acento.models.base import Audio

Levels = npt.NDArray[np.float32]
"""Decibels of each frame of each channel, (frames, channels)."""


@dataclass(frozen=True, slots=True)
class CrossTalk:
    """When speech in a channel is another channel's."""

    margin_db: float = 6.0
    """How much louder the other channel is, so that speech whose loudness rises and falls with it is its echo."""
    far_db: float = 20.0
    """How much louder the other channel is, so that nothing is heard in this one."""
    likeness: float = 0.8
    """The correlation of the two channels' levels from which on both carry the same speech."""
    around_s: float = 1.0
    """Over how many seconds levels are compared."""


SPEECH = 0.5
"""The probability from which on a frame is speech."""
SMOOTHING = Smoothing(pause_s=0.3, turn_s=0.1)


def channel_turns(
    speech: npt.NDArray[np.uint8], levels: Levels, frame: int, duration_s: float, cross_talk: CrossTalk | None = None
) -> list[Turn]:
    """Return the turns of a recording with one speaker a channel: ``SPEAKER_00`` is that of the first.

    Args:
        speech: 255 times the probability of speech of each frame, (frames, channels).
        levels: of the same frames, in decibels.
        frame: samples of a frame.
        duration_s: of the recording.
        cross_talk: when a channel's speech is another channel's.
    """
    count = min(len(speech), len(levels))
    spoken = without_cross_talk(speech[:count] >= SPEECH * 255, levels[:count], frame, cross_talk or CrossTalk())
    return turns_of(spoken, Grid(frame, frame, count, count), duration_s, SMOOTHING, renumber=False)


def without_cross_talk(
    spoken: npt.NDArray[np.bool_], levels: Levels, frame: int, cross_talk: CrossTalk
) -> npt.NDArray[np.bool_]:
    """Return speech less what a louder channel carries too, (frames, channels)."""
    kept = spoken.copy()
    width = max(3, round(cross_talk.around_s * SAMPLE_RATE / frame))
    smooth = np.stack([moving_mean(levels[:, channel], width) for channel in range(levels.shape[1])], axis=1)
    for quiet in range(spoken.shape[1]):
        for loud in range(spoken.shape[1]):
            if loud == quiet:
                continue
            louder = smooth[:, loud] - smooth[:, quiet]
            same = _correlation(levels[:, quiet], levels[:, loud], width) >= cross_talk.likeness
            kept[:, quiet] &= ~(
                spoken[:, loud] & ((louder >= cross_talk.far_db) | (same & (louder >= cross_talk.margin_db)))
            )
    return kept


def levels_of(channels: Sequence[Iterable[Audio]], frame: int, on_progress: OnProgress) -> Levels:
    """Return the level of each frame of each channel, in decibels below full scale; the last frame may be shorter.

    Args:
        channels: the audio of each, in blocks of whole frames but for the last one; the channels' blocks are alike.
        frame: samples of a frame.
        on_progress: told seconds of the recording as they are done.
    """
    found = [np.zeros((0, len(channels)), np.float32)]
    for blocks in zip(*channels, strict=True):
        found.append(np.stack(list(_levels(blocks, frame)), axis=1))
        on_progress(len(blocks[0]) / SAMPLE_RATE)
    return np.concatenate(found)


def _levels(blocks: Sequence[Audio], frame: int) -> Iterator[npt.NDArray[np.float32]]:
    for block in blocks:
        whole = np.pad(block, (0, -len(block) % frame)).reshape(-1, frame)
        yield (10 * np.log10(np.mean(np.square(whole), axis=1) + 1e-10)).astype(np.float32)


def _correlation(one: npt.NDArray[Any], other: npt.NDArray[Any], width: int) -> npt.NDArray[Any]:
    """Return the correlation of so many values around each; 0 where one of the two does not change."""
    one, other = one.astype(float), other.astype(float)
    mean, their = moving_mean(one, width), moving_mean(other, width)
    covariance = moving_mean(one * other, width) - mean * their
    variance = (moving_mean(one**2, width) - mean**2) * (moving_mean(other**2, width) - their**2)
    return np.where(variance > 1e-6, covariance / np.sqrt(np.maximum(variance, 1e-6)), 0.0)
