"""This machine's copies of what is in a store elsewhere: fetched when they are needed, verified whenever they are used.

They lie by artifact and writer, so that a copy is never taken for one of an artifact that was published anew. They are
of use to every process of the machine and stay until ``acento store gc --copies``.
"""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from acento.core.errors import DamagedError
from acento.core.fingerprint import sha256_file
from acento.core.settings import settings
from acento.core.store.base import NO_ROOM, Artifact, writing
from acento.core.store.scratch import Scratch

_NO_FOLDER = (*NO_ROOM, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST)

_DRAFTS = "drafts"
_ARTIFACTS = "artifacts"

Fetch = Callable[[str, Path, int], None]
"""Writes the bytes of an object, of which so many are expected, to a new local file; see :class:`Objects`."""


class Copies:
    """The copies from one store."""

    def __init__(self, folder: Path, url: str, fetch: Fetch) -> None:
        """Take the folder, the store's URL for sentences, and what fetches an object; nothing is made yet."""
        self.folder, self._url, self._fetch = folder, url, fetch
        self._drafts = Scratch(folder / _DRAFTS)
        self._verified: dict[tuple[str, str], Path] = {}
        self._intact: set[str] = set()
        self._swept = False

    def scratch(self) -> Path:
        """Return a new path beside the copies, on the same disk."""
        if not self._swept:
            self._drafts.sweep()
            self._swept = True
        return self._drafts.new()

    def known(self, key: str, name: str) -> Path | None:
        """Return the copy that this object has verified before."""
        path = self._verified.get((key, name))
        return path if path is not None and path.exists() else None

    def get(self, artifact: Artifact, name: str) -> Path:
        """Return the copy of a file, verified; fetched if it is not there or not intact.

        Raises:
            StoreError: the folder cannot be written.
            DamagedError: the bytes are not those that were published.
        """
        path, entry = self.place(artifact) / name, artifact.files[name]
        if not (path.is_file() and path.stat().st_size == entry.size and sha256_file(path) == entry.sha256):
            self._download(artifact, name)
        with suppress(OSError):
            os.utime(path)  # when it was last of use
        self._verified[artifact.key, name] = path
        return path

    def check(self, artifact: Artifact, name: str) -> None:
        """See that a file's bytes in the store are those that were published: read them, once for each object.

        Raises:
            DamagedError: they are not.
        """
        if f"{artifact.home}/{name}" not in self._intact:
            self._download(artifact, name)

    def keep(self, artifact: Artifact, folder: Path) -> None:
        """Let a folder that was just published be the copies of its artifact."""
        final = self.place(artifact)
        with suppress(OSError):  # without a copy it is fetched when it is needed
            final.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(final)
            self._verified |= {(artifact.key, name): final / name for name in artifact.files}

    def place(self, artifact: Artifact) -> Path:
        """Return the folder with the copies of an artifact's files."""
        return self.folder / _ARTIFACTS / artifact.key / artifact.writer

    def forget(self, key: str) -> None:
        """Remove the copies of an artifact."""
        self._verified = {known: path for known, path in self._verified.items() if known[0] != key}
        shutil.rmtree(self.folder / _ARTIFACTS / key, ignore_errors=True)

    def forget_older(self, before: float) -> int:
        """Remove the copies that were last used before a time, in seconds since 1970; return their bytes.

        Let no other process of this machine read from the store meanwhile.
        """
        size = 0
        for path in sorted((self.folder / _ARTIFACTS).rglob("*"), reverse=True):
            with suppress(OSError):
                if path.is_dir():
                    path.rmdir()
                elif path.stat().st_mtime < before:
                    size += path.stat().st_size
                    path.unlink()
        self._verified.clear()
        return size

    def _download(self, artifact: Artifact, name: str) -> None:
        """Make a file's copy of what is in the store now; once more if it was damaged, as the way may have done that.

        Raises:
            DamagedError: the bytes are not those that were published.
        """
        path, entry = self.place(artifact) / name, artifact.files[name]
        with self.writing():
            scratch = self.scratch()
            try:
                for _ in range(2):
                    with suppress(FileNotFoundError):
                        self._fetch(f"{artifact.home}/{name}", scratch, entry.size)
                        if scratch.stat().st_size == entry.size and sha256_file(scratch) == entry.sha256:
                            path.parent.mkdir(parents=True, exist_ok=True)
                            scratch.replace(path)
                            self._intact.add(f"{artifact.home}/{name}")
                            return
            finally:
                scratch.unlink(missing_ok=True)
        place = f"{self._url}/{artifact.key}"
        raise DamagedError(f"{place}/{name} is damaged: its bytes changed since they were written; remove {place}.")

    def writing(self, numbers: Sequence[int] = _NO_FOLDER) -> AbstractContextManager[None]:
        """Say in one sentence that the folder cannot be written, where an error of these numbers says so."""
        what = f"The folder {self.folder}, which keeps copies of what is in {self._url},"
        return writing(what, "free some space, or set ACENTO_CACHE to another folder", numbers)


def cache_folder(url: str) -> Path:
    """Return the folder for copies from the store at a URL, a subfolder of :func:`cache_root`."""
    return cache_root() / hashlib.sha256(url.encode()).hexdigest()[:16]


def cache_root() -> Path:
    """Return the folder for all that can be fetched again: ``ACENTO_CACHE``, or else one in the user's cache folder."""
    if settings().cache:
        return Path(settings().cache).expanduser().absolute()
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base).absolute() / "acento"
    try:
        return Path.home() / ".cache" / "acento"
    except RuntimeError:  # nobody has a home here
        return Path(tempfile.gettempdir()) / "acento-cache"
