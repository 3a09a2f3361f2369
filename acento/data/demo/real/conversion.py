"""A CTranslate2 folder of a Whisper, written as transformers' ``save_pretrained`` would have written it.

CTranslate2 stacks the projections of an attention into one matrix; transformers keeps them apart. No value changes.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from acento.core.errors import InputError

Arrays = Mapping[str, npt.NDArray[Any]]

_FORMAT_VERSION: Final = 6
_TYPES: Final = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
_HEAD_WIDTH: Final = 64
"""The width of a head in every published Whisper."""
_END: Final = "<|endoftext|>"

_SELF: Final = {
    "self_attention/linear_0": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attention/linear_1": ("self_attn.out_proj",),
    "self_attention/layer_norm": ("self_attn_layer_norm",),
    "ffn/linear_0": ("fc1",),
    "ffn/linear_1": ("fc2",),
    "ffn/layer_norm": ("final_layer_norm",),
}
_CROSS: Final = {
    "attention/linear_0": ("encoder_attn.q_proj",),
    "attention/linear_1": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
    "attention/linear_2": ("encoder_attn.out_proj",),
    "attention/layer_norm": ("encoder_attn_layer_norm",),
}
"""CTranslate2's name within a layer, and transformers' names of the parts that are stacked in it."""


def to_transformers(ct2: Path, out: Path) -> None:
    """Write ``out`` (config, generation config, tokenizer, feature extractor, float16 safetensors) from ``ct2``."""
    import torch
    from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizerFast
    from transformers.utils import logging

    arrays = read_arrays(ct2 / "model.bin")
    tokenizer = WhisperTokenizerFast(
        tokenizer_file=str(ct2 / "tokenizer.json"), bos_token=_END, eos_token=_END, pad_token=_END, unk_token=_END
    )
    with torch.device("meta"):
        model = WhisperForConditionalGeneration(_config(arrays, tokenizer))
    state = {name: torch.from_numpy(np.array(array, dtype=np.float16)) for name, array in renamed(arrays)}
    state["proj_out.weight"] = state["model.decoder.embed_tokens.weight"]
    model.load_state_dict(state, assign=True)
    model.tie_weights()
    facts = json.loads((ct2 / "config.json").read_text(encoding="utf-8"))
    # a multilingual Whisper's vocabulary is one token larger than the English one: so OpenAI's code tells them apart
    multilingual = arrays["decoder/embeddings/weight"].shape[0] >= 51865
    model.generation_config = _generation_config(facts, tokenizer, multilingual)
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model.half().save_pretrained(out)
    finally:
        if shown:
            logging.enable_progress_bar()
    tokenizer.save_pretrained(out)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(out)


def read_arrays(path: Path) -> Arrays:
    """Return the named arrays of a CTranslate2 ``model.bin``; raise InputError if its format is of another version.

    The file is a version, the name and revision of a specification, and for each variable its name, its dimensions, its
    type and its bytes, then second names of variables that are equal; texts are ended by a zero, numbers little-endian.
    """
    with path.open("rb") as file:

        def number(kind: str) -> int:
            (value,) = struct.unpack(f"<{kind}", file.read(struct.calcsize(kind)))
            return int(value)

        def text() -> str:
            return file.read(number("H"))[:-1].decode()

        version = number("I")
        if version != _FORMAT_VERSION:
            raise InputError(
                f"{path} is in version {version} of CTranslate2's format; {_FORMAT_VERSION} is known here."
            )
        text()
        number("I")
        arrays = {}
        for _ in range(number("I")):
            name = text()
            shape = [number("I") for _ in range(number("B"))]
            kind, size = _TYPES[number("B")], number("I")
            arrays[name] = np.frombuffer(file.read(size), dtype=kind).reshape(shape)
        for _ in range(number("I")):
            alias, name = text(), text()
            arrays[alias] = arrays[name]
    return arrays


def renamed(arrays: Arrays) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield every tensor of the model by transformers' name for it."""
    yield "model.decoder.embed_tokens.weight", arrays["decoder/embeddings/weight"]
    for convolution in ("conv1", "conv2"):
        yield from _parts(arrays, f"encoder/{convolution}", "model.encoder", (convolution,))
    for side in ("encoder", "decoder"):
        yield f"model.{side}.embed_positions.weight", arrays[f"{side}/position_encodings/encodings"]
        yield from _parts(arrays, f"{side}/layer_norm", f"model.{side}", ("layer_norm",))
        for layer in range(_layers(arrays, side)):
            for source, targets in (_SELF if side == "encoder" else _SELF | _CROSS).items():
                yield from _parts(arrays, f"{side}/layer_{layer}/{source}", f"model.{side}.layers.{layer}", targets)


