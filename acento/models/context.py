"""Words that a person expects in recordings, as a file lists them."""

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from acento.core.errors import InputError, first_line


def read_hotwords(path: str | PathLike[str]) -> tuple[str, ...]:
    """Read names and terms from a file in UTF-8, one a line; ``#`` begins a comment.

    Raises:
        InputError: the file cannot be read, or has none.
    """
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The hotwords file {path} cannot be read ({first_line(error)}): give a text file in UTF-8 with a name or "
            "term on each line."
        ) from error
    if not (found := hotwords_in(text)):
        raise InputError(f"The hotwords file {path} has no words: write a name or term on each line.")
    return found


def hotwords_in(text: str) -> tuple[str, ...]:
    """Return the names and terms of a list, each once, without comments.

    >>> hotwords_in("# places\\nValparaíso\\n\\nCerro  Alegre  # a hill\\nValparaíso")
    ('Valparaíso', 'Cerro Alegre')
    """
    return hotwords_of(line.partition("#")[0] for line in text.splitlines())


def hotwords_of(words: Iterable[str]) -> tuple[str, ...]:
    """Return names and terms each once, without spaces around them; empty ones are left out."""
    return tuple(dict.fromkeys(word for word in (" ".join(one.split()) for one in words) if word))
