"""Which parameters of an encoder-decoder learn; all others are frozen and stay bit-equal."""

import warnings
from collections.abc import Iterable
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from acento.core.errors import ModelError
from acento.training.recipe import Recipe

_ADAPTER = "default"


def choose(model: nn.Module, encoder: Any, decoder: Any, recipe: Recipe) -> None:
    """Set ``requires_grad`` as the recipe's strategy says; what was frozen already (fixed positions) stays so.

    A projection that is tied to the decoder's embedding learns with the decoder, and rests with it.

    Args:
        model: the whole model.
        encoder: its ``layers``, and a norm after the last, ``layer_norm`` or ``norm``.
        decoder: the same.
        recipe: how it learns.

    Raises:
        ModelError: no layer has a name that ``lora_sites`` lists.
    """
    if recipe.strategy == "lora":
        add_adapters(model, recipe)
    elif recipe.strategy != "full":
        parts = {
            "encoder": [encoder],
            "decoder": [decoder],
            "last-n": [
                module
                for stack in (encoder, decoder)
                for module in (*list(stack.layers)[-recipe.last_n :], _last_norm(stack))
            ],
        }[recipe.strategy]
        learning = {id(parameter) for part in parts for parameter in part.parameters()}
        for parameter in model.parameters():
            if id(parameter) not in learning:
                parameter.requires_grad_(False)
    if recipe.dropout:
        for stack in (encoder, decoder):
            for module in (stack, *stack.layers):
                if learns(module):
                    _drop_out(module, recipe.dropout)


def frozen_layers(encoder: Any) -> int:
    """Return how many layers at the beginning of an encoder are frozen, and all before them.

    One more than there are layers when the norm after the last is frozen too: then the whole encoder is.
    """
    modules = (*encoder.layers, _last_norm(encoder))
    inside = {id(parameter) for module in modules for parameter in module.parameters()}
    if any(parameter.requires_grad for parameter in encoder.parameters() if id(parameter) not in inside):
        return 0
    return next((count for count, module in enumerate(modules) if learns(module)), len(modules))


def learns(part: nn.Module) -> bool:
    """Tell whether anything in a part of a model learns."""
    return any(parameter.requires_grad for parameter in part.parameters())


def train_what_learns(model: nn.Module, parts: Iterable[nn.Module]) -> None:
    """Set training mode, but in those parts of which nothing learns, and in batch norms.

    Batch norms keep the statistics of pre-training: those of a batch would let padding and neighbors into a clip's
    loss, accumulated gradients would not be those of one large batch, and 150 clips would replace what thousands of
    hours have settled. Their scales and shifts learn all the same.
    """
    model.train()
    for part in parts:
        if not learns(part):
            part.eval()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def plain_state(model: nn.Module) -> dict[str, Tensor]:
    """Return a model's weights as if it had no adapters: each is added to the weight that it adapts.

    The model is not changed. Adding up is done in float32, once, from the base's own weights.
    """
    adapted = {
        f"{name}.weight": module.base_layer.weight + module.get_delta_weight(_ADAPTER)
        for name, module in model.named_modules()
        if hasattr(module, "lora_A") and hasattr(module, "base_layer")
    }
    state = {}
    for name, tensor in model.state_dict().items():
        if ".lora_" not in name:
            plain = name.replace(".base_layer.", ".")
            state[plain] = adapted.get(plain, tensor).detach()
    return state


def _last_norm(stack: Any) -> nn.Module:
    norm: nn.Module = stack.layer_norm if hasattr(stack, "layer_norm") else stack.norm
    return norm


def _drop_out(module: Any, share: float) -> None:
    """Set the dropout of a layer's hidden states; where it has none, put one after each part of the layer.

    These are the places where Whisper's layers have theirs, before what a layer adds to what it was given.
    """
    if hasattr(module, "dropout"):
        module.dropout = share
        return
    for name in ("self_attn", "encoder_attn", "mlp"):
        if isinstance(branch := getattr(module, name, None), nn.Module):
            branch.register_forward_hook(partial(_dropped, share))


def _dropped(share: float, module: nn.Module, _given: Any, output: Any) -> Any:
    """Drop out a branch's output, or the first of several, while it learns."""
    if isinstance(output, tuple):
        return (_dropped(share, module, None, output[0]), *output[1:])
    return functional.dropout(output, share, training=module.training)


def add_adapters(model: nn.Module, recipe: Recipe) -> None:
    """Put PEFT's adapters on the layers that the recipe names, in place; only they learn.

    ``task_type`` is left out: with SEQ_2_SEQ_LM PEFT would pass Whisper arguments that it does not take.

    Raises:
        ModelError: no layer has a name that ``lora_sites`` lists.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=list(recipe.lora_sites),
        task_type=None,
    )
    linear = {name.rpartition(".")[2] for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    if unknown := sorted(set(recipe.lora_sites) - linear):
        raise ModelError(
            f"The model has no linear layer {', '.join(unknown)} for lora_sites; it has {', '.join(sorted(linear))}."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks the model by a name that transformers has renamed
        get_peft_model(model, config, adapter_name=_ADAPTER)
