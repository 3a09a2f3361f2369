"""AdamW over what learns, in float32 states or in 8 bits."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import torch
from torch import nn

from acento.core.errors import ModelError
from acento.core.extras import require
from acento.training.recipe import Recipe


def make_optimizer(learned: Mapping[str, nn.Parameter], recipe: Recipe) -> Any:
    """Return an optimizer whose decay pulls at matrices only.

    Raises:
        ModelError: the recipe asks for 8-bit states, and what keeps them is not installed.
    """
    parameters = list(learned.values())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if recipe.optimizer == "adamw-8bit":
        return _eight_bit()(groups, lr=recipe.learning_rate, betas=recipe.betas)
    # one kernel for all parameters; Apple's GPU has none
    fused = all(parameter.device.type in ("cpu", "cuda") for parameter in parameters)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=recipe.betas, fused=fused)


def _eight_bit() -> Any:
    require("eight-bit", "optimizer=adamw-8bit")
    try:
        return import_module("bitsandbytes.optim").AdamW8bit
    except ImportError as error:
        raise ModelError(
            f"optimizer=adamw-8bit needs bitsandbytes, which cannot be imported here ({error}): take optimizer=adamw."
        ) from error
