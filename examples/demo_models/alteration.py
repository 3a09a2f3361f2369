"""How a clip is lightly altered each time it is learned from: stretched frequencies, masks, another tempo."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from examples.demo_models.recipe import MEL_BINS

Floats = npt.NDArray[np.float32]


def stretched(mel: Floats, random: np.random.Generator, altered: float) -> Floats:
    """A log-mel spectrogram, (80, frames), perhaps as of another vocal tract (Jaitly and Hinton 2013)."""
    if random.random() >= 0.6 * altered:
        return mel
    position = np.clip(np.arange(MEL_BINS) * random.uniform(0.92, 1.08), 0, MEL_BINS - 1)
    low = position.astype(np.int64)
    high, share = np.minimum(low + 1, MEL_BINS - 1), (position - low).astype(np.float32)[:, None]
    return mel[low] * (1 - share) + mel[high] * share


def mask(mel: Floats, frames: int, fill: float | np.float32, random: np.random.Generator, altered: float) -> None:
    """Perhaps hide a band and a moment of a log-mel spectrogram, in place (SpecAugment, Park et al. 2019).

    The moment begins within the first `frames`.
    """
    if random.random() < 0.5 * altered:
        band, first = int(random.integers(1, 9)), int(random.integers(0, MEL_BINS - 8))
        mel[first : first + band] = fill
        moment, begin = int(random.integers(1, 13)), int(random.integers(0, frames))
        mel[:, begin : begin + moment] = fill


def hurried(samples: Floats, random: np.random.Generator, altered: float) -> Floats:
    """Samples perhaps up to 8 % faster or slower, higher or lower with it (Ko et al. 2015), with a gap of silence."""
    if random.random() < 0.6 * altered:
        places = np.arange(0, len(samples) - 1, random.uniform(0.92, 1.08), dtype=np.float32)
        samples = np.interp(places, np.arange(len(samples), dtype=np.float32), samples).astype(np.float32)
    if random.random() < 0.5 * altered:
        gap, begin = int(random.integers(160, 1920)), int(random.integers(0, len(samples)))
        samples = samples.copy()
        samples[begin : begin + gap] = 0.0
    return samples
