"""Lists and transcripts as text: the encoding by its mark, or as the user names it, and each line by its number."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from acento.core.errors import DataError

_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def encoding_of(head: bytes, given: str | None) -> str:
    """Return the encoding of a text that begins with ``head``: by its byte order mark, else as given, else UTF-8.

    Raises:
        DataError: the given name is that of no encoding.

    >>> encoding_of(b"\\xff\\xfeh\\0", None), encoding_of(b"hola", "latin-1"), encoding_of(b"hola", None)
    ('utf-16', 'latin-1', 'utf-8')
    """
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            return name
    try:
        "".encode(given or "utf-8")
    except (LookupError, ValueError):
        raise DataError(f"{given!r} is no encoding of text: use a name such as latin-1, cp1252 or utf-16.") from None
    return given or "utf-8"


def read_lines(path: Path, encoding: str | None = None) -> Iterator[tuple[int, str | None]]:
    """Yield the number and the text of every line that is not blank, without its end; None for one that is not text.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            name = encoding_of(file.read(4), encoding)
        with path.open(encoding=name, errors="surrogateescape" if name.startswith("utf-8") else "replace") as text:
            for number, line in enumerate(text, start=1):
                if line.strip():
                    yield number, line.rstrip("\r\n") if is_text(line) else None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}).") from error
    except UnicodeError as error:
        raise DataError(f"{path} cannot be read as {name} ({error}).") from error


def read_text(path: Path, encoding: str | None = None) -> str:
    """Return the whole text of a file, its lines ended by ``\\n``.

    Raises:
        DataError: the file cannot be read, or is not text in its encoding.
    """
    try:
        data = path.read_bytes()
        name = encoding_of(data[:4], encoding)
        return data.decode(name).replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}).") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not {name.upper()} (byte {error.start}): name its encoding by --encoding, or save it as UTF-8."
        ) from error
    except UnicodeError as error:
        raise DataError(f"{path} cannot be read as {name} ({error}).") from error


def is_text(line: str) -> bool:
    """Tell whether every byte of a line was a character of the encoding, and none was NUL."""
    return (line.isascii() and "\0" not in line) or not any(c in "\ufffd\0" or "\ud800" <= c <= "\udfff" for c in line)
