"""SpecAugment (Park et al. 2019) where somebody speaks, and nowhere else.

Whisper's window is mostly padding when clips are short: masks laid at random over all of it teach nothing, and masks
over padding make it look like something.
"""

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from acento.training.augment.options import Augmentation

Features = TypeVar("Features", bound=Any)

_FRAMES_PER_SECOND = 100
_LARGEST_SHARE = 0.2
"""The longest mask over time, as a share of the clip's speech: p in Park et al.'s policies for short clips (SM)."""


def masked(
    features: Features, speech_frames: npt.NDArray[np.bool_], options: Augmentation, rng: np.random.Generator
) -> Features:
    """Return features with stretches of speech and bands of frequency blotted out; others are not changed.

    What is blotted out becomes, bin by bin, the mean over the clip's own speech: what zero is to features that are
    normalized by clip. Masks over time are laid over the speech frames as if they stood without pauses; masks over
    frequency cover the speech frames.

    Args:
        features: a NumPy array or a tensor in host memory, float32, shape ``(bins, frames)``, a frame for each 10 ms.
        speech_frames: for each frame whether somebody speaks; frames beyond its end are padding.
        options: how many masks, and how wide at most.
        rng: decides where they lie.

    Returns:
        A new array or tensor of the same shape.
    """
    if not isinstance(features, np.ndarray):
        import torch

        changed: Features = torch.from_numpy(masked(features.detach().numpy(), speech_frames, options, rng))
        return changed
    speech = np.flatnonzero(speech_frames[: features.shape[1]])
    result: Any = features.copy()
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
