"""Write a Whisper for whisper.cpp: sizes, mel filters, vocabulary and weights, if it can load them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from acento.core.errors import ModelError
from acento.families.whisper.generation import ENGLISH_VOCABULARY, START
from acento.families.whisper.ggml.blocks import LAYOUTS, SIZE
from acento.families.whisper.ggml.flags import FACTS, flags
from acento.families.whisper.ggml.layout import Header, write_head, write_weight
from acento.families.whisper.names import openai_name
from acento.families.whisper.recognizer import load_features, load_writing
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.pretrained import load_part
from acento.models.checkpoints.references import Quantization
from acento.models.checkpoints.taught import taught

FILE: Final = "ggml-model.bin"
OUTPUT: Final = "proj_out.weight"
"""It is the embedding, which stands for it in the file."""
_VOCABULARIES: Final = (ENGLISH_VOCABULARY, ENGLISH_VOCABULARY + 1, ENGLISH_VOCABULARY + 2)
"""Tokens of the models that whisper.cpp knows: by their number it tells the languages, and where special tokens are."""
_END: Final = 50256
"""The end token of an English-only model; one more in others."""
_WINDOW: Final = 1500
"""Positions of 30 s."""
_COLUMNS: Final = frozenset({"encoder.conv1.bias", "encoder.conv2.bias"})
"""Vectors that are written as matrices of one column."""
_EXACT: Final = _COLUMNS | {"encoder.positional_embedding", "decoder.positional_embedding"}
"""Matrices that stay in float32, as all vectors do."""


def write_ggml(checkpoint: Checkpoint, folder: Path, quantization: Quantization) -> None:
    """Write a checkpoint into an empty folder as one file of whisper.cpp's, and beside it what has no place in that.

    Raises:
        ModelError: whisper.cpp could not load it, or its weights are damaged.
    """
    from transformers import WhisperConfig

    config = load_part("Whisper", WhisperConfig.from_pretrained, checkpoint.folder)
    _check_sizes(checkpoint, config, quantization)
    tokens = text_tokens(checkpoint.id, load_writing(checkpoint.folder, config)[0].get_vocab(), config.vocab_size)
    header = Header(
        vocabulary=config.vocab_size,
        audio_positions=config.max_source_positions,
        audio_width=config.d_model,
        audio_heads=config.encoder_attention_heads,
        audio_layers=config.encoder_layers,
        text_positions=config.max_target_positions,
        text_width=config.d_model,
        text_heads=config.decoder_attention_heads,
        text_layers=config.decoder_layers,
        mel_bins=config.num_mel_bins,
        quantization=quantization,
    )
    with (folder / FILE).open("wb") as file:
        write_head(file, header, _mel_filters(checkpoint, config.num_mel_bins), tokens)
        _write_weights(checkpoint, file, weight_shapes(config), quantization)
    facts = {
        "file": FILE,
        "quantization": quantization,
        "made_from": checkpoint.digest,
        **flags(taught(checkpoint.folder)),
    }
    (folder / FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def text_tokens(title: str, known: Mapping[str, int], size: int) -> list[bytes]:
    """Return the bytes of a vocabulary's text tokens by id, after checking that special tokens are where they belong.

    Args:
        title: of the model, for the sentence.
        known: ids by token, bytes in the letters of GPT-2, special tokens among them.
        size: ids that the model writes.

    Raises:
        ModelError: whisper.cpp would take other tokens for the special ones.
    """
    from transformers.convert_slow_tokenizer import bytes_to_unicode
    from transformers.models.whisper.tokenization_whisper import LANGUAGES

    multilingual = size > ENGLISH_VOCABULARY
    end = _END + multilingual
    languages = size - ENGLISH_VOCABULARY + 98 if multilingual else 99
    tasks = end + 2 + languages
    places = {"<|endoftext|>": end, START: end + 1, "<|startofprev|>": tasks + 3, "<|notimestamps|>": tasks + 5}
    if multilingual:
        places |= {f"<|{code}|>": end + 2 + number for number, code in enumerate([*LANGUAGES][:languages])}
        places |= {"<|translate|>": tasks, "<|transcribe|>": tasks + 1}
    strange = next((token for token, number in places.items() if known.get(token) != number), None)
    if strange is not None:
        has = f"as token {known[strange]}" if strange in known else "not at all"
        raise _refused(title, f"it looks for {strange} as token {places[strange]}, and the tokenizer has it {has}")
    letters = {letter: byte for byte, letter in bytes_to_unicode().items()}
    texts = {number: token for token, number in known.items() if number < end}
    try:
        return [bytes(letters[letter] for letter in texts.get(number, "")) for number in range(end)]
    except KeyError as error:
        raise _refused(title, f"its tokens are no bytes in GPT-2's letters, such as one with {error}") from None


def _check_sizes(checkpoint: Checkpoint, config: Any, quantization: Quantization) -> None:
    wide = (config.encoder_ffn_dim, config.decoder_ffn_dim)
    if config.vocab_size not in _VOCABULARIES:
        known = ", ".join(map(str, _VOCABULARIES))
        raise _refused(
            checkpoint.id, f"it has a vocabulary of {config.vocab_size} tokens, and there only {known} are known"
        )
    if config.max_source_positions != _WINDOW:
        raise _refused(checkpoint.id, f"its window is {config.max_source_positions / 50:g} s, and must be 30 s there")
    if wide != (4 * config.d_model,) * 2:
        raise _refused(checkpoint.id, f"its inner layers have {wide} units, and there always {4 * config.d_model}")
    if config.activation_function != "gelu" or config.scale_embedding:
        raise _refused(checkpoint.id, "it computes otherwise (activation_function or scale_embedding of its config)")
    if quantization in LAYOUTS and config.d_model % SIZE:
        raise _refused(
            checkpoint.id, f"{quantization} takes rows of a multiple of {SIZE}, and its have {config.d_model}"
        )


def _mel_filters(checkpoint: Checkpoint, mel_bins: int) -> NDArray[np.float32]:
    features = load_features(checkpoint.folder, mel_bins)
    if (features.sampling_rate, features.n_fft, features.hop_length, features.feature_size) != (
        16_000,
        400,
        160,
        mel_bins,
    ):
        raise _refused(checkpoint.id, "its features are others (preprocessor_config.json)")
    return np.ascontiguousarray(features.mel_filters.T, np.float32)


def weight_shapes(config: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all weights of a Whisper by transformers' names."""
    import torch
    from transformers import WhisperForConditionalGeneration

    with torch.device("meta"):
        model = WhisperForConditionalGeneration(config)
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def _write_weights(
    checkpoint: Checkpoint, file: BinaryIO, shapes: Mapping[str, tuple[int, ...]], quantization: Quantization
) -> None:
    """Write the weights one by one, in the order of the checkpoint's files."""
    import torch
    from safetensors import safe_open

    left, ends = {*shapes} - {OUTPUT}, {}
    for path in sorted(checkpoint.folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118 - no mapping
                tensor = weights.get_tensor(name)
                if tuple(tensor.shape) != shapes.get(name):
                    raise _refused(checkpoint.id, f"its weight {name} is none of a Whisper of its config")
                if name in (OUTPUT, "model.decoder.embed_tokens.weight"):
                    ends[name] = tensor
                if name in left:
                    left.remove(name)
                    _write_one(
                        checkpoint, file, openai_name(name.removeprefix("model.")), tensor.float().numpy(), quantization
                    )
    if left:
        raise _refused(checkpoint.id, f"its weight {min(left)} is missing")
    if len(ends) == 2 and not torch.equal(*ends.values()):
        raise _refused(
            checkpoint.id, "its output layer has weights of its own, and there it has those of the embedding"
        )


def _write_one(
    checkpoint: Checkpoint, file: BinaryIO, name: str, values: NDArray[np.float32], quantization: Quantization
) -> None:
    kind: str = quantization
    if values.ndim < 2 or name in _EXACT:
        kind = "float32"
    elif values.ndim > 2:  # convolutions are not quantized
        kind = "float16"
    if not np.isfinite(values).all() or (kind == "float16" and np.abs(values).max() > np.finfo(np.float16).max):
        raise _refused(checkpoint.id, f"its weight {name} is not finite in {kind}")
    write_weight(file, name, values[:, None] if name in _COLUMNS else values, kind)


def _refused(title: str, why: str) -> ModelError:
    return ModelError(f"{title} cannot be written for whisper.cpp: {why}.")
