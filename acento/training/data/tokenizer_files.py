"""The files of a checkpoint beside its weights: those that name labels, and those that training does not change."""

import shutil
from pathlib import Path
from typing import Any

from acento.core.fingerprint import fingerprint, sha256_file

_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
)
_UNCHANGED = (
    *_FILES,
    "preprocessor_config.json",
    "processor_config.json",
    "normalizer.json",
    "alphabet.json",
    "chat_template.jinja",
    "tekken.json",
)


def copy_unchanged(base: Path, out: Path) -> None:
    """Copy the files of a base model that every model tuned from it has too, as far as there are any."""
    for name in _UNCHANGED:
        if (base / name).is_file():
            shutil.copyfile(base / name, out / name)


def tokenizer_digest(folder: Path) -> str:
    """Return a name for the content of all files that a tokenizer may be loaded from."""
    return fingerprint({name: sha256_file(folder / name) for name in _FILES if (folder / name).is_file()})


def read_generation(folder: Path, config: Any) -> Any:
    """Return a checkpoint's generation config, or what transformers makes of its config where there is none."""
    from transformers import GenerationConfig

    if (folder / "generation_config.json").is_file():
        return GenerationConfig.from_pretrained(folder, local_files_only=True)
    return GenerationConfig.from_model_config(config)
