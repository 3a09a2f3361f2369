"""Long audio cut into windows where it is quietest, so that no word is cut in two."""

from itertools import pairwise

import numpy as np

from acento.data.utterance import SAMPLE_RATE
from acento.models.base import Audio

_FRAME = SAMPLE_RATE // 50
"""20 ms: the grid on which a cut may fall."""
_SMOOTH = 15
"""Frames (0.3 s) over which loudness is averaged: a pause between words, not a stop consonant."""
_SEARCH = 0.5
"""The cut is sought in this last share of the window."""


def cuts(audio: Audio, window_s: float | None) -> list[int]:
    """Return where to cut, as sample positions from 0 to the end; neighbors are at most ``window_s`` apart.

    >>> cuts(np.zeros(160, np.float32), 30.0)
    [0, 160]
    """
    total = len(audio)
    if window_s is None or total <= int(window_s * SAMPLE_RATE):
        return [0, total]
    window = int(window_s * SAMPLE_RATE)
    loudness = _loudness(audio)
    found = [0]
    while total - found[-1] > window:
        first = (found[-1] + int(window * (1 - _SEARCH))) // _FRAME + 1
        last = (found[-1] + window) // _FRAME
        quiet = loudness[first : last + 1]
        # among equally quiet places the latest, so that digital silence does not make pieces short
        place = first + len(quiet) - 1 - int(np.argmin(quiet[::-1]))
        found.append(place * _FRAME)
    return [*found, total]


def pieces(audio: Audio, window_s: float | None) -> list[tuple[float, float, Audio]]:
    """Return ``(start, end, samples)`` of each piece, times in seconds; together they are the audio."""
    return [
        (start / SAMPLE_RATE, end / SAMPLE_RATE, audio[start:end]) for start, end in pairwise(cuts(audio, window_s))
    ]


def _loudness(audio: Audio) -> np.ndarray:
    """Return for each border between frames the mean power around it (source: short-time energy, Rabiner 1975)."""
    frames = -(-len(audio) // _FRAME)
    padded = np.zeros(frames * _FRAME, dtype=np.float32)
    padded[: len(audio)] = audio
    power = np.square(padded.reshape(frames, _FRAME)).mean(axis=1, dtype=np.float64)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    borders = np.arange(frames + 1)
    low, high = np.maximum(borders - _SMOOTH // 2, 0), np.minimum(borders + _SMOOTH // 2 + 1, frames)
    return np.maximum((sums[high] - sums[low]) / np.maximum(high - low, 1), 1e-10)
