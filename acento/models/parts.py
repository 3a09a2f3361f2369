"""The files that a checkpoint needs beside its weights and config, and what a training leaves that is no part of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a model that is kept in files of its own."""

    title: str
    """What sentences call it."""
    files: tuple[tuple[str, ...], ...]
    """Sets of files; one set is enough."""
    learned: bool = False
    """Whether it was made for this model's weights, so that another model's, even its base's, need not fit."""

    def is_in(self, folder: Path) -> bool:
        """Tell whether a folder has the part."""
        return any(all((folder / name).is_file() for name in files) for files in self.files)

    @property
    def names(self) -> str:
        """The files as a sentence names them."""
        return ", or ".join(" and ".join(files) for files in self.files)


ONE_FILE = Part("tokenizer", (("tokenizer.json",),))
WORDS = Part("tokenizer", (("tokenizer.json",), ("vocab.json", "merges.txt")))
LETTERS = Part("tokenizer", (("vocab.json",), ("tokenizer.json",)), learned=True)
FEATURES = Part("feature extractor", (("preprocessor_config.json",), ("processor_config.json",)))

BESIDE_TOKENIZER = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "normalizer.json")
"""Small files that a tokenizer may have beside those that make it one."""


def lacking(parts: Sequence[Part], folder: Path) -> list[Part]:
    """Return the parts that a folder does not have."""
    return [part for part in parts if not part.is_in(folder)]
