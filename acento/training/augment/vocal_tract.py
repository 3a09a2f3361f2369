"""Vocal tract length perturbation (Jaitly & Hinton 2013): the same words from a longer or a shorter throat."""

from typing import Any, TypeVar

import numpy as np

from acento.training.augment.options import Augmentation

Features = TypeVar("Features", bound=Any)


def warped(features: Features, options: Augmentation, rng: np.random.Generator) -> Features:
    """Return features with their frequencies stretched or squeezed, or as they are; silence stays silence.

    Each bin takes the value that stands at its place times a factor, between two bins in proportion. Draws from ``rng``
    whether or not anything changes, so that what is drawn afterwards does not depend on it.

    Args:
        features: a NumPy array or a tensor in host memory, float32, shape ``(bins, frames)``.
        options: how often, and how far.
        rng: decides.

    Returns:
        A new array or tensor of the same shape; ``features`` itself where nothing changes.
    """
    chosen, factor = rng.random() < options.warp, rng.uniform(*options.warp_range)
    if not chosen:
        return features
    if not isinstance(features, np.ndarray):
        import torch

        changed: Features = torch.from_numpy(_stretched(features.detach().numpy(), factor))
        return changed
    return _stretched(features, factor)


def _stretched(features: Any, factor: float) -> Any:
    bins = len(features)
    places = np.clip(np.arange(bins) * factor, 0, bins - 1)
    below = places.astype(np.int64)
    share = (places - below).astype(features.dtype)[:, None]
    return features[below] * (1 - share) + features[np.minimum(below + 1, bins - 1)] * share
