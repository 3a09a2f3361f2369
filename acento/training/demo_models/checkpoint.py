"""The files of a Whisper checkpoint: a tokenizer of characters, the configurations, and how they are saved."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

from acento.training.demo_models.recipe import LANGUAGES, MAX_TOKENS, MEL_BINS, SAMPLE_RATE, WINDOW_S, Recipe

_END: Final = "<|endoftext|>"
_START: Final = "<|startoftranscript|>"
# In the order of the real vocabulary: <|nospeech|> just before <|notimestamps|>, which ends it.
_SPECIAL: Final = (
    _END,
    _START,
    *(f"<|{language}|>" for language in LANGUAGES),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
# Letters that UTF-8 writes in two bytes; each becomes one token.
_LETTERS: Final = "áéíóúüñÁÉÍÓÚÜÑ¿¡"


def build_tokenizer() -> Any:
    """A `WhisperTokenizer` on bytes, in which every letter of Spanish is one token."""
    from tokenizers import pre_tokenizers
    from transformers import AddedToken, WhisperTokenizer

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {symbol: index for index, symbol in enumerate(alphabet)}
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    merges = []
    for letter in _LETTERS:
        symbols: str = byte_level.pre_tokenize_str(letter)[0][0]  # two, one for each byte
        vocabulary[symbols] = len(vocabulary)
        merges.append((symbols[0], symbols[1]))
    for token in _SPECIAL:
        vocabulary[token] = len(vocabulary)
    return WhisperTokenizer(
        vocab=vocabulary,
        merges=merges,
        language="spanish",
        task="transcribe",
        pad_token=_END,
        model_max_length=MAX_TOKENS,
        additional_special_tokens=[AddedToken(t, normalized=False, special=True) for t in _SPECIAL[1:]],
    )


def build_extractor() -> Any:
    """The feature extractor: 80 mel bins of 16 kHz audio, in a window of `WINDOW_S` seconds."""
    from transformers import WhisperFeatureExtractor

    return WhisperFeatureExtractor(feature_size=MEL_BINS, sampling_rate=SAMPLE_RATE, chunk_length=WINDOW_S)


def build_model(recipe: Recipe, tokenizer: Any) -> Any:
    """A `WhisperForConditionalGeneration` with random weights and a complete generation config."""
    from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in _SPECIAL}
    usual = {
        "bos_token_id": ids[_END],
        "eos_token_id": ids[_END],
        "pad_token_id": ids[_END],
        "decoder_start_token_id": ids[_START],
    }
    begin = [*tokenizer.encode(" ", add_special_tokens=False), ids[_END]]
    model = WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=len(tokenizer),
            num_mel_bins=MEL_BINS,
            d_model=recipe.width,
            encoder_layers=recipe.encoder_layers,
            decoder_layers=recipe.decoder_layers,
            encoder_attention_heads=recipe.heads,
            decoder_attention_heads=recipe.heads,
            encoder_ffn_dim=4 * recipe.width,
            decoder_ffn_dim=4 * recipe.width,
            dropout=0.0,
            max_source_positions=50 * WINDOW_S,
            max_target_positions=MAX_TOKENS,
            begin_suppress_tokens=begin,
            **usual,
        )
    )
    model.generation_config = GenerationConfig(
        max_length=MAX_TOKENS - 16,
        is_multilingual=True,
        lang_to_id={f"<|{language}|>": ids[f"<|{language}|>"] for language in LANGUAGES},
        task_to_id={task: ids[f"<|{task}|>"] for task in ("transcribe", "translate")},
        no_timestamps_token_id=ids["<|notimestamps|>"],
        prev_sot_token_id=ids["<|startofprev|>"],
        return_timestamps=False,
        suppress_tokens=[ids[token] for token in _SPECIAL if token != _END],
        begin_suppress_tokens=begin,
        alignment_heads=[[recipe.decoder_layers - 1, head] for head in range(recipe.heads)],
        **usual,
    )
    return model


def save(model: Any, tokenizer: Any, extractor: Any, folder: Path, card: str) -> None:
    """Write a checkpoint folder, whole or not at all: weights in float16, which load as float32.

    `card` becomes its README.md.
    """
    import torch

    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    weights = {name: value.detach().to(torch.float16) for name, value in model.state_dict().items()}
    model.save_pretrained(partial, state_dict=weights)
    config = json.loads((partial / "config.json").read_text(encoding="utf-8"))
    config["dtype"] = "float32"  # what `from_pretrained` makes of the float16 weights
    (partial / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    tokenizer.save_pretrained(partial)
    extractor.save_pretrained(partial)
    (partial / "README.md").write_text(card, encoding="utf-8")
    (partial / "model.safetensors").chmod(0o644)  # safetensors leaves it to its owner alone
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)


def load(folder: Path) -> Any:
    """The model of a checkpoint folder, in float32."""
    from transformers import WhisperForConditionalGeneration

    return WhisperForConditionalGeneration.from_pretrained(folder)


def parameters(folder: Path) -> int:
    """How many numbers the model of a checkpoint folder has learned."""
    return sum(parameter.numel() for parameter in load(folder).parameters())


def write_card(folder: Path, card: str) -> None:
    """Replace the README.md of a checkpoint folder."""
    partial = folder / ".README.md.partial"
    partial.write_text(card, encoding="utf-8")
    partial.replace(folder / "README.md")
