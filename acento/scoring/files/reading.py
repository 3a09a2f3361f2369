"""A text file of anybody's, decoded: UTF-8 with or without a byte order mark, UTF-16 by its mark; else a sentence."""

import codecs
import hashlib
from dataclasses import dataclass
from pathlib import Path

from acento.core.errors import InputError

_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file's text, and the hash of its bytes."""

    path: Path
    text: str
    sha256: str

    def lines(self) -> list[tuple[int, str]]:
        """Return the lines that are not blank, each with its number, counted from 1."""
        return [(number, line) for number, line in enumerate(self.text.split("\n"), start=1) if line.strip()]

    def wrong(self, line: int, what: str) -> InputError:
        """Return the error that a line is wrong."""
        return InputError(f"{self.path}, line {line}: {what}")


def read_text(path: Path) -> TextFile:
    """Read a file; line ends of every kind become ``\\n``.

    Raises:
        InputError: it is no file, cannot be read, or holds something else than text in UTF-8 or marked UTF-16.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder: name a file of transcripts.")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error
    mark, encoding = next(((mark, name) for mark, name in _MARKS.items() if data.startswith(mark)), (b"", "utf-8"))
    body = data[len(mark) :]
    if encoding == "utf-8" and (zero := body.find(b"\0")) >= 0:
        line = body.count(b"\n", 0, zero) + 1
        raise InputError(f"{path}, line {line}: there is a zero byte; this is no text file.")
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        line = body[: error.start].decode(encoding, "ignore").count("\n") + 1
        raise InputError(
            f"{path}, line {line}: byte 0x{body[error.start]:02x} is not {encoding.upper()}; "
            "save the whole file as UTF-8 (iconv -f LATIN1 -t UTF-8, if it is Latin-1)."
        ) from None
    return TextFile(path, text.replace("\r\n", "\n").replace("\r", "\n"), hashlib.sha256(data).hexdigest())
