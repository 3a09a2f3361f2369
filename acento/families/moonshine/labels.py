"""What a Moonshine learns to write for a text: the text's tokens, the end. Loads no weights."""

from pathlib import Path
from typing import Any

from acento.core.fingerprint import fingerprint
from acento.families.moonshine.recognizer import WINDOW_S, load_tokenizer
from acento.models.checkpoints.pretrained import explained
from acento.models.trainable import Labeler, Needs
from acento.training.data.tokenizer_files import read_generation, tokenizer_digest

LABELS_VERSION = 1
"""Raised by hand whenever the same text may get other labels from the same files."""


class MoonshineLabeler(Labeler):
    """Labels for one Moonshine, whatever its language: no prompt tells it, and no label."""

    def __init__(self, tokenizer: Any, config: Any, generation: Any, language: str | None, files: str) -> None:
        """Take what ``load`` reads; ``files`` is a digest of the tokenizer's files."""
        end = generation.eos_token_id
        self.start: int = generation.decoder_start_token_id
        self.end: int = end[0] if isinstance(end, list) else end
        self._tokenizer = tokenizer
        self.needs = Needs(
            family="moonshine",
            labels=fingerprint([LABELS_VERSION, files, self.start, self.end]),
            window_s=WINDOW_S,
            max_labels=config.max_position_embeddings,
            language=language,
        )

    def labels(self, text: str) -> list[int]:
        """Return text and end; what looks like a special token in the text is letters like any other."""
        written = self._tokenizer(text.strip(), add_special_tokens=False, split_special_tokens=True).input_ids
        return [*written, self.end]


def load(folder: Path, language: str | None) -> MoonshineLabeler:
    """Load the tokenizer and the configs of the checkpoint in a folder; the language is believed.

    Raises:
        ModelError: a file is missing or damaged.
    """
    from transformers import MoonshineConfig

    with explained("The tokenizer of Moonshine", folder):
        config = MoonshineConfig.from_pretrained(folder, local_files_only=True)
        generation = read_generation(folder, config)
    tokenizer = load_tokenizer("Moonshine", folder, config)
    return MoonshineLabeler(tokenizer, config, generation, language, tokenizer_digest(folder))
