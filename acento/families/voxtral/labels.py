"""What a Voxtral learns to write after a transcription request: the text's tokens, the end. Loads no weights."""

from pathlib import Path
from typing import Any

from acento.core.fingerprint import fingerprint, sha256_file
from acento.data.utterance import SAMPLE_RATE
from acento.families.voxtral.recognizer import load_tokenizer, most_tokens, read_request
from acento.families.voxtral.tekken import FILE, Tekken
from acento.models.base import DecodeOptions
from acento.models.checkpoints.pretrained import load_part
from acento.models.trainable import Labeler, Needs

LABELS_VERSION = 1
"""Raised by hand whenever the same text may get other labels from the same files."""
_HOP = 160
"""Samples from mel frame to mel frame, in every Voxtral."""


class VoxtralLabeler(Labeler):
    """Labels for one Voxtral. The request, and the language in it, come before them and are not learned."""

    def __init__(self, tokenizer: Tekken, config: Any, language: str | None, file: str) -> None:
        """Take what ``load`` reads; ``file`` is a digest of the tokenizer's file."""
        self._tokenizer = tokenizer
        self._end = read_request(tokenizer, config, DecodeOptions(language=language)).end
        seconds = config.audio_config.max_source_positions * 2 * _HOP / SAMPLE_RATE
        self.needs = Needs(
            family="voxtral",
            labels=fingerprint([LABELS_VERSION, file, self._end]),
            window_s=seconds,
            max_labels=most_tokens(seconds),
            language=language,
        )

    def labels(self, text: str) -> list[int]:
        """Return text and end; what looks like a special token in the text is letters like any other."""
        return [*self._tokenizer.encode(text.strip()), self._end]


def load(folder: Path, language: str | None) -> VoxtralLabeler:
    """Load the tokenizer and the config of the checkpoint in a folder.

    Raises:
        ModelError: a file is missing or damaged, or the language is no ISO 639-1 code.
    """
    from transformers import VoxtralConfig

    config = load_part("Voxtral", VoxtralConfig.from_pretrained, folder)
    return VoxtralLabeler(load_tokenizer(folder, config), config, language, sha256_file(folder / FILE))
