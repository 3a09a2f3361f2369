"""The files of a checkpoint beside its weights: those that name labels, and those that training does not change."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from acento.core.errors import InputError
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


def decoder_labels(tokenizer: Any, generation: Any, prompt: Sequence[int] = ()) -> Callable[[str], list[int]]:
    """Return what makes labels of a text for a decoder: prompt, text and end, without the start token before them.

    What looks like a special token in the text is letters like any other.
    """
    end = end_token(generation)

    def labels(text: str) -> list[int]:
        written = tokenizer(text.strip(), add_special_tokens=False, split_special_tokens=True).input_ids
        return [*prompt, *written, end]

    return labels


def end_token(generation: Any) -> int:
    """Return the token that ends a text, the first where a generation config lists several."""
    end = generation.eos_token_id
    return int(end[0] if isinstance(end, list) else end)


def untold_language() -> InputError:
    """Return the error of a model of many languages that is not told which one it learns."""
    return InputError(
        "This model knows many languages and must be told which one it is to learn: give --language, "
        "or the clips a language of their own."
    )
