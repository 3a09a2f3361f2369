"""Voxtral checkpoints small enough to make in a test: random weights, the files that the real one has on the hub."""

import base64
import json
from pathlib import Path

_NAMED = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]",
          "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]",
          "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]"]  # fmt: skip
_HEARD = {24: "[AUDIO]", 25: "[BEGIN_AUDIO]", 34: "[TRANSCRIBE]"}
_SPECIAL = 36
_MERGES = ("es", "an", "la", " e", " es", "ón", "la l")
_PATTERN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def make_voxtral(folder: Path, *, seed: int = 0, chunk_s: int = 2, layers: int = 2) -> Path:
    """Write a random Voxtral into ``folder`` and return it; the same arguments make the same weights."""
    import torch
    from transformers import GenerationConfig, VoxtralConfig, VoxtralForConditionalGeneration, WhisperFeatureExtractor

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = _write_tokenizer(folder)
    torch.manual_seed(seed)
    config = VoxtralConfig(
        audio_config={
            "model_type": "voxtral_encoder",
            "hidden_size": 32,
            "intermediate_size": 128,  # four frames of the encoder become one token of 80 ms
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_mel_bins": 128,
            "max_source_positions": 50 * chunk_s,
            "initializer_range": 0.3,
        },
        text_config={
            "model_type": "llama",
            "vocab_size": vocabulary,
            "hidden_size": 64,
            "intermediate_size": 64,
            "num_hidden_layers": layers,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "max_position_embeddings": 4096,
            "initializer_range": 0.3,  # large, so that texts differ from clip to clip
        },
        audio_token_id=24,
    )
    model = VoxtralForConditionalGeneration(config)
    model.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=2, pad_token_id=11)
    model.save_pretrained(folder)
    extractor = WhisperFeatureExtractor(feature_size=128, chunk_length=chunk_s, processor_class="VoxtralProcessor")
    extractor.save_pretrained(folder)
    return folder


def _write_tokenizer(folder: Path) -> int:
    """Write a ``tekken.json`` of all bytes and a few merges; return the size of the vocabulary."""
    pieces = [bytes([value]) for value in range(256)] + [piece.encode() for piece in _MERGES]
    spare = b"never"  # beyond the vocabulary's size, as the real file has thousands
    special = [
        *_NAMED,
        *(_HEARD.get(number, f"<SPECIAL_{number}>") for number in range(len(_NAMED), _SPECIAL - 1)),
    ]
    size = _SPECIAL + len(pieces)
    content = {
        "config": {
            "pattern": _PATTERN,
            "num_vocab_tokens": len(pieces) + 1,
            "default_vocab_size": size,
            "default_num_special_tokens": _SPECIAL,
            "version": "v7",
        },
        "vocab": [
            {"rank": rank, "token_bytes": base64.b64encode(piece).decode(), "token_str": None}
            for rank, piece in enumerate([*pieces, spare])
        ],
        "special_tokens": [{"rank": rank, "token_str": name, "is_control": True} for rank, name in enumerate(special)],
        "audio": {
            "sampling_rate": 16000,
            "frame_rate": 12.5,
            "audio_encoding_config": {"num_mel_bins": 128, "hop_length": 160, "window_size": 400},
            "chunk_length_s": 30.0,
        },
    }
    (folder / "tekken.json").write_text(json.dumps(content), encoding="utf-8")
    return size
