"""Voices as vectors."""

from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]
"""A voice: float32, of unit length; the cosine of two tells how alike they are."""


def unit(vectors: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return vectors (…, d) scaled to unit length; zeros stay.

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(norms > 0, norms, 1)
