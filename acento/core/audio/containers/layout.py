"""What the bytes of a file say about its length, and views of a file as it should have been written."""

import io
import mmap
import os
from dataclasses import dataclass
from typing import BinaryIO

import soundfile

Data = bytes | mmap.mmap
"""The bytes of a file, in memory or mapped."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """Bytes of a file that are one recording: ``prefix``, then the file from ``start`` to ``end``, with ``patches``.

    A patch is a position in the file and the bytes that should stand there: a header with the true length.
    """

    start: int
    end: int
    prefix: bytes = b""
    patches: tuple[tuple[int, bytes], ...] = ()

    def moved(self, by: int) -> "FilePart":
        """Return the same part of a file that has ``by`` more bytes before it."""
        patches = tuple((at + by, patch) for at, patch in self.patches)
        return FilePart(self.start + by, self.end + by, self.prefix, patches)


@dataclass(frozen=True, slots=True)
class FileLayout:
    """What was found in a file.

    ``missing`` says what the end lacks. ``complete``: sizes in the file prove that it was not cut, so that a header
    that tells a longer duration is false. ``parts`` are the recordings of which it consists; without any, it is one
    recording as it stands. At ``joined_at`` another file begins.
    """

    missing: str | None = None
    complete: bool = False
    parts: tuple[FilePart, ...] = ()
    joined_at: int | None = None


class OneWayFile(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is read in one go: soundfile seeks after each read of one that it may seek in.

    That costs time, and an MP3 or Opus decoder is not quite the same after it: each block would begin with a click.
    """

    def seekable(self) -> bool:
        """Return False."""
        return False


class View(io.RawIOBase):
    """A part of a file as a file of its own, read-only."""

    def __init__(self, file: BinaryIO, part: FilePart) -> None:
        """Keep the file, whose position moves with each read."""
        self._file, self._part, self._at = file, part, 0
        self._size = len(part.prefix) + part.end - part.start

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place of the view."""
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence])
        return self._at

    def tell(self) -> int:
        """Return the place in the view."""
        return self._at

    def readinto(self, buffer: "memoryview[int]", /) -> int:  # type: ignore[override]
        """Read into a buffer; fewer bytes than it holds only at the end."""
        part = self._part
        head = part.prefix[self._at : self._at + len(buffer)]
        start = part.start + max(0, self._at - len(part.prefix))
        self._file.seek(start)
        data = bytearray(self._file.read(max(0, min(len(buffer) - len(head), part.end - start))))
        for position, patch in part.patches:
            for at, byte in enumerate(patch, position - start):
                if 0 <= at < len(data):
                    data[at] = byte
        count = len(head) + len(data)
        buffer[:count] = head + data
        self._at += count
        return count


def joined(kind: str) -> ValueError:
    """Return the error of a file within which another begins, of a kind whose decoder would read only the first."""
    return ValueError(f"it holds several {kind} files joined to one: split them")
