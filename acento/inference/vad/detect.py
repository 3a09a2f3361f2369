"""The probability of speech of every frame of a recording, which is heard block by block."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import torch

from acento.data.recordings.recording import FRAME, Samples
from acento.inference.vad.silero import CONTEXT, silero

_AT_ONCE = 512
"""Frames (16 s) that the network is given at once."""


def speech_of(blocks: Iterable[Samples], gain: float = 1.0) -> npt.NDArray[np.uint8]:
    """Return 255 times the probability of speech of each frame of 32 ms, shape (frames,).

    Args:
        blocks: one channel at 16 kHz from its start to its end, float32 in [-1, 1], in blocks of any lengths; only one
            is in memory. The last frame is filled up with silence.
        gain: by what samples are multiplied (see :class:`acento.inference.vad.level.Loudness`).
    """
    network, state, found = silero(), None, list[npt.NDArray[np.uint8]]()
    before = np.zeros(CONTEXT, np.float32)
    for samples in _of_length(blocks, _AT_ONCE * FRAME):
        missing = -len(samples) % FRAME
        heard = np.clip(np.concatenate([before, samples * np.float32(gain), np.zeros(missing, np.float32)]), -1, 1)
        before = heard[-CONTEXT:]
        frames = np.lib.stride_tricks.sliding_window_view(heard, CONTEXT + FRAME)[::FRAME]
        with torch.inference_mode():
            probabilities, state = network(torch.from_numpy(frames.copy())[:, None], state)
        found.append(np.rint(probabilities[:, 0].numpy() * 255).astype(np.uint8))
    return np.concatenate(found) if found else np.zeros(0, np.uint8)


def _of_length(blocks: Iterable[Samples], length: int) -> Iterator[Samples]:
    """Yield the same samples in blocks of one length, the last of which may be shorter."""
    waiting, count = list[Samples](), 0
    for block in blocks:
        waiting.append(block)
        count += len(block)
        while count >= length:
            joined = np.concatenate(waiting)
            yield joined[:length]
            waiting, count = [joined[length:]], len(joined) - length
    if count:
        yield np.concatenate(waiting)
