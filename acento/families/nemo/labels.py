"""What a NeMo model learns to write for a text: the ids of its own tokenizer. Loads neither weights nor NeMo."""

from pathlib import Path
from typing import Any

from acento.core.errors import InputError
from acento.core.fingerprint import fingerprint
from acento.families.nemo.archive import Kind, describe, find
from acento.families.nemo.recognizer import LONGEST_S, WINDOW_S
from acento.families.nemo.tokens import Writing, read_writing
from acento.models.base import DecodeOptions
from acento.models.trainable import Labeler, Needs

LABELS_VERSION = 1
"""Raised by hand whenever the same text may get other labels from the same files."""
_FRAME_S = 0.01
"""Seconds from mel frame to mel frame where a config does not say."""


class NemoLabeler(Labeler):
    """Labels for one NeMo model and one language.

    For Canary the end follows the text; the prompt is given to the decoder and is none of the labels, because what the
    user says is not to be guessed. CTC and transducers write neither.
    """

    def __init__(
        self,
        writing: Writing,
        *,
        kind: Kind,
        window_s: float,
        max_labels: int,
        frames_per_s: float | None,
        language: str | None,
    ) -> None:
        """Take how the model writes the language; the rest is what :class:`Needs` says."""
        self.writing = writing
        self.needs = Needs(
            family="nemo",
            labels=fingerprint([LABELS_VERSION, kind, writing.tokens.files, writing.prompt, writing.end]),
            window_s=window_s,
            max_labels=max_labels,
            frames_per_s=frames_per_s,
            language=language,
        )

    def labels(self, text: str) -> list[int]:
        """Return the ids of the text, and the end where the model writes it.

        Raises:
            DataError: the text has letters that the model's tokenizer cannot write.
        """
        return [*self.writing.tokens.write(text), *self.writing.end]


def load(folder: Path, language: str | None) -> NemoLabeler:
    """Read the tokenizer of a ``.nemo`` file, or of the one that lies in a folder.

    Raises:
        ModelError: the archive is refused, or the model does not know the language.
        InputError: it knows several languages and none is given.
    """
    facts, config = describe(find(folder))
    if language is None and (facts.languages or facts.kind == "multitask"):
        raise InputError(
            "This model knows many languages and must be told which one it is to learn: give --language, "
            "or the clips a language of their own."
        )
    writing = read_writing(folder, DecodeOptions(language=language))
    window_s, rate = WINDOW_S.get(facts.kind, LONGEST_S), _frames_per_s(config)
    return NemoLabeler(
        writing,
        kind=facts.kind,
        window_s=window_s,
        max_labels=_positions(config) - len(writing.prompt) + 1 if facts.kind == "multitask" else int(window_s * rate),
        frames_per_s=rate if facts.kind == "ctc" else None,
        language=language,
    )


def _frames_per_s(config: dict[str, Any]) -> float:
    """Return how many frames of a second the encoder makes."""
    encoder, preprocessor = config.get("encoder") or {}, config.get("preprocessor") or {}
    return 1 / (float(preprocessor.get("window_stride") or _FRAME_S) * int(encoder.get("subsampling_factor") or 1))


def _positions(config: dict[str, Any]) -> int:
    """Return how many ids Canary's decoder has positions for."""
    decoder = (config.get("transf_decoder") or {}).get("config_dict") or {}
    return int(decoder.get("max_sequence_length") or 512)
