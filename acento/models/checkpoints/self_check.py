"""A check of every loaded model: its tokenizer writes text and reads it back, in ids that the model has.

Libraries replace a tokenizer whose files are missing by an empty one, which decodes everything to nothing.
"""

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from acento.core.errors import ModelError

_LETTERS = 8
"""Tokens of letters that make the text which is written and read back."""


def check_tokenizer(
    folder: Path,
    size: int,
    decode: Callable[[Sequence[int]], str],
    encode: Callable[[str], Sequence[int]] | None = None,
) -> None:
    """Check that some text of a model's own vocabulary survives being written as ids and read back.

    ``size`` is how many ids the model has; ``encode`` is None where the model has only what reads them. Raises
    ModelError if the tokenizer knows no letters, loses some, or gives ids that the model does not have.
    """
    pieces = (number for number in range(size) if _letters(decode([number])))
    ids = list(islice(pieces, _LETTERS))
    text = decode(ids)
    if not _letters(text):
        raise ModelError(
            f"Model {folder} has no usable tokenizer: it knows no letters, so every text would be empty; copy the "
            "tokenizer's files (tokenizer.json, tokenizer_config.json) from the model it was made from."
        )
    if encode is None:
        return
    again = list(encode(text))
    if any(number >= size for number in again) or _letters(decode(again)) != _letters(text):
        raise ModelError(
            f"The tokenizer of model {folder} does not belong to it: {text!r} is another text after it was encoded and "
            "decoded; copy the tokenizer's files from the model it was made from."
        )


def check_pretrained(folder: Path, size: int, tokenizer: Any, **settings: Any) -> None:
    """Check a tokenizer of transformers (see ``check_tokenizer``); ``settings`` are passed to its ``decode``."""
    check_tokenizer(
        folder,
        size,
        lambda ids: str(tokenizer.decode(list(ids), skip_special_tokens=True, **settings)),
        lambda text: list(tokenizer(text, add_special_tokens=False).input_ids),
    )


def check_end(folder: Path, end: int | Sequence[int] | None, tokenizer: Any) -> None:
    """Raise ModelError if the token that ends a text is not the one that the model writes."""
    own = tokenizer.eos_token_id
    ends = [end] if isinstance(end, int) else end
    if own is not None and ends and own not in ends:
        raise ModelError(
            f"The tokenizer of model {folder} does not belong to it: its {tokenizer.eos_token} is token {own}, the "
            f"model's is token {ends[0]}; copy the tokenizer's files from the model it was made from."
        )


def _letters(text: str) -> str:
    """Return the letters of a text, whatever their case: tokenizers treat spaces and case each in their own way."""
    return "".join(letter for letter in text if letter.isalpha() and letter != "\N{REPLACEMENT CHARACTER}").casefold()
