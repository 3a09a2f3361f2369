"""What a CTC model learns to write for a text: the ids of its letters or pieces, and no blanks. Loads no weights."""

import math
import unicodedata
from pathlib import Path

from transformers import AutoConfig

from acento.core.errors import DataError
from acento.core.fingerprint import fingerprint
from acento.families.ctc.features import frames_per_s
from acento.families.ctc.recognizer import WINDOW_S
from acento.families.ctc.tokenizer import CtcTokenizer, load_tokenizer
from acento.models.checkpoints.pretrained import load_part
from acento.models.families import family_of
from acento.models.trainable import Labeler, Needs
from acento.training.data.tokenizer_files import tokenizer_digest

LABELS_VERSION = 1
"""Raised by hand whenever the same text may get other labels from the same files."""
_SPOKEN = frozenset("%&@+")
"""Signs that are read aloud, beside letters, digits and currencies."""
_APOSTROPHES = frozenset("'’ʼ`´")


class Speller:
    """Writes texts with the ids of one CTC model.

    A text is written in the vocabulary's letters: in its case, where it has one only, and without punctuation that it
    lacks, as such models were trained. What is spoken and cannot be written is an error, and never left away: a model
    that learns "tengo años" for "tengo 30 años" unlearns to hear.
    """

    def __init__(self, tokenizer: CtcTokenizer) -> None:
        """Take the model's tokenizer."""
        self._tokenizer = tokenizer
        self._letters = {letter for token in tokenizer.vocabulary for letter in token} - {tokenizer.delimiter}
        self._upper = any(letter.isupper() for letter in self._letters if letter)
        self._cased = self._upper and any(letter.islower() for letter in self._letters if letter)

    def labels(self, text: str) -> list[int]:
        """Return the ids that write a text.

        Raises:
            DataError: it has a letter, a digit or a sign that is read aloud and that the vocabulary lacks.
        """
        written = self._written(text)
        ids = self._tokenizer.ids(written)
        if not ids or _letters_of(self._tokenizer.text(ids)) != _letters_of(written):
            raise DataError(f"The model's vocabulary cannot write {written!r}.")
        return ids

    def _written(self, text: str) -> str:
        """Return a text in the vocabulary's letters."""
        text = unicodedata.normalize("NFC", text)
        if not self._cased:
            text = text.upper() if self._upper else text.lower()
        made: list[str] = []
        for letter in text:
            if letter in self._letters:
                made.append(letter)
            elif unicodedata.category(letter)[0] in "LMN" or unicodedata.category(letter) == "Sc" or letter in _SPOKEN:
                raise DataError(
                    f"Its text has {letter!r}, which the model's vocabulary cannot write: "
                    "write numbers and signs out in words, or take a model of that language."
                )
            elif letter not in _APOSTROPHES:  # "don't" is one word, "uno…dos" are two
                made.append(" ")
        return " ".join("".join(made).split())


def _letters_of(text: str) -> str:
    """Return a text without spaces and case, which tokenizers treat each in their own way."""
    return "".join(text.split()).casefold()


def load_labeler(folder: Path, language: str | None) -> Labeler:
    """Return the labels of a checkpoint: the ids of a text's letters or pieces, and no blanks."""
    config = load_part("CTC", AutoConfig.from_pretrained, folder)
    tokenizer = load_tokenizer(folder, config, language)
    rate = frames_per_s(config)
    needs = Needs(
        family=family_of({"model_type": config.model_type}, str(folder)).name,
        labels=fingerprint(
            [LABELS_VERSION, tokenizer_digest(folder), tokenizer.blank, tokenizer.size, tokenizer.adapter]
        ),
        window_s=WINDOW_S,
        max_labels=math.floor(WINDOW_S * rate),
        frames_per_s=rate,
        language=language,
    )
    return Labeler(needs, Speller(tokenizer).labels)
