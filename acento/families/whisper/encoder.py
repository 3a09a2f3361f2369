"""Whisper's encoder by its parts, for windows of any even number of mel frames.

Transformers' own ``forward`` makes the same sums and refuses every length but the model's whole window.
"""

from typing import Any

from torch import Tensor
from torch.nn import functional


def embed(encoder: Any, features: Tensor) -> Tensor:
    """Return what the encoder's layers are given, shape ``(batch, frames / 2, d_model)``, without dropout.

    Args:
        encoder: of a ``WhisperForConditionalGeneration``.
        features: log-mel, shape ``(batch, bins, frames)``; a short window takes the first of the positions.
    """
    hidden = functional.gelu(encoder.conv1(features))
    hidden = functional.gelu(encoder.conv2(hidden)).permute(0, 2, 1)
    return hidden + encoder.embed_positions.weight[: hidden.shape[1]]


def encode(encoder: Any, features: Tensor) -> Tensor:
    """Return the encoder's output in evaluation mode, shape ``(batch, frames / 2, d_model)``."""
    hidden = embed(encoder, features)
    for layer in encoder.layers:
        hidden = layer(hidden, None)
    normed: Tensor = encoder.layer_norm(hidden)
    return normed
