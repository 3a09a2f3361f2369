"""What a Whisper learns to write for a text: the rest of its prompt, the text's tokens, the end. Loads no weights."""

from pathlib import Path
from typing import Any

from acento.core.errors import InputError
from acento.core.fingerprint import fingerprint
from acento.data.utterance import SAMPLE_RATE
from acento.families.whisper.recognizer import read_prompt
from acento.models.base import DecodeOptions
from acento.models.trainable import Labeler, Needs
from acento.training.data.tokenizer_files import tokenizer_digest

LABELS_VERSION = 1
"""Raised by hand whenever the same text may get other labels from the same files."""
_HOP = 160
"""Samples from mel frame to mel frame, in every Whisper."""


class WhisperLabeler(Labeler):
    """Labels for one Whisper and one language.

    The labels follow the decoder's start token, which is never one of them: the model is given it, and would learn to
    write it twice. The language, the task and "no timestamps" come first, as when it decodes.
    """

    def __init__(self, tokenizer: Any, config: Any, generation: Any, language: str | None, files: str) -> None:
        """Take what ``load`` reads; ``files`` is a digest of the tokenizer's files."""
        prompt = read_prompt(generation, DecodeOptions(language=language))
        if prompt.languages and prompt.language is None:
            raise InputError(
                "This model knows many languages and must be told which one it is to learn: give --language, "
                "or the clips a language of their own."
            )
        eos = generation.eos_token_id
        self.start: int = prompt.start
        self.end: int = eos[0] if isinstance(eos, list) else eos
        self.prompt = [*([] if prompt.language is None else [prompt.language]), *prompt.rest]
        self._tokenizer = tokenizer
        self.needs = Needs(
            family="whisper",
            labels=fingerprint([LABELS_VERSION, files, self.start, self.prompt, self.end]),
            window_s=config.max_source_positions * 2 * _HOP / SAMPLE_RATE,
            max_labels=config.max_target_positions,
            language=language,
        )

    def labels(self, text: str) -> list[int]:
        """Return prompt, text and end; what looks like a special token in the text is letters like any other."""
        written = self._tokenizer(text.strip(), add_special_tokens=False, split_special_tokens=True).input_ids
        return cut([*self.prompt, *written, self.end], self.start)


def cut(labels: list[int], start: int) -> list[int]:
    """Return labels without the decoder's start token before them, if a tokenizer has put it there.

    >>> cut([7, 1, 2], 7), cut([1, 2], 7)
    ([1, 2], [1, 2])
    """
    return labels[1:] if labels[:1] == [start] else labels


def load(folder: Path, language: str | None) -> WhisperLabeler:
    """Load the tokenizer and the configs of the checkpoint in a folder.

    Raises:
        ModelError: a file is missing or damaged, or the model does not know the language.
        InputError: the model knows several languages and none is given.
    """
    from transformers import WhisperConfig

    from acento.families.whisper.recognizer import load_writing
    from acento.models.checkpoints.pretrained import load_part

    config = load_part("Whisper", WhisperConfig.from_pretrained, folder)
    tokenizer, generation = load_writing(folder, config)
    return WhisperLabeler(tokenizer, config, generation, language, tokenizer_digest(folder))
