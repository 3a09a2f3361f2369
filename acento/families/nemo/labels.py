"""What a NeMo model learns to write for a text: the ids of its own tokenizer. Loads neither weights nor NeMo."""

from pathlib import Path
from typing import Any

from acento.core.fingerprint import fingerprint
from acento.families.nemo.archive import describe, find, section
from acento.families.nemo.recognizer import LONGEST_S, WINDOW_S
from acento.families.nemo.tokens import read_writing
from acento.models.base import DecodeOptions
from acento.models.trainable import Labeler, Needs
from acento.training.data.tokenizer_files import untold_language

LABELS_VERSION = 1
"""Raised by hand whenever the same text may get other labels from the same files."""
_FRAME_S = 0.01
"""Seconds from mel frame to mel frame where a config does not say."""


def load_labeler(folder: Path, language: str | None) -> Labeler:
    """Return the labels of a ``.nemo`` file, or of the one that lies in a folder, for one language.

    For Canary the end follows the text; the prompt is given to the decoder and is none of the labels, because what the
    user says is not to be guessed. CTC and transducers write neither.
    """
    facts, config = describe(find(folder))
    if language is None and (facts.languages or facts.kind == "multitask"):
        raise untold_language()
    writing = read_writing(folder, DecodeOptions(language=language))
    window_s, rate = WINDOW_S.get(facts.kind, LONGEST_S), _frames_per_s(config)
    max_labels = int(window_s * rate)
    if facts.kind == "multitask":
        positions = int(section(config, "transf_decoder", "config_dict").get("max_sequence_length") or 512)
        max_labels = positions - len(writing.prompt) + 1
    needs = Needs(
        family="nemo",
        labels=fingerprint([LABELS_VERSION, facts.kind, writing.tokens.files, writing.prompt, writing.end]),
        window_s=window_s,
        max_labels=max_labels,
        frames_per_s=rate if facts.kind == "ctc" else None,
        language=language,
    )
    return Labeler(needs, lambda text: [*writing.tokens.write(text), *writing.end])


def _frames_per_s(config: dict[str, Any]) -> float:
    """Return how many frames of a second the encoder makes."""
    stride = float(section(config, "preprocessor").get("window_stride") or _FRAME_S)
    return 1 / (stride * int(section(config, "encoder").get("subsampling_factor") or 1))
