"""Whisper checkpoints small enough to make in a test: random weights, every file that a real one has."""

import json
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "es", "sv")
_LETTERS = "abcdefghij"


def make_whisper(
    folder: Path,
    *,
    mel_bins: int = 80,
    window_s: int = 4,
    multilingual: bool = True,
    seed: int = 4,
    letters: str = _LETTERS,
    layers: tuple[int, int] = (1, 2),
    width: int = 32,
    positions: int = 40,
) -> Path:
    """Write a random Whisper into ``folder`` and return it; the same arguments make the same weights.

    ``layers`` are those of the encoder and the decoder, ``width`` the size of their states. It writes nothing but
    ``letters``, and the default ones never with an ``a`` first.
    """
    import torch
    from transformers import GenerationConfig, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

    folder.mkdir(parents=True, exist_ok=True)
    ids = _write_tokenizer(folder, multilingual)
    torch.manual_seed(seed)
    config = WhisperConfig(
        vocab_size=len(ids),
        num_mel_bins=mel_bins,
        d_model=width,
        encoder_layers=layers[0],
        decoder_layers=layers[1],
        encoder_attention_heads=max(2, width // 64),
        decoder_attention_heads=max(2, width // 64),
        encoder_ffn_dim=2 * width,
        decoder_ffn_dim=2 * width,
        max_source_positions=50 * window_s,
        max_target_positions=positions,
        decoder_start_token_id=ids["<|startoftranscript|>"],
        eos_token_id=ids["<|endoftext|>"],
        bos_token_id=ids["<|endoftext|>"],
        pad_token_id=ids["<|endoftext|>"],
        init_std=0.6,  # large, so that texts differ from clip to clip and do not all end at once
    )
    model = WhisperForConditionalGeneration(config)
    with torch.no_grad():  # as padding its row is zero, and then no text would ever end
        model.model.decoder.embed_tokens.weight[ids["<|endoftext|>"]].normal_(std=0.5)
    model.generation_config = GenerationConfig(**_generation(ids, multilingual, letters, positions))
    model.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=mel_bins, chunk_length=window_s).save_pretrained(folder)
    return folder


def _generation(ids: dict[str, int], multilingual: bool, letters: str, positions: int) -> dict[str, Any]:
    from tokenizers.pre_tokenizers import ByteLevel

    pieces = {piece for word, _ in ByteLevel(add_prefix_space=False).pre_tokenize_str(letters) for piece in word}
    config: dict[str, Any] = {
        "decoder_start_token_id": ids["<|startoftranscript|>"],
        "eos_token_id": ids["<|endoftext|>"],
        "bos_token_id": ids["<|endoftext|>"],
        "pad_token_id": ids["<|endoftext|>"],
        "no_timestamps_token_id": ids["<|notimestamps|>"],
        # what is left are letters and the end, so that texts can be read and differ in length
        "suppress_tokens": sorted(number for token, number in ids.items() if token not in pieces | {"<|endoftext|>"}),
        "begin_suppress_tokens": [*([ids["a"]] if letters == _LETTERS else []), ids["<|endoftext|>"]],
        "max_length": positions,
        "is_multilingual": multilingual,
    }
    if multilingual:
        config["lang_to_id"] = {f"<|{name}|>": ids[f"<|{name}|>"] for name in LANGUAGES}
        config["task_to_id"] = {task: ids[f"<|{task}|>"] for task in ("transcribe", "translate")}
    return config


def _write_tokenizer(folder: Path, multilingual: bool) -> dict[str, int]:
    """Write a byte-level tokenizer of single letters with Whisper's special tokens; return token ids."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import WhisperTokenizer

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|startoftranscript|>"]
    if multilingual:
        special += [*(f"<|{name}|>" for name in LANGUAGES), "<|translate|>", "<|transcribe|>"]
    special += ["<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    wrapped = WhisperTokenizer(
        tokenizer_object=tokenizer,
        bos_token="<|endoftext|>",
        eos_token="<|endoftext|>",
        unk_token="<|endoftext|>",
        pad_token="<|endoftext|>",
    )
    wrapped.save_pretrained(folder)
    return json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"] | {
        token["content"]: token["id"] for token in json.loads((folder / "tokenizer.json").read_text())["added_tokens"]
    }
