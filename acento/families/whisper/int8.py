"""A Whisper whose matrices are held and multiplied in 8 bits, on the CPU, by torch's dynamic quantization."""

import warnings
from typing import Any

from torch import nn

from acento.core.errors import ModelError


def in_int8(model: Any) -> Any:
    """Round the weights of a model's linear layers to 8 bits, in place; return the model.

    Each row of a matrix has a scale of its own. What it is multiplied with is rounded as it comes, by its own range.
    Convolutions, norms and attention stay in float32.

    Raises:
        ModelError: this build of torch has no dynamic quantization.
    """
    try:
        from torch.ao.quantization import per_channel_dynamic_qconfig, quantize_dynamic
    except ImportError as error:
        raise ModelError(
            "This build of torch has no dynamic quantization: choose float32, or CTranslate2 (--engine ctranslate2 "
            "--quantization int8)."
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch wants it to be called elsewhere one day
        return quantize_dynamic(model, {nn.Linear: per_channel_dynamic_qconfig}, inplace=True)
