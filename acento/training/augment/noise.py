"""Noise to add to speech: made in three colors, or taken from recordings in a folder of the user's."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acento.core.audio.recording import AudioError, decode
from acento.core.errors import DataError
from acento.core.fingerprint import fingerprint, sha256
from acento.data.sources.files import AUDIO_SUFFIXES
from acento.data.utterance import SAMPLE_RATE
from acento.models.base import Audio
from acento.training.augment.options import Color

NOISE_MINUTES = 60
"""The most audio that a folder of noise may hold: it is kept in memory, 2 MB for each minute."""
_EXPONENTS: dict[Color, float] = {"white": 0.0, "pink": 1.0, "brown": 2.0}
"""Power falls as 1 / frequency to this power."""
_LOWEST_HZ = 20.0
"""Below the audible range the power falls no further: else brown noise would be only drift."""


@dataclass(frozen=True, slots=True)
class Noise:
    """A folder of recorded noise, decoded: int16, mono, 16 kHz."""

    recordings: tuple[npt.NDArray[np.int16], ...]
    digest: str
    """SHA-256 over all samples in the order of the files' names: part of what a training depends on."""

    def stretch(self, samples: int, rng: np.random.Generator) -> Audio:
        """Return a stretch of noise, each moment of the folder being as likely; a short recording is repeated."""
        lengths = [len(recording) for recording in self.recordings]
        place = int(rng.integers(sum(lengths)))
        at = int(np.searchsorted(np.cumsum(lengths), place, side="right"))
        recording = self.recordings[at]
        start = place - sum(lengths[:at])
        if len(recording) >= samples:
            start = min(start, len(recording) - samples)
            found = recording[start : start + samples]
        else:
            found = np.resize(np.roll(recording, -start), samples)
        return found.astype(np.float32) / np.float32(32768)


def read_noise(folder: str) -> Noise:
    """Return all audio files of a folder and its subfolders; it is read once for each process.

    Raises:
        DataError: it is no folder, has no audio, more than ``NOISE_MINUTES`` of it, or a file that cannot be used.
    """
    return _read(Path(folder).expanduser().absolute())


@lru_cache(maxsize=4)
def _read(root: Path) -> Noise:
    if not root.is_dir():
        raise DataError(f"The noise folder {root} is not there: name a folder with recordings of noise.")
    paths = {
        path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES
    }
    recordings, left_s = list[npt.NDArray[np.int16]](), 60.0 * NOISE_MINUTES
    for name in sorted(name for name, path in paths.items() if not path.name.startswith(".") and path.is_file()):
        try:
            samples = decode(paths[name], max_seconds=left_s)
        except AudioError as error:
            if error.reason == "too_long":
                raise DataError(
                    f"The noise folder {root} holds more than {NOISE_MINUTES} minutes of audio, which is kept in "
                    f"memory: leave some of it out (the limit is reached at {name})."
                ) from error
            raise DataError(f"The noise {paths[name]} cannot be used: {error} Remove or replace it.") from error
        if samples.any():  # digital silence has no SNR
            recordings.append(samples)
        left_s -= len(samples) / SAMPLE_RATE
    if not recordings:
        raise DataError(f"The noise folder {root} has no audio file with a sound in it.")
    return Noise(tuple(recordings), fingerprint([sha256(samples.tobytes()) for samples in recordings]))


def colored_noise(samples: int, color: Color, rng: np.random.Generator) -> Audio:
    """Return synthetic noise of unit power, float32, at 16 kHz.

    White noise is shaped in the frequency domain (Timmer and König 1995). The generators of audiomentations do the same
    out of NumPy's global state, which would make a clip depend on what was drawn before it.
    """
    white = rng.standard_normal(samples)
    if color != "white":
        spectrum = np.fft.rfft(white)
        frequency = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE).clip(min=_LOWEST_HZ)
        spectrum *= frequency ** (-_EXPONENTS[color] / 2)
        spectrum[0] = 0
        white = np.fft.irfft(spectrum, samples)
    power = float(np.mean(np.square(white)))
    return (white / np.sqrt(power) if power > 0 else white).astype(np.float32)
