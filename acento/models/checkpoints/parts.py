"""The files that a checkpoint needs beside its weights and config, and what a training leaves that is no part of it."""

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


_ONE_FILE = Part("tokenizer", (("tokenizer.json",),))
_PAIRS = Part("tokenizer", (("tokenizer.json",), ("vocab.json", "merges.txt")))
_LETTERS = Part("tokenizer", (("vocab.json",), ("tokenizer.json",)), learned=True)
_FEATURES = Part("feature extractor", (("preprocessor_config.json",), ("processor_config.json",)))

PARTS: dict[str, tuple[Part, ...]] = {
    "whisper": (_PAIRS,),  # its features follow from its config
    "moonshine": (_ONE_FILE, _FEATURES),
    "moonshine-streaming": (_ONE_FILE, _FEATURES),
    "ctc": (_LETTERS, _FEATURES),
    "w2v-bert": (_LETTERS, _FEATURES),
    "parakeet-ctc": (_ONE_FILE, _FEATURES),
    "parakeet-transducer": (_ONE_FILE, _FEATURES),
    "canary": (_ONE_FILE, _FEATURES),
    "voxtral": (Part("tokenizer", (("tekken.json",),)), _FEATURES),
}
"""By family; one that is not listed is whole in itself."""

BESIDE_TOKENIZER = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "normalizer.json")
"""Small files that a tokenizer may have beside those that make it one."""


def lacking(family: str, folder: Path) -> list[Part]:
    """Return the parts that a model of a family needs and a folder does not have."""
    return [part for part in PARTS.get(family, ()) if not part.is_in(folder)]
