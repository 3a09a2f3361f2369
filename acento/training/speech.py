"""Where in a clip somebody speaks, told from its own loud and quiet levels: cheap enough for each step of training."""

import numpy as np
import numpy.typing as npt

from acento.models.base import Audio

FRAME = 160
"""Samples of a frame: 10 ms at 16 kHz, which is also the hop of Whisper's features."""
_WINDOW = 3
"""Frames whose power is averaged: what is heard as one moment."""
_SPEECH, _QUIET = 95, 10
"""Percentiles of a clip's own frames that are called its speech level and its quiet level."""
_DEPTH_DB = 35.0
"""Speech that is further than this below the clip's speech level is hardly heard; vowels to fricatives span as much."""
_RISE = 0.3
"""How far, of the way in dB from the quiet level to the speech level, speech begins."""
_NO_PAUSE_DB = 10.0
"""Where the two levels are nearer than this, the clip has no pause, and any line between them would cut speech."""
_FLOOR_DBFS = -75.0
"""Nothing below this level is speech; full-scale square waves have 0 dBFS."""
_BRIDGE = 12
"""Pauses up to so many frames are within words: closures of p, t, k last 50 to 120 ms."""


def speech_frames(audio: Audio) -> npt.NDArray[np.bool_]:
    """Tell for every 10 ms whether somebody speaks, by energy.

    A frame speaks when its power is a third of the way, in dB, from the clip's quiet level (the 10th percentile of its
    frames) to its speech level (the 95th), and not more than 35 dB below that. Short pauses inside words belong to
    them. A clip without pauses is speech all over; one of digital silence has none.

    Args:
        audio: samples, float32, mono, 16 kHz.

    Returns:
        Shape ``(ceil(samples / 160),)``; a last frame that is cut counts as one.

    >>> tone = np.sin(np.arange(3200)).astype(np.float32)
    >>> frames = speech_frames(np.concatenate([np.zeros(8000, np.float32), tone, np.zeros(4800, np.float32)]))
    >>> len(frames), int(frames.argmax()), int(frames.sum())
    (100, 49, 22)
    """
    count = -(-len(audio) // FRAME)
    if count == 0:
        return np.zeros(0, dtype=np.bool_)
    padded = np.zeros(count * FRAME, dtype=np.float32)
    padded[: len(audio)] = audio
    frames = padded.reshape(count, FRAME)
    power = np.einsum("ij,ij->i", frames, frames, dtype=np.float64) / FRAME
    edges = np.concatenate([[power[0]], power, [power[-1]]])
    level = 10 * np.log10(np.convolve(edges, np.full(_WINDOW, 1 / _WINDOW), mode="valid").clip(min=1e-12))
    speech, quiet = (float(np.percentile(level, percentile)) for percentile in (_SPEECH, _QUIET))
    lowest = speech - _DEPTH_DB
    if speech - quiet > _NO_PAUSE_DB:
        lowest = max(lowest, quiet + _RISE * (speech - quiet))
    return _bridged(level > max(lowest, _FLOOR_DBFS))


def _bridged(speaks: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the frames with pauses of at most ``_BRIDGE`` frames between speech closed."""
    at = np.flatnonzero(speaks)
    for gap in np.flatnonzero(np.diff(at) > 1):
        if at[gap + 1] - at[gap] <= _BRIDGE + 1:
            speaks[at[gap] : at[gap + 1]] = True
    return speaks
