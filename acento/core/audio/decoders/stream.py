"""What both decoders give: an open recording as blocks of samples, or an error with its reason."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acento.core.errors import DataError

SAMPLE_RATE = 16_000
"""Hz; every recording is resampled to it: what models hear, and what staged clips have."""

BLOCK = 1 << 17
"""Samples, of all channels together, that are decoded at once."""


class AudioError(DataError):
    """A recording cannot be used; ``reason`` is ``unreadable``, ``truncated``, ``empty`` or ``too_long``."""

    def __init__(self, sentence: str, reason: str = "unreadable") -> None:
        """Keep the sentence and the code."""
        super().__init__(sentence)
        self.reason = reason


class NoAudioError(AudioError):
    """A film or the like without a sound track."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Samples from some place of a recording to its end.

    ``rate`` in Hz; ``due`` is how many samples must come, None where only decoding tells; ``blocks`` are float32 arrays
    of (samples, channels).
    """

    rate: int
    due: int | None
    blocks: Iterator[NDArray[np.float32]]


def cut_short(due: float, there: float) -> AudioError:
    """Return the error of a recording that ends before its time; both in seconds."""
    return AudioError(f"The file is cut short: {due:.2f} s are due, {there:.2f} s are there.", "truncated")


def starts_after_the_end(start_s: float) -> AudioError:
    """Return the error of an utterance that is not in the recording."""
    return AudioError(f"The recording ends before {start_s:g} s, where the utterance should begin.", "truncated")
