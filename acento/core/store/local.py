"""The store in a local folder: drafts are written aside, synced, and renamed into place."""

import errno
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from acento.core.errors import DamagedError, StoreError
from acento.core.fingerprint import sha256_file
from acento.core.store.base import MARKER, NO_ROOM, Artifact, Draft, Store, Stored, check_key, inside, writing
from acento.core.store.scratch import Scratch, discard

_TMP = "tmp"


class LocalStore(Store):
    """A store in a folder of this machine, or of a disk that machines share and on which rename is atomic."""

    def __init__(self, root: Path) -> None:
        """Name the folder; it is made when something is written first."""
        self.root = root.absolute()
        self.url = str(self.root)
        self._scratch_folder = Scratch(self.root / _TMP)
        self._verified: set[tuple[str, str]] = set()
        self._ready = False

    def check_writable(self) -> None:
        with self._writing():
            self._scratch()

    @contextmanager
    def publish(self, key: str) -> Iterator[Draft]:
        final = self.root / check_key(key)
        with self._writing():
            folder = self._scratch()
            folder.mkdir()
        draft = Draft(folder)
        try:
            with self._writing(NO_ROOM):  # the caller's own writes into the draft meet a full disk too
                yield draft
            with self._writing():
                self._seal(draft, key)
                draft.published = self._move(draft.folder, final, key)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def find(self, key: str, *, verify: bool = False) -> Artifact | None:
        folder = self.root / check_key(key)
        try:
            artifact = Artifact.from_json(key, (folder / MARKER).read_bytes())
            for name, entry in artifact.files.items():
                if (folder / name).stat().st_size != entry.size:
                    return None
                if verify and sha256_file(folder / name) != entry.sha256:
                    return None
        except (FileNotFoundError, NotADirectoryError, DamagedError):
            return None
        return artifact

    def local_path(self, key: str, name: str) -> Path:
        """See :meth:`Store.local_path`; each file is hashed once for each store object."""
        path = self.root / check_key(key) / name
        if (key, name) in self._verified:
            return path
        artifact = self.find(key)
        if artifact is None or name not in artifact.files:
            raise self.missing(f"{key}/{name}")
        if sha256_file(path) != artifact.files[name].sha256:
            raise DamagedError(f"{path} is damaged: its bytes changed since they were written; remove {path.parent}.")
        self._verified.add((key, name))
        return path

    def list(self, prefix: str) -> Iterator[str]:
        for folder, folders, files in os.walk(self.root / check_key(prefix)):
            folders.sort()
            if MARKER in files:
                folders.clear()
                yield Path(folder).relative_to(self.root).as_posix()

    def create_exclusive(self, key: str, data: bytes) -> bool:
        """See :meth:`Store.create_exclusive`; a hard link fails if its name is taken, and appears whole."""
        final = self.root / check_key(key)
        with self._writing():
            scratch = self._scratch()
            try:
                write_synced(scratch, data)
                final.parent.mkdir(parents=True, exist_ok=True)
                try:
                    os.link(scratch, final)
                except FileExistsError:
                    return False
                sync_folder(final.parent)
                return True
            finally:
                scratch.unlink(missing_ok=True)

    def read_file(self, key: str) -> bytes | None:
        with suppress(FileNotFoundError, NotADirectoryError):
            return (self.root / check_key(key)).read_bytes()
        return None

    def list_files(self, prefix: str) -> Iterator[str]:
        folder = self.root / check_key(prefix)
        if folder.is_dir():
            yield from sorted(p.relative_to(self.root).as_posix() for p in folder.iterdir() if p.is_file())

    def remove(self, key: str) -> None:
        path = self.root / check_key(key)
        with self._writing():
            if path.is_dir():
                (path / MARKER).unlink(missing_ok=True)
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        self._verified = {known for known in self._verified if known[0] != key}

    def discard(self, keys: Iterable[str]) -> None:
        """See :meth:`Store.discard`; folders that are empty by then go too."""
        with self._writing():
            for key in keys:
                path = self.root / inside(key)
                path.unlink(missing_ok=True)
                with suppress(OSError):
                    for folder in path.parents:
                        if folder == self.root:
                            break
                        folder.rmdir()

    def unfinished(self, before: float) -> Sequence[str]:
        """See :meth:`Store.unfinished`: scratch of processes that died, also on machines that nobody can ask."""
        self._scratch_folder.sweep()
        return self._scratch_folder.older(before)

    def abandon(self, writes: Iterable[str]) -> None:
        for name in writes:
            discard(self.root / _TMP / Path(name).name)

    def walk(self, folder: str = "") -> Iterator[Stored]:
        """See :meth:`Store.walk`; what is removed meanwhile is left out, and so is scratch."""
        for place, folders, files in os.walk(self.root / check_key(folder) if folder else self.root):
            if Path(place) == self.root:
                folders[:] = [name for name in folders if name != _TMP]
            folders.sort()
            for name in sorted(files):
                path = Path(place) / name
                with suppress(FileNotFoundError):
                    stat = path.stat()
                    yield Stored(path.relative_to(self.root).as_posix(), stat.st_size, stat.st_mtime)

    def _scratch(self) -> Path:
        """Return a new path for work in progress; make the folder first, and clear away what killed processes left."""
        if not self._ready:
            scratch = self.root / _TMP
            scratch.mkdir(parents=True, exist_ok=True)
            if not os.access(scratch, os.W_OK):
                raise PermissionError(errno.EACCES, "no permission to write")
            self._scratch_folder.sweep()
            self._ready = True
        return self._scratch_folder.new()

    def _seal(self, draft: Draft, key: str) -> None:
        """Sync every file of the draft, then write the marker that lists them."""
        for path in draft.paths().values():
            sync_file(path)
        write_synced(draft.folder / MARKER, Artifact(key, draft.entries(), draft.info).to_json())
        for folder in {path.parent for path in draft.folder.rglob("*")}:
            sync_folder(folder)

    def _move(self, folder: Path, final: Path, key: str) -> bool:
        """Rename the draft into place; False if a whole artifact was there first. One that is damaged makes way."""
        final.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(3):
            try:
                rename(folder, final)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    raise
                if self.find(key, verify=True) is not None:
                    return False
                with suppress(FileNotFoundError):
                    aside = self._scratch()
                    rename(final, aside)
                    discard(aside)
            else:
                sync_folder(final.parent)
                return True
        raise StoreError(f"{final} cannot be written: others keep changing it.")

    def _writing(self, numbers: Sequence[int] = ()) -> AbstractContextManager[None]:
        """Turn what the operating system says about a write into one sentence."""
        remedy = "free some space, mend its permissions, or set ACENTO_STORE to another folder"
        return writing(f"The store {self.url}", remedy, numbers)


def write_synced(path: Path, data: bytes) -> None:
    """Write bytes and wait until they are on the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_file(path: Path) -> None:
    """Wait until a file's bytes are on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until a folder's list of names is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rename(source: Path, target: Path) -> None:
    """Give a folder its final name; fails if something with content has that name."""
    source.rename(target)
