"""What each token of a text adds to it, so that a text's words have the times of their tokens."""

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_SPACE = "▁"

Read = Callable[[Sequence[int]], str]
"""Returns the text of ids, as a tokenizer decodes it."""


def texts_of(ids: Sequence[int], tokens: Sequence[bytes], read: Read) -> list[str]:
    """Return what each id adds to the text; together they are the text but for white space at its ends.

    A character whose bytes are in several tokens belongs to the last of them.

    Args:
        ids: of a text.
        tokens: the bytes that each id stands for; :func:`byte_letters` and :func:`sentence_pieces` return them.
        read: decodes ids; where it makes another text of them than the bytes are, as a tokenizer does that mends the
            spaces before commas, the pieces are found in its texts.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    texts = [decoder.decode(token) for token in tokens]
    if texts:
        texts[-1] += decoder.decode(b"", final=True)
    return texts if "".join(texts).split() == read(ids).split() else list(_differences(ids, read))


def byte_letters(tokens: Sequence[str]) -> list[bytes]:
    """Return the bytes of tokens that are written in the letters of GPT-2, which has one for each byte.

    >>> [one.decode() for one in byte_letters(["ĠseÃ±", "or"])]
    [' señ', 'or']
    """
    table = _letters()
    return [bytes(table[letter] for letter in token) if set(token) <= table.keys() else b"" for token in tokens]


def sentence_pieces(tokens: Sequence[str], *, delimiter: str | None = None) -> list[bytes]:
    """Return the bytes of SentencePiece's tokens, or of letters among which one stands for a space; ``""`` is none.

    >>> sentence_pieces(["▁ca", "f", "<0xC3>", "<0xA9>"])
    [b' ca', b'f', b'\\xc3', b'\\xa9']
    >>> sentence_pieces(["a", "|", "b"], delimiter="|")
    [b'a', b' ', b'b']
    """
    found = []
    for token in tokens:
        if (byte := _BYTE.fullmatch(token)) is not None:
            found.append(bytes([int(byte[1], 16)]))
        else:
            found.append((" " if token == delimiter else token.replace(_SPACE, " ")).encode())
    return found


@cache
def _letters() -> dict[str, int]:
    """Return the byte of each of GPT-2's letters: itself where it can be seen, else one above 255 in their order."""
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(256) if byte not in seen]
    return {chr(byte): byte for byte in seen} | {chr(256 + place): byte for place, byte in enumerate(hidden)}


def _differences(ids: Sequence[int], read: Read) -> Iterator[str]:
    """Yield how the text of ids grows by each of them."""
    texts = ["", *(read(ids[: count + 1]).rstrip("\ufffd") for count in range(len(ids) - 1)), read(ids)]
    sizes = [0]
    for text in texts[1:]:
        common = next(
            (place for place, (one, other) in enumerate(zip(text, texts[-1], strict=False)) if one != other), None
        )
        sizes.append(max(sizes[-1], min(len(text), len(texts[-1])) if common is None else common))
    sizes[-1] = len(texts[-1])
    yield from (texts[-1][start:end] for start, end in pairwise(sizes))
