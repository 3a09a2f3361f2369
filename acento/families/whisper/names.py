"""What OpenAI calls the weights of a Whisper, and after it whisper.cpp, and what transformers calls them."""

import re
from collections.abc import Mapping
from typing import Final

_PARTS: Final = {
    "encoder.positional_embedding": "encoder.embed_positions.weight",
    "decoder.positional_embedding": "decoder.embed_positions.weight",
    "encoder.ln_post": "encoder.layer_norm",
    "decoder.ln": "decoder.layer_norm",
    "token_embedding": "embed_tokens",
    "blocks": "layers",
    "attn": "self_attn",
    "attn_ln": "self_attn_layer_norm",
    "cross_attn": "encoder_attn",
    "cross_attn_ln": "encoder_attn_layer_norm",
    "mlp.0": "fc1",
    "mlp.2": "fc2",
    "mlp_ln": "final_layer_norm",
    "query": "q_proj",
    "key": "k_proj",
    "value": "v_proj",
    "out": "out_proj",
}
"""Parts of names between dots, OpenAI's and transformers'; what is not here has one name."""


def transformers_name(name: str) -> str:
    """Return transformers' name of a weight, without its ``model.``.

    >>> transformers_name("decoder.blocks.0.cross_attn.out.weight"), transformers_name("encoder.blocks.3.mlp_ln.bias")
    ('decoder.layers.0.encoder_attn.out_proj.weight', 'encoder.layers.3.final_layer_norm.bias')
    """
    return _renamed(name, _PARTS)


def openai_name(name: str) -> str:
    """Return OpenAI's name of a weight that transformers calls so, without its ``model.``.

    >>> openai_name("decoder.layers.0.encoder_attn.out_proj.weight"), openai_name("encoder.layers.3.fc2.bias")
    ('decoder.blocks.0.cross_attn.out.weight', 'encoder.blocks.3.mlp.2.bias')
    """
    return _renamed(name, {new: old for old, new in _PARTS.items()})


def _renamed(name: str, parts: Mapping[str, str]) -> str:
    longest_first = "|".join(re.escape(part) for part in sorted(parts, key=len, reverse=True))
    return re.sub(rf"(?<![^.])(?:{longest_first})(?![^.])", lambda found: parts[found[0]], name)
