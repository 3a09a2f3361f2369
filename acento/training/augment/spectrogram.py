"""Log-mel spectrograms changed as training needs it: masks over speech, and frequencies stretched."""

from typing import Any

import numpy as np
import numpy.typing as npt

from acento.training.augment.options import Augmentation

_FRAMES_PER_SECOND = 100
_LARGEST_SHARE = 0.2
"""The longest mask over time, as a share of the clip's speech: p in Park et al.'s policies for short clips (SM)."""


def masked(features: Any, speech_frames: npt.NDArray[np.bool_], options: Augmentation, rng: np.random.Generator) -> Any:
    """Return features with stretches of speech and bands of frequency blotted out: SpecAugment (Park et al. 2019).

    What is blotted out becomes, bin by bin, the mean over the clip's own speech: what zero is to features that are
    normalized by clip. Masks over time are laid over the speech frames as if they stood without pauses; masks over
    frequency cover the speech frames. Other frames are not changed: Whisper's window is mostly padding when clips are
    short; masks laid at random over all of it teach nothing, and masks over padding make it look like something.

    Args:
        features: float32, shape ``(bins, frames)``, a frame for each 10 ms; they are not changed.
        speech_frames: for each frame whether somebody speaks; frames beyond its end are padding.
        options: how many masks, and how wide at most.
        rng: decides where they lie.
    """
    speech = np.flatnonzero(speech_frames[: features.shape[1]])
    result = features.copy()
    if len(speech) == 0:
        return result
    mean = features[:, speech].mean(axis=1, keepdims=True)
    widest = min(round(options.time_mask_s * _FRAMES_PER_SECOND), int(_LARGEST_SHARE * len(speech)))
    for _ in range(options.time_masks):
        start, end = _stretch(len(speech), widest, rng)
        result[:, speech[start:end]] = mean
    bins = features.shape[0]
    for _ in range(options.frequency_masks):
        start, end = _stretch(bins, int(options.frequency_mask * bins), rng)
        result[start:end, speech] = mean[start:end]
    return result


def _stretch(length: int, widest: int, rng: np.random.Generator) -> tuple[int, int]:
    """Return start and end of a stretch of 0 to ``widest``, anywhere within ``length``."""
    width = int(rng.integers(0, widest, endpoint=True))
    start = int(rng.integers(0, length - width, endpoint=True))
    return start, start + width


def warped(features: Any, options: Augmentation, rng: np.random.Generator) -> Any:
    """Return features with their frequencies stretched or squeezed, or as they are; silence stays silence.

    Vocal tract length perturbation (Jaitly & Hinton 2013): the same words from a longer or a shorter throat. Each bin
    takes the value that stands at its place times a factor, between two bins in proportion. Draws from ``rng`` whether
    or not anything changes, so that what is drawn afterwards does not depend on it.

    Args:
        features: float32, shape ``(bins, frames)``; they are not changed.
        options: how often, and how far.
        rng: decides.
    """
    chosen, factor = rng.random() < options.warp, rng.uniform(*options.warp_range)
    if not chosen:
        return features
    bins = len(features)
    places = np.clip(np.arange(bins) * factor, 0, bins - 1)
    below = places.astype(np.int64)
    share = (places - below).astype(features.dtype)[:, None]
    return features[below] * (1 - share) + features[np.minimum(below + 1, bins - 1)] * share
