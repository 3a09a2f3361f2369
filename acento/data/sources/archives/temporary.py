"""The common part of archives and remote places: untrusted files in a temporary folder.

The folder exists inside the ``with`` block only. Names are checked before a file is written, and again when a list
among the files names a recording: nothing outside the folder is written or read.
"""

import os
import re
import shutil
import tempfile
from abc import abstractmethod
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Self

from acento.core.errors import AcentoError, DataError
from acento.data.sources import kinds
from acento.data.sources.base import Reason, Rejection, Source, SourceItem, split_named

_DRIVE = re.compile(r"[A-Za-z]:")


class TemporarySource(Source):
    """A source that fetches or unpacks into a temporary folder (``TMPDIR``); see the module."""

    _sources: tuple[Source, ...] | None = None
    _rejections: tuple[Rejection, ...] = ()
    """Inputs that were left out before they came to lie in the folder."""

    def __enter__(self) -> Self:
        """Fetch or unpack, and find out what it is.

        Raises:
            DataError: it cannot be used as a whole.
            TransientError: it cannot be reached now.
        """
        with ExitStack() as stack:
            try:
                # resolved, as another name of the same folder would look like a place outside of it
                self._root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="acento-"))).resolve()
                with self._in_the_users_words():
                    self._sources = tuple(stack.enter_context(source) for source in self._fill(self._root))
            except OSError as error:
                there = tempfile.gettempdir()
                raise AcentoError(f"{self.where!r} cannot be put into {there} ({error.strerror or error}).") from error
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the folder."""
        self._sources = None
        self._stack.close()

    def own_split(self) -> str | None:
        """See :meth:`Source.own_split`: that of the folder inside, else of the archive or address."""
        inside = next((split for source in self._sources or () if (split := source.own_split())), None)
        return inside or split_named(self.where.rstrip("/").rpartition("/")[2].partition(".")[0])

    def made(self, path: Path) -> bool:  # noqa: ARG002 - what it gives it has checked
        """See :meth:`Source.made`."""
        return True

    @abstractmethod
    def _fill(self, root: Path) -> Collection[Source]:
        """Put the files into the folder, note what was left out, and return them as local sources."""

    def lists(self) -> Collection[str]:
        """See :meth:`Source.lists`."""
        return [name for source in self._sources or () for name in source.lists()]

    def notes(self) -> Collection[str]:
        """See :meth:`Source.notes`."""
        return [self._shown(note) for source in self._sources or () for note in source.notes()]

    def items(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Source.items`; the origin is the recording's path in the archive or below the address."""
        if self._sources is None:
            raise RuntimeError(f"{type(self).__name__} gives items inside its with block only.")
        yield from self._rejections
        with self._in_the_users_words():
            for source in self._sources:
                for entry in source.items():
                    if isinstance(entry, Rejection):
                        yield replace(entry, detail=self._shown(entry.detail))
                    elif source.made(entry.path) or self._is_inside(entry.path):
                        yield entry
                    else:
                        detail = f"Its recording {entry.origin} lies outside of {self.where}."
                        yield Rejection(entry.id, entry.origin, Reason.UNSAFE_PATH, detail)

    def _is_inside(self, path: Path) -> bool:
        """Tell whether a file is in the folder, in which there are no links."""
        return os.path.normpath(path).startswith(f"{self._root}{os.sep}")

    @contextmanager
    def _in_the_users_words(self) -> Iterator[None]:
        """Let errors through with the place as the user named it: nobody knows the temporary folder."""
        try:
            yield
        except AcentoError as error:
            if (sentence := self._shown(str(error))) == str(error):
                raise
            raise type(error)(sentence) from error

    def _shown(self, sentence: str) -> str:
        return sentence.replace(str(self._root), self.where)

    def _recognized(self, folder: Path) -> list[Source]:
        """Return what a folder is, by the kinds of sources that are known.

        Raises:
            DataError: it holds nothing that could be an input, and nothing was left out.
        """
        for kind in kinds():
            if kind.fits(str(folder), self.options):
                try:
                    return [kind(str(folder), self.options)]
                except DataError:
                    if not self._rejections:
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


def check_room(where: str, folder: Path, size: int) -> None:
    """Make sure that a folder's disk has room for so many bytes.

    Raises:
        AcentoError: it has not.
    """
    free = shutil.disk_usage(folder).free
    if size > free:
        raise AcentoError(
            f"{where!r} needs {size / 1e9:.1f} GB and {tempfile.gettempdir()} has {free / 1e9:.1f} GB: set TMPDIR to a "
            "folder with more room."
        )
