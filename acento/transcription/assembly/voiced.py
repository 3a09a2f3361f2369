"""How many seconds of a stretch somebody speaks, by the frames of a voice activity detector."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from acento.data.recordings.recording import FRAME
from acento.data.utterance import SAMPLE_RATE

_FRAME_S = FRAME / SAMPLE_RATE


class Voice(Protocol):
    """Tells how many seconds between two times, in seconds from the recording's start, are speech."""

    def __call__(self, start: float, end: float) -> float: ...


def voice_of(speech: npt.NDArray[np.uint8]) -> Voice:
    """Return what tells the seconds of speech in one channel of a recording.

    >>> voice = voice_of(np.array([0, 255, 255, 0], np.uint8))
    >>> voice(0, 1), voice(0.032, 0.064), voice(0.1, 0.2)
    (0.064, 0.032, 0.0)

    Args:
        speech: for each frame of 32 ms 255 times the probability that it is speech, shape ``(frames,)``.
    """
    sums = np.concatenate([[0.0], np.cumsum(speech, dtype=np.float64)]) * (_FRAME_S / 255)
    times = np.arange(len(sums)) * _FRAME_S

    def voiced(start: float, end: float) -> float:
        before, after = np.interp([start, end], times, sums)
        return round(float(after - before), 6)

    return voiced
