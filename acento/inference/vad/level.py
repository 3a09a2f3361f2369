"""How loud a recording is, and the gain with which a very quiet one can be searched for speech."""

import numpy as np
import numpy.typing as npt

from acento.data.recordings.recording import FRAME

_FLOOR_DB = -100
"""Quieter frames are digital silence and count for nothing."""
_LOUD = 0.95
"""The share of frames that are no louder than what is taken as the level of speech."""
_TARGET_DB = -20.0
"""Where gain puts that level: about where speech is in well recorded audio."""
_MOST_DB = 30.0
"""More gain would only make noise of a room without speech loud."""


class Loudness:
    """Counts how loud the frames of one channel are, block by block; memory does not grow."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._counts = np.zeros(1 - _FLOOR_DB, np.int64)
        self._rest = np.zeros(0, np.float32)

    def add(self, samples: npt.NDArray[np.float32]) -> None:
        """Count more samples, float32 in [-1, 1]; the last frame is left out if it is not whole."""
        samples = np.concatenate([self._rest, samples])
        whole = len(samples) // FRAME * FRAME
        self._rest = samples[whole:].copy()
        power = np.square(samples[:whole].reshape(-1, FRAME)).mean(axis=1)
        decibels = np.rint(10 * np.log10(power[power > 10 ** (_FLOOR_DB / 10)])).astype(np.int64)
        self._counts += np.bincount(np.clip(decibels, _FLOOR_DB, 0) - _FLOOR_DB, minlength=len(self._counts))

    @property
    def gain(self) -> float:
        """By what samples are to be multiplied so that speech is as loud as usual: 1 to 32.

        >>> loud, quiet = Loudness(), Loudness()
        >>> loud.add(np.full(5120, 0.2, np.float32)); quiet.add(np.full(5120, 0.01, np.float32))
        >>> loud.gain, round(quiet.gain, 1)
        (1.0, 10.0)
        """
        total = int(self._counts.sum())
        if not total:
            return 1.0
        level = _FLOOR_DB + int(np.searchsorted(np.cumsum(self._counts), _LOUD * total))
        return float(10 ** (min(max(_TARGET_DB - level, 0.0), _MOST_DB) / 20))
