"""Which parameters of an encoder-decoder learn; all others are frozen and stay bit-equal."""

import warnings
from typing import Any, Protocol

from torch import Tensor, nn

from acento.errors import ModelError
from acento.training.recipe import Recipe

_ADAPTER = "default"


class Stack(Protocol):
    """An encoder or a decoder: layers, and a norm after the last."""

    layers: nn.ModuleList
    layer_norm: nn.Module

    def parameters(self) -> Any: ...
    def modules(self) -> Any: ...


def choose(model: nn.Module, encoder: Stack, decoder: Stack, recipe: Recipe) -> None:
    """Set ``requires_grad`` as the recipe's strategy says; what was frozen already (fixed positions) stays so.

    A projection that is tied to the decoder's embedding learns with the decoder, and rests with it.

    Raises:
        ModelError: no layer has a name that ``lora_sites`` lists.
    """
    if recipe.strategy == "lora":
        _add_adapters(model, recipe)
    elif recipe.strategy != "full":
        learning = {id(parameter) for parameter in _learning(encoder, decoder, recipe)}
        for parameter in model.parameters():
            if id(parameter) not in learning:
                parameter.requires_grad_(False)
    if recipe.dropout:
        for stack in (encoder, decoder):
            for module in (stack, *stack.layers):
                if any(parameter.requires_grad for parameter in module.parameters()):
                    module.dropout = recipe.dropout


def frozen_layers(encoder: Stack) -> int:
    """Return how many layers at the beginning of an encoder are frozen, and all before them.

    One more than there are layers when the norm after the last is frozen too: then the whole encoder is.
    """
    inside = {id(parameter) for layer in encoder.layers for parameter in layer.parameters()}
    inside |= {id(parameter) for parameter in encoder.layer_norm.parameters()}
    if any(parameter.requires_grad for parameter in encoder.parameters() if id(parameter) not in inside):
        return 0
    count = 0
    for module in (*encoder.layers, encoder.layer_norm):
        if any(parameter.requires_grad for parameter in module.parameters()):
            break
        count += 1
    return count


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


def _learning(encoder: Stack, decoder: Stack, recipe: Recipe) -> list[nn.Parameter]:
    """Return the parameters of the parts that learn."""
    if recipe.strategy == "encoder":
        return list(encoder.parameters())
    if recipe.strategy == "decoder":
        return list(decoder.parameters())
    parts = [
        module for stack in (encoder, decoder) for module in (*list(stack.layers)[-recipe.last_n :], stack.layer_norm)
    ]
    return [parameter for part in parts for parameter in part.parameters()]


def _add_adapters(model: nn.Module, recipe: Recipe) -> None:
    """Put PEFT's adapters on the layers that the recipe names, in place; only they learn.

    ``task_type`` is left out: with SEQ_2_SEQ_LM PEFT would pass Whisper arguments that it does not take.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=list(recipe.lora_sites),
        task_type=None,
    )
    linear = sorted(
        {name.rpartition(".")[2] for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    )
    unknown = sorted(set(recipe.lora_sites) - set(linear))
    if unknown:
        raise ModelError(
            f"The model has no linear layer {', '.join(unknown)} for lora_sites; it has {', '.join(linear)}."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks the model by a name that transformers has renamed
        get_peft_model(model, config, adapter_name=_ADAPTER)
