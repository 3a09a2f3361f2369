"""A recording in the store: its audio, and how likely each moment of it is speech.

The artifact ``recordings/<fingerprint>`` holds ``audio.flac`` (16 kHz, 16 bits; one channel, or all of them where they
are transcribed one by one) and ``speech.npy`` (uint8, shape (frames, channels): 255 times the probability that a frame
of 32 ms is speech). Windows and blocks are read from it without the rest in memory.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import soundfile

from acento.core.errors import DamagedError, InputError
from acento.core.store import Artifact, Store
from acento.data.utterance import SAMPLE_RATE

AUDIO = "audio.flac"
SPEECH = "speech.npy"
FRAME = 512
"""Samples of a frame of ``speech.npy``: 32 ms."""
MOST_CHANNELS = 8
"""A FLAC file holds no more."""

Samples = npt.NDArray[np.float32]
"""One channel at 16 kHz, float32 in [-1, 1)."""

_OPEN = 16
"""Files kept open by a reader."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What can be known of a recording in the store without opening its audio."""

    key: str
    """The artifact: ``recordings/<fingerprint>``."""
    duration_s: float
    channels: int
    sha256: str
    """Of the bytes that were imported."""


def load_recording(store: Store, key: str) -> Recording:
    """Return a recording of the store.

    Raises:
        StoreError: there is none of this key.
        DamagedError: what is there is no recording.
    """
    found = store.find(key)
    if found is None:
        raise store.missing(key)
    return recording_of(found)


def recording_of(artifact: Artifact) -> Recording:
    """Return the recording that an artifact is.

    Raises:
        DamagedError: it is none.
    """
    info = artifact.info
    try:
        return Recording(artifact.key, float(info["duration_s"]), int(info["channels"]), str(info["sha256"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedError(f"{artifact.key} is no recording ({error!r}); remove it and import it again.") from error


def load_speech(store: Store, key: str) -> npt.NDArray[np.uint8]:
    """Return 255 times the probability of speech of each frame (32 ms), shape (frames, channels).

    Raises:
        StoreError: there is no such recording.
        DamagedError: its bytes are not those that were published.
    """
    speech: npt.NDArray[np.uint8] = np.load(store.local_path(key, SPEECH))
    return speech


class RecordingReader:
    """Reads stretches of recordings; several threads may use one, of which one reads at a time."""

    def __init__(self, store: Store) -> None:
        """Keep the store; nothing is opened yet."""
        self._store = store
        self._open = lru_cache(_OPEN)(self._file)
        self._reading = threading.Lock()

    def read(self, key: str, channel: int, start_s: float, end_s: float) -> Samples:
        """Return the samples between two times, cut to what there is.

        Raises:
            InputError: the recording has no such channel, or no sample is between the times.
            StoreError: there is no such recording.
            DamagedError: its bytes are not those that were published.
        """
        with self._reading:
            file = self._open(key)
            _check_channel(file, key, channel)
            start, end = max(0, round(start_s * SAMPLE_RATE)), min(round(end_s * SAMPLE_RATE), file.frames)
            if start >= end:
                there = f"it lasts {file.frames / SAMPLE_RATE:g} s"
                raise InputError(f"{key} has nothing from {start_s:g} to {end_s:g} s: {there}.")
            return _samples(file, key, channel, start, end - start)

    def blocks(self, key: str, channel: int, seconds: float) -> Iterator[Samples]:
        """Yield a channel from its start to its end in blocks of so many seconds, the last of which may be shorter.

        Raises:
            InputError: the recording has no such channel, or a block would have no sample.
            StoreError, DamagedError: as of :meth:`read`.
        """
        size = round(seconds * SAMPLE_RATE)
        if size < 1:
            raise InputError(f"Blocks of {seconds:g} s hold no sample; ask for longer ones.")
        with self._file(key) as file:
            _check_channel(file, key, channel)
            for start in range(0, file.frames, size):
                yield _samples(file, key, channel, start, min(size, file.frames - start))

    def _file(self, key: str) -> soundfile.SoundFile:
        """Open a recording's audio, its checksum verified."""
        path = self._store.local_path(key, AUDIO)
        try:
            file = soundfile.SoundFile(path)
        except (RuntimeError, TypeError) as error:  # soundfile's errors are RuntimeErrors
            raise DamagedError(f"{key}/{AUDIO} is no FLAC file ({error}); remove it and import it again.") from error
        if file.samplerate != SAMPLE_RATE:
            file.close()
            raise DamagedError(f"{key}/{AUDIO} is not at 16 kHz; remove it and import it again.")
        return file


def _check_channel(file: soundfile.SoundFile, key: str, channel: int) -> None:
    if not 0 <= channel < file.channels:
        number = "1 channel" if file.channels == 1 else f"{file.channels} channels"
        raise InputError(f"{key} has no channel {channel}: it has {number}, counted from 0.")


def _samples(file: soundfile.SoundFile, key: str, channel: int, start: int, length: int) -> Samples:
    """Return samples of a channel from a place on."""
    try:
        if file.tell() != start:
            file.seek(start)
        block = file.read(length, dtype="float32", always_2d=True)
    except RuntimeError as error:
        raise DamagedError(f"{key}/{AUDIO} cannot be decoded ({error}); remove it and import it again.") from error
    if len(block) != length:
        raise DamagedError(f"{key}/{AUDIO} is cut short; remove it and import it again.")
    return np.ascontiguousarray(block[:, channel])
