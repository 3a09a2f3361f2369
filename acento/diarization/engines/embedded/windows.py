"""Cut audio that comes in blocks into windows of one length, without the rest in memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from acento.models.base import Audio


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of audio; behind its end there is silence."""

    audio: Audio
    samples: int
    """That are there and were not in the window before: their sum over the windows is the recording's length."""


def windows_of(blocks: Iterable[Audio], size: int, hop: int) -> Iterator[Window]:
    """Yield windows of ``size`` samples, every ``hop`` samples, until one reaches the end.

    >>> [(window.audio.tolist(), window.samples) for window in windows_of([np.arange(3), np.arange(3, 6)], 4, 3)]
    [([0, 1, 2, 3], 4), ([3, 4, 5, 0], 2)]
    """
    held, old = np.zeros(0, np.float32), 0
    for block in blocks:
        held = np.concatenate([held, block]).astype(block.dtype)
        # strictly longer: so long as it may be the last window, the next block decides
        while len(held) > size:
            yield Window(held[:size], size - old)
            held, old = held[hop:], size - hop
    if len(held) > old:
        yield Window(np.pad(held, (0, size - len(held))), len(held) - old)
