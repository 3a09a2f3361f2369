"""How wide a text is where it is shown, and which scripts put no spaces between words."""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import regex

UNSPACED: Final = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー々〆]"
"""A character of a script that puts no spaces between words; Korean does."""
_ENDS = regex.compile(rf"{UNSPACED}[\p{{P}}\p{{M}}]*\Z")
_BEGINS = regex.compile(rf"\A[\p{{P}}]*{UNSPACED}")
_FULL_WIDTH_SIGN = regex.compile(r"[\u3000-\u303f\uff01-\uff60]")


@lru_cache(maxsize=1 << 16)
def width(text: str) -> int:
    """Return the columns that a text takes: 2 for what is full-width (UAX #11), 0 for what combines, else 1.

    What a reader sees as one character (a grapheme cluster, UAX #29) is as wide as its widest part.

    >>> width("señor"), width("sen\\u0303or"), width("你好。"), width("한국"), width("👩‍👩‍👧")
    (5, 5, 6, 4, 2)
    """
    if text.isascii():
        return len(text)
    return sum(max(map(_columns, cluster)) for cluster in regex.findall(r"\X", text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf", "Cc"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def touches(before: str, after: str) -> bool:
    """Tell whether no space is put between two texts that follow each other, by their scripts.

    >>> touches("你好，", "世界"), touches("hola", "mundo"), touches("한국", "사람"), touches("我用", "Whisper")
    (True, False, False, False)
    """
    if not before or not after:
        return False
    ends, begins = _ENDS.search(before) is not None, _BEGINS.search(after) is not None
    return (ends and begins) or bool(
        (ends and _FULL_WIDTH_SIGN.match(after)) or (begins and _FULL_WIDTH_SIGN.match(before[-1]))
    )


def joined(texts: Iterable[str]) -> str:
    """Return texts as one, with spaces between them where their scripts have spaces.

    >>> joined(["Hola,", "mundo."]), joined(["你好，", "世界"])
    ('Hola, mundo.', '你好，世界')
    """
    whole = ""
    for text in texts:
        whole += text if not whole or not text or touches(whole, text) else f" {text}"
    return whole
