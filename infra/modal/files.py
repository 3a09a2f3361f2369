"""The files of a Modal volume by their path in it: through Modal's API, or in the folder where it is mounted.

Both classes have the same methods.
"""

import io
import os
import shutil
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import modal
from modal.exception import InvalidError, NotFoundError
from modal.types import FileEntryType

from acento.core.errors import TransientError
from acento.core.store.base import Stored

_ASIDE = ".aside"
"""The folder in which a file is written before it gets its name."""


@dataclass(frozen=True, slots=True)
class ApiFiles:
    """A volume through Modal's API: what is written is committed, what is read is the newest."""

    volume: modal.Volume

    def read(self, path: str) -> bytes:
        """Return a file's bytes."""
        return b"".join(self.volume.read_file(path))

    def fetch(self, path: str, to: Path) -> None:
        """Copy a file to a local one."""
        with to.open("wb") as out:
            for block in self.volume.read_file(path):
                out.write(block)

    def write(self, path: str, source: Path | io.BytesIO) -> None:
        """Write a file, whole or not at all, over one that may be there."""
        with self.volume.batch_upload(force=True) as batch:
            batch.put_file(source, path)

    def remove(self, path: str) -> None:
        """Remove a file; a folder is none."""
        try:
            self.volume.remove_file(path)
        except InvalidError:
            if not self._is_folder(path):
                raise
            raise FileNotFoundError(path) from None  # a folder is no object

    def _is_folder(self, path: str) -> bool:
        try:
            return all(one.path.strip("/") != path for one in self.volume.listdir(path))
        except (NotFoundError, FileNotFoundError):
            return True

    def walk(self, folder: str, deep: bool) -> list[Stored]:
        """Return the files in a folder, with ``deep`` in the folders inside it too."""
        try:
            entries = self.volume.listdir(folder or "/", recursive=deep)
        except (NotFoundError, FileNotFoundError):
            return []
        files = (one for one in entries if one.type == FileEntryType.FILE and one.path.strip("/") != folder)
        return [Stored(one.path.strip("/"), one.size, float(one.mtime)) for one in files]

    def commit(self) -> None:
        """Nothing waits for a commit."""

    def reload(self) -> None:
        """Nothing is seen late."""


def _forget_connections() -> None:
    """Let a process that was forked make HTTP connections of its own; of the others Modal's client thinks itself."""
    with suppress(ImportError, AttributeError):
        from modal._utils.http_utils import ClientSessionRegistry

        if ClientSessionRegistry._client_session_active:
            # kept: were it to go, its end would be felt in the parent, which shares its sockets
            _left_behind.append(ClientSessionRegistry._client_session)
            ClientSessionRegistry._client_session_active = False


_left_behind: list[Any] = []
os.register_at_fork(after_in_child=_forget_connections)

_locks: dict[str, threading.RLock] = {}
"""One for each mounted folder: a volume cannot be reloaded while a file of it is open."""


class MountedFiles:
    """A volume as a function's container mounts it."""

    def __init__(self, volume: modal.Volume, root: Path) -> None:
        self._volume, self._root = volume, root
        self._lock = _locks.setdefault(str(root), threading.RLock())

    def read(self, path: str) -> bytes:
        """Return a file's bytes."""
        with self._lock, suppress(IsADirectoryError, NotADirectoryError):
            return (self._root / path).read_bytes()
        raise FileNotFoundError(path)

    def fetch(self, path: str, to: Path) -> None:
        """Copy a file to a local one."""
        with self._lock:
            shutil.copyfile(self._root / path, to)

    def write(self, path: str, source: Path | io.BytesIO) -> None:
        """Write a file, whole or not at all, over one that may be there."""
        with self._lock:
            aside, final = self._root / _ASIDE / uuid.uuid4().hex, self._root / path
            for folder in (aside.parent, final.parent):
                folder.mkdir(parents=True, exist_ok=True)
            try:
                if isinstance(source, Path):
                    shutil.copyfile(source, aside)
                else:
                    aside.write_bytes(source.getvalue())
                aside.replace(final)
            finally:
                aside.unlink(missing_ok=True)

    def remove(self, path: str) -> None:
        """Remove a file; a folder is none."""
        with self._lock, suppress(IsADirectoryError, PermissionError):
            (self._root / path).unlink()
            return
        if not (self._root / path).is_dir():  # a folder is no object
            raise PermissionError(path)

    def walk(self, folder: str, deep: bool) -> list[Stored]:
        """Return the files in a folder, with ``deep`` in the folders inside it too."""
        with self._lock:
            top = self._root / folder
            paths = [path for path in (top.rglob("*") if deep else top.glob("*")) if path.is_file()]
            found = [(path.relative_to(self._root).as_posix(), path.stat()) for path in paths]
        return [Stored(name, one.st_size, one.st_mtime) for name, one in found if not name.startswith(f"{_ASIDE}/")]

    def commit(self) -> None:
        """Let others see what was written."""
        with self._lock:
            _open_files_may_close(self._volume.commit)

    def reload(self) -> None:
        """See what others wrote."""
        with self._lock:
            _open_files_may_close(self._volume.reload)


def _open_files_may_close(do: Callable[[], Any]) -> None:
    """Call what fails while a file is open; Modal says so in a ``RuntimeError``."""
    try:
        do()
    except RuntimeError as error:
        raise TransientError(f"The volume cannot be brought up to date now: {error}.") from error
