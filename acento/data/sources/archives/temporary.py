"""The common part of archives and remote places: untrusted files in a temporary folder.

The folder exists inside the ``with`` block only. Names are checked before a file is written, and again when a list
among the files names a recording: nothing outside the folder is written or read.
"""

import errno
import os
import re
import shutil
import tempfile
from abc import abstractmethod
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Self

from acento.core.errors import AcentoError, DataError
from acento.data.sources import kinds
from acento.data.sources.base import Entry, Rejection, RejectReason, Source, split_named

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EMFILE)
"""What the system says when a file cannot be written, whatever its name."""
_DRIVE = re.compile(r"[A-Za-z]:")


class TemporarySource(Source):
    """A source that fetches or unpacks into a temporary folder (``TMPDIR``); see the module."""

    _sources: tuple[Source, ...] = ()

    def __enter__(self) -> Self:
        """Fetch or unpack, and find out what it is."""
        try:
            root = self._make_temporary()
            with self._naming_the_location():
                self._sources = tuple(self._stack.enter_context(source) for source in self._fill(root))
        except BaseException as error:
            self.__exit__()
            if not isinstance(error, OSError):
                raise
            detail = f"cannot be put into {tempfile.gettempdir()} ({error.strerror or error})"
            raise AcentoError(f"{self.location!r} {detail}.") from error
        return self

    def own_split(self) -> str | None:
        """See :meth:`Source.own_split`: that of the folder inside, else of the archive or address."""
        inside = next((split for source in self._sources if (split := source.own_split())), None)
        return inside or split_named(self.location.rstrip("/").rpartition("/")[2].partition(".")[0])

    def wrote(self, path: Path) -> bool:  # noqa: ARG002 - what it gives it has checked
        return True

    @abstractmethod
    def _fill(self, root: Path) -> Collection[Source]:
        """Put the files into the folder, reject what is left out, and return them as local sources."""

    def items(self) -> Iterator[Entry]:
        """See :meth:`Source.items`; the origin is the recording's path in the archive or below the address."""
        if self._temporary is None:
            raise RuntimeError(f"{type(self).__name__} gives items inside its with block only.")
        yield from self._rejected
        with self._naming_the_location():
            for entry in chain.from_iterable(source.items() for source in self._sources):
                if isinstance(entry, Rejection):
                    yield replace(entry, detail=self._shown(entry.detail))
                elif os.path.normpath(entry.path).startswith(f"{self._temporary}{os.sep}") or any(
                    source.wrote(entry.path) for source in self._sources
                ):  # which holds no links
                    yield entry
                else:
                    detail = f"Its recording {entry.origin} lies outside of {self.location}."
                    yield Rejection(entry.id, entry.origin, RejectReason.UNSAFE_PATH, detail)
        self.lists = [name for source in self._sources for name in source.lists]
        self.notes = [self._shown(note) for source in self._sources for note in source.notes]

    @contextmanager
    def _naming_the_location(self) -> Iterator[None]:
        """Let errors name the place as the user named it: nobody knows the temporary folder."""
        try:
            yield
        except AcentoError as error:
            if (sentence := self._shown(str(error))) == str(error):
                raise
            raise type(error)(sentence) from error

    def _shown(self, sentence: str) -> str:
        return sentence.replace(str(self._temporary), self.location)

    def _recognized(self, folder: Path) -> list[Source]:
        """Return what a folder is, by the kinds of sources that are known."""
        for kind in kinds():
            if kind.fits(str(folder), self.options):
                try:
                    return [kind(str(folder), self.options)]
                except DataError:
                    if not self._rejected:
                        raise
        return []


def safe_path(name: str) -> PurePosixPath | None:
    """Return a name in an archive or bucket as a path below its top; None if it leads, or might lead, out of it.

    Backslashes separate folders, as in archives made on Windows.

    >>> safe_path("./anna//a b.wav"), safe_path("anna\\\\1.wav")
    (PurePosixPath('anna/a b.wav'), PurePosixPath('anna/1.wav'))
    >>> [safe_path(name) for name in ("../a", "a/../../b", "/etc/passwd", "C:\\\\a", "..\\\\a", "a\\0")]
    [None, None, None, None, None, None]
    """
    name = name.replace("\\", "/")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or _DRIVE.match(name):
        return None
    return path


def is_junk(path: PurePosixPath) -> bool:
    """Tell whether a file is no input: what systems leave behind (``__MACOSX``, ``.DS_Store``), and hidden files."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def check_room(location: str, folder: Path, size: int) -> None:
    """Make sure that a folder's disk has room for so many bytes.

    Raises:
        AcentoError: it has not.
    """
    free = shutil.disk_usage(folder).free
    if size > free:
        there = f"{tempfile.gettempdir()} has {free / 1e9:.1f} GB"
        raise AcentoError(f"{location!r} needs {size / 1e9:.1f} GB and {there}: set TMPDIR to a folder with more room.")
