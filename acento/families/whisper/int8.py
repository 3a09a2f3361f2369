"""A Whisper whose matrices are held and multiplied in 8 bits, on the CPU.

A weight is rounded once, by a scale for each of its rows; what it is multiplied with is rounded as it comes, by a scale
for each frame or token. One scale for all of them, as torch's dynamic quantization has, changes nearly every text: a
few states of a Whisper are many times larger than the others. Products are summed exactly, in 32 bits.
"""

from typing import Any

import torch
from torch import Tensor, nn

_LARGEST = 127
_TINY = 1e-12
"""Keeps a row of zeros from being divided by zero."""


class Int8Linear(nn.Module):  # type: ignore[misc]
    """A linear layer in 8 bits; what it takes and returns is float32."""

    def __init__(self, linear: nn.Linear) -> None:
        """Round the weights of a layer."""
        super().__init__()
        weight, bias = linear.weight.detach().float(), linear.bias
        scale = _scale(weight)
        self.register_buffer(
            "rounded", (weight / scale).round().to(torch.int8).t().clone(memory_format=torch.contiguous_format)
        )
        self.register_buffer("scale", scale[:, 0].clone())
        self.register_buffer("bias", torch.zeros(len(weight)) if bias is None else bias.detach().float())

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the layer's output, shape ``(…, out)``."""
        rows = inputs.reshape(-1, inputs.shape[-1])
        scale = _scale(rows)
        sums = torch._int_mm((rows / scale).round_().to(torch.int8), self.rounded)
        return torch.addcmul(self.bias, sums.float().mul_(scale), self.scale).view(*inputs.shape[:-1], -1)


def in_int8(model: Any) -> Any:
    """Round every linear layer of a model, in place, and return the model; all else stays as it is."""
    found = [(parent, name) for parent in model.modules() for name, one in parent.named_children() if _is_plain(one)]
    for parent, name in found:
        setattr(parent, name, Int8Linear(getattr(parent, name)))
    return model


def _is_plain(module: nn.Module) -> bool:
    return type(module) is nn.Linear


def _scale(rows: Tensor) -> Tensor:
    """Return for each row what its largest number is divided by to be the largest of 8 bits, shape ``(rows, 1)``."""
    return rows.abs().amax(1, keepdim=True).clamp_(min=_TINY) / _LARGEST
