"""The tokenizer's files of a checkpoint, by which labels are named."""

from pathlib import Path
from typing import Any

from acento.fingerprint import fingerprint, sha256_file

_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
)


def tokenizer_digest(folder: Path) -> str:
    """Return a name for the content of all files that a tokenizer may be loaded from."""
    return fingerprint({name: sha256_file(folder / name) for name in _FILES if (folder / name).is_file()})


def read_generation(folder: Path, config: Any) -> Any:
    """Return a checkpoint's generation config, or what transformers makes of its config where there is none."""
    from transformers import GenerationConfig

    if (folder / "generation_config.json").is_file():
        return GenerationConfig.from_pretrained(folder, local_files_only=True)
    return GenerationConfig.from_model_config(config)
