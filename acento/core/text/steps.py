"""The steps that normalizers are made of: small pure functions from text to text, each named for what it does.

A step that a released preset uses never changes what it does: a new rule is a new step and a new preset version.
"""

import re
import unicodedata

_MARKUP = re.compile(r"[<\[][^>\]]*[>\]]")
_PARENTHESES = re.compile(r"\([^)]+?\)")
_NOT_WORD_OR_SPACE = re.compile(r"[^\w\s]")
_SPACES = re.compile(r"\s+")


class _SymbolsToSpaces(dict[int, int]):
    """A table for ``str.translate`` that looks a character's category up once: M, S and P become a space."""

    def __missing__(self, code: int) -> int:
        self[code] = ord(" ") if unicodedata.category(chr(code))[0] in "MSP" else code
        return self[code]


_SYMBOLS_TO_SPACES = _SymbolsToSpaces()


def lowercase(text: str) -> str:
    """Return the text in lower case.

    >>> lowercase("ÑANDÚ")
    'ñandú'
    """
    return text.lower()


def remove_markup(text: str) -> str:
    """Remove ``<…>`` and ``[…]`` with all that is in them; as in Whisper, either bracket closes either.

    >>> remove_markup("hola [risas] po <eh>")
    'hola  po '
    """
    return _MARKUP.sub("", text)


def remove_parentheses(text: str) -> str:
    """Remove ``(…)`` with all that is in it.

    >>> remove_parentheses("hola (suspiro) po")
    'hola  po'
    """
    return _PARENTHESES.sub("", text)


def compose(text: str) -> str:
    """Return Unicode's compatibility composition (NFKC): one way to write é, and ﬁ becomes fi.

    >>> compose("cafe\\u0301 ﬁn 1º")
    'café fin 1o'
    """
    return unicodedata.normalize("NFKC", text)


def symbols_to_spaces(text: str) -> str:
    """Put a space for each mark, symbol and punctuation character (Unicode categories M, S and P).

    >>> symbols_to_spaces("¿cachái, po?")
    ' cachái  po '
    """
    return text.translate(_SYMBOLS_TO_SPACES)


def drop_other_characters(text: str) -> str:
    """Drop what is neither a letter, a digit, ``_`` nor white space: soft hyphens, zero-width spaces, controls.

    >>> drop_other_characters("casa\\u00admiento\\u200b")
    'casamiento'
    """
    return _NOT_WORD_OR_SPACE.sub("", text)


def collapse_spaces(text: str) -> str:
    """Put one space for any run of white space, and none at the ends.

    >>> collapse_spaces(" hola  po\\n")
    'hola po'
    """
    return _SPACES.sub(" ", text).strip()
