"""Lists and transcripts as text: the encoding by its mark, or as the user names it, and each line by its number."""

import codecs
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from acento.core.errors import DataError

_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NO_TEXT = re.compile("[\0\ufffd\ud800-\udfff]")
"""A NUL, and what stands for bytes that are no character of the encoding."""


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


@contextmanager
def readable(what: str, encoding: str = "") -> Iterator[None]:
    """Turn what is raised while a file is read, its name being ``what``, into a sentence.

    Raises:
        DataError: it cannot be read, or is not text in its encoding.
    """
    try:
        yield
    except OSError as error:
        raise DataError(f"{what} cannot be read ({error.strerror or error}).") from error
    except UnicodeDecodeError as error:
        hint = "name its encoding by --encoding, or save it as UTF-8"
        raise DataError(
            f"{what} is not {(encoding or error.encoding).upper()} (byte {error.start}): {hint}."
        ) from error
    except UnicodeError as error:
        raise DataError(f"{what} cannot be read as {encoding} ({error}).") from error


def read_lines(path: Path, encoding: str | None = None) -> Iterator[tuple[int, str | None]]:
    """Yield the number and the text of every line that is not blank, without its end; None for one that is not text.

    Raises:
        DataError: the file cannot be read.
    """
    with readable(str(path)), path.open("rb") as file:
        name = encoding_of(file.read(4), encoding)
    errors = "surrogateescape" if name.startswith("utf-8") else "replace"
    with readable(str(path), name), path.open(encoding=name, errors=errors) as text:
        for number, line in enumerate(text, start=1):
            if line.strip():
                yield number, None if _NO_TEXT.search(line) else line.rstrip("\r\n")


def read_text(path: Path, encoding: str | None = None) -> str:
    """Return the whole text of a file, its lines ended by ``\\n``.

    Raises:
        DataError: the file cannot be read, or is not text in its encoding.
    """
    with readable(str(path)):
        data = path.read_bytes()
    name = encoding_of(data[:4], encoding)
    with readable(str(path), name):
        return data.decode(name).replace("\r\n", "\n").replace("\r", "\n")


def json_object(line: bytes | str, encoding: str = "utf-8-sig") -> dict[str, Any]:
    """Return the JSON object that a line, or a whole file, holds.

    Raises:
        ValueError: it holds none.
    """
    try:
        entry = json.loads(line.decode(encoding) if isinstance(line, bytes) else line)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(entry, dict):
        raise ValueError("it is no JSON object")
    return entry