def _parts(
    arrays: Arrays, source: str, prefix: str, targets: tuple[str, ...]
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield weight and bias of each part that is stacked in a layer; Whisper's keys have no bias."""
    for theirs, names in (("weight", ("weight", "gamma")), ("bias", ("bias", "beta"))):
        array = next((arrays[f"{source}/{name}"] for name in names if f"{source}/{name}" in arrays), None)
        if array is None:
            raise InputError(f"This CTranslate2 model is no Whisper: it has no {source}/{theirs}.")
        for target, part in zip(targets, np.split(array, len(targets)), strict=True):
            if theirs == "weight" or not target.endswith("k_proj"):
                yield f"{prefix}.{target}.{theirs}", part


def _layers(arrays: Arrays, side: str) -> int:
    return len({name.split("/")[1] for name in arrays if name.startswith(f"{side}/layer_") and name.count("/") > 2})


def _config(arrays: Arrays, tokenizer: Any) -> Any:
    from transformers import WhisperConfig

    vocabulary, width = arrays["decoder/embeddings/weight"].shape
    end = tokenizer.convert_tokens_to_ids(_END)
    sides = {}
    for side in ("encoder", "decoder"):
        sides[f"{side}_layers"] = _layers(arrays, side)
        sides[f"{side}_attention_heads"] = width // _HEAD_WIDTH
        sides[f"{side}_ffn_dim"] = arrays[f"{side}/layer_0/ffn/linear_0/weight"].shape[0]
    return WhisperConfig(
        vocab_size=vocabulary,
        d_model=width,
        num_mel_bins=arrays["encoder/conv1/weight"].shape[1],
        max_source_positions=arrays["encoder/position_encodings/encodings"].shape[0],
        max_target_positions=arrays["decoder/position_encodings/encodings"].shape[0],
        decoder_start_token_id=tokenizer.convert_tokens_to_ids("<|startoftranscript|>"),
        **dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), end),
        begin_suppress_tokens=[tokenizer.convert_tokens_to_ids("Ġ"), end],
        **sides,
    )


def _generation_config(facts: Mapping[str, Any], tokenizer: Any, multilingual: bool) -> Any:
    """Return what decoding needs to know: CTranslate2's ``config.json`` has it under other names."""
    from transformers import GenerationConfig

    def token(text: str) -> int:
        return int(tokenizer.convert_tokens_to_ids(text))

    languages = {}
    if multilingual:
        languages = {
            "lang_to_id": {tokenizer.convert_ids_to_tokens(number): number for number in facts["lang_ids"]},
            "task_to_id": {task: token(f"<|{task}|>") for task in ("transcribe", "translate")},
            "task": "transcribe",
        }
    end = token(_END)
    return GenerationConfig(
        alignment_heads=facts["alignment_heads"],
        begin_suppress_tokens=facts["suppress_ids_begin"],
        suppress_tokens=facts["suppress_ids"],
        **dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), end),
        decoder_start_token_id=token("<|startoftranscript|>"),
        is_multilingual=multilingual,
        max_initial_timestamp_index=50,
        max_length=448,
        no_timestamps_token_id=token("<|notimestamps|>"),
        prev_sot_token_id=token("<|startofprev|>"),
        return_timestamps=False,
        **languages,
    )
