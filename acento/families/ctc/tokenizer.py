"""What ids of a CTC model mean: letters or pieces of words, and the blank, which means nothing new."""

from collections.abc import Sequence
from functools import cached_property, partial
from inspect import signature
from itertools import groupby
from pathlib import Path
from typing import Any

from acento.core.errors import ModelError
from acento.families.ctc.mms import adapter_language, nested_languages
from acento.models.checkpoints.pretrained import load_part
from acento.models.checkpoints.self_check import check_tokenizer
from acento.models.timing.pieces import sentence_pieces
from acento.models.timing.viterbi import alphabet_letters


class CtcTokenizer:
    """A tokenizer of transformers, as CTC needs it."""

    def __init__(self, tokenizer: Any, config: Any, adapter: str | None = None) -> None:
        """Take transformers' tokenizer and the model's config; ``adapter`` is MMS's name of its language."""
        self._tokenizer, self.adapter = tokenizer, adapter
        pad = tokenizer.pad_token_id
        self.blank: int = config.pad_token_id if pad is None else pad
        """The id of the blank, which is what these models pad with."""
        self.size: int = config.vocab_size if adapter is None else max(tokenizer.encoder.values()) + 1
        """Ids that the model's head writes."""
        self.delimiter: str | None = getattr(tokenizer, "word_delimiter_token", None)
        """The letter that stands for a space, if one does."""
        # those that know CTC would collapse what is collapsed already, and with it letters that stand twice
        knows = "group_tokens" in signature(type(tokenizer)._decode).parameters
        self._settings = {"group_tokens": False} if knows else {}

    @cached_property
    def _known(self) -> dict[str, int]:
        return self.vocabulary

    @property
    def vocabulary(self) -> dict[str, int]:
        """Ids by token, but for special tokens."""
        special = set(self._tokenizer.all_special_ids)
        words: dict[str, int] = self._tokenizer.get_vocab()
        return {token: number for token, number in words.items() if number not in special and number < self.size}

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of collapsed ids; special tokens, such as that for an unknown letter, are no text."""
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=True, **self._settings)
        return text.strip()

    def pieces(self, ids: Sequence[int]) -> list[bytes]:
        """Return the bytes that each id stands for; special tokens are no text."""
        special = set(self._tokenizer.all_special_ids)
        tokens = self._tokenizer.convert_ids_to_tokens(list(ids))
        kept = ["" if number in special else token for number, token in zip(ids, tokens, strict=True)]
        return sentence_pieces(kept, delimiter=self.delimiter)

    def spell(self, word: str) -> list[int]:
        """Return the ids that write a word for which the model may lack letters; see :class:`Alphabet`."""
        known = self._known
        pieces = [] if self.delimiter is not None else self.ids(" " + word)
        if pieces and all(number in known.values() for number in pieces):
            return [number for number, piece in zip(pieces, self.pieces(pieces), strict=True) if piece.strip()]
        return alphabet_letters(word, known.get)

    def ids(self, text: str) -> list[int]:
        """Return the ids that write a text."""
        ids: list[int] = self._tokenizer(text, add_special_tokens=False).input_ids
        return ids


def load_tokenizer(folder: Path, config: Any, language: str | None) -> CtcTokenizer:
    """Load a checkpoint's tokenizer; that of a model with a vocabulary for each language for one of them.

    Raises:
        ModelError: a file is missing or damaged, or the model does not know the language.
    """
    from transformers import AutoTokenizer, Wav2Vec2CTCTokenizer

    known = nested_languages(folder)
    if known:
        adapter = adapter_language(known, language, folder)
        load = partial(Wav2Vec2CTCTokenizer.from_pretrained, target_lang=adapter)
        return checked(CtcTokenizer(load_part("CTC", load, folder), config, adapter), folder)
    load = partial(AutoTokenizer.from_pretrained, trust_remote_code=False)
    return checked(CtcTokenizer(load_part("CTC", load, folder), config), folder)


def checked(tokenizer: CtcTokenizer, folder: Path) -> CtcTokenizer:
    """Return a tokenizer; raise ModelError where it does not write text with its model's ids, its blank one of them."""
    if not 0 <= tokenizer.blank < tokenizer.size:
        raise ModelError(
            f"The tokenizer of model {folder} pads with token {tokenizer.blank} and the model has {tokenizer.size}; "
            "copy tokenizer_config.json, which names that token, from the model it was made from."
        )
    check_tokenizer(folder, tokenizer.size, tokenizer.text, tokenizer.ids)
    return tokenizer


def collapsed(frames: Sequence[int], blank: int) -> list[int]:
    """Return what the best path writes: each run of one id once, without blanks (Graves et al. 2006, section 3).

    >>> collapsed([0, 7, 7, 0, 7, 5, 5, 0], blank=0)
    [7, 7, 5]
    """
    return [number for number, _ in groupby(frames) if number != blank]
