"""What stores without a rename have in common (S3, a Modal volume): files first, then the marker, and verified copies.

A writer uploads an artifact's files under a name of its own (``KEY/_files/WRITER/NAME``) and then creates the marker,
which tells where they are and of which only the first can exist. So a marker always describes the bytes that are
there, whoever else writes the same artifact at the same time, and what a killed writer leaves is never taken for whole;
``acento store gc`` clears it away. Readers get copies in a folder of this machine, each verified by its checksum.
"""

import shutil
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from acento.core.errors import DamagedError, StoreError
from acento.core.store.base import MARKER, NO_ROOM, Artifact, Draft, Store, Stored, check_key, together
from acento.core.store.cache import cache_folder
from acento.core.store.copies import Copies
from acento.core.store.marker import FILES, Marker

__all__ = ["FILES", "THREADS", "ObjectStore", "Objects"]

THREADS = 4
"""Files that are carried at a time: most of the time of a small one is waiting."""


class Objects(ABC):
    """Named bytes somewhere else: what a store must be able to do so that :class:`ObjectStore` can be built on it.

    Names are parts with slashes between, below the root of the store. Each call is tried again by the implementation
    when it fails by something that may pass; what it raises then is final.

    Every call raises:
        InputError: the place, the credentials or the permissions are wrong.
        TransientError: the place did not answer, however often it was asked.
        StoreError: it refuses for another reason, such as no room.
    """

    url: str
    """Where this is, as a person writes it; without credentials."""

    @abstractmethod
    def check_writable(self) -> None:
        """See that something can be written, by writing it."""

    @abstractmethod
    def get(self, key: str) -> bytes | None:
        """Return the bytes of a small object, or None if there is none."""

    @abstractmethod
    def get_file(self, key: str, path: Path, size: int) -> None:
        """Write the bytes of an object, of which ``size`` are expected, to a new local file.

        Raises:
            FileNotFoundError: there is no such object.
        """

    @abstractmethod
    def put(self, key: str, data: bytes) -> None:
        """Write a small object, whole or not at all, over one that may be there."""

    @abstractmethod
    def put_file(self, key: str, path: Path) -> None:
        """Write an object of a local file's bytes, whole or not at all."""

    @abstractmethod
    def put_new(self, key: str, data: bytes) -> bool:
        """Create a small object, whole or not at all; return False, changing nothing, if there is one.

        Of several callers exactly one gets True, also when its request had to be sent again.
        """

    @abstractmethod
    def list(self, folder: str, *, deep: bool = True) -> Iterator[Stored]:
        """Yield what is in a folder (``""``: the root), sorted by name; ``deep``: in the folders inside it too."""

    @abstractmethod
    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; one that is not there is no error."""

    @abstractmethod
    def refresh(self) -> None:
        """Make what other machines wrote visible here."""

    def unfinished(self, before: float) -> Sequence[str]:  # noqa: ARG002 - for those that have such uploads
        """Return the names of uploads that were begun before a time and never finished."""
        return ()

    def abandon(self, uploads: Iterable[str]) -> None:  # noqa: B027 - for those that have such uploads
        """End such uploads."""


class ObjectStore(Store):
    """A store over objects, with copies of what was read or written in a folder of this machine."""

    def __init__(self, objects: Objects, cache: Path | None = None) -> None:
        """Take the objects, and the folder for copies if it is not the one that the settings say."""
        self.objects = objects
        self.url = objects.url
        self.copies = Copies(cache or cache_folder(objects.url), objects.url, objects.get_file)

    def check_writable(self) -> None:
        """See :meth:`Store.check_writable`; the folder for copies counts too."""
        with self.copies.writing():
            path = self.copies.scratch()
            path.touch()
            path.unlink()
        self.objects.check_writable()

    @contextmanager
    def publish(self, key: str) -> Iterator[Draft]:
        """See :meth:`Store.publish`."""
        check_key(key)
        with self.copies.writing():
            folder = self.copies.scratch()
            folder.mkdir()
        draft = Draft(folder)
        try:
            with self.copies.writing(NO_ROOM):  # the caller's own writes into the draft meet a full disk too
                yield draft
            draft.published = self._upload(draft, key)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def find(self, key: str, *, verify: bool = False) -> Artifact | None:
        """See :meth:`Store.find`; bytes are read only where the store has no tags that speak for them."""
        marker = self._marker(key)
        if marker is None or not verify:
            return None if marker is None else marker.artifact
        seen = {found.key: found for found in self.objects.list(marker.home)}
        for name, entry in marker.artifact.files.items():
            found = seen.get(f"{marker.home}/{name}")
            if found is None or found.size != entry.size:
                return None
            if found.tag is not None and name in marker.tags:
                if found.tag != marker.tags[name]:
                    return None
            else:
                try:
                    self.copies.check(marker, name)
                except DamagedError:
                    return None
        return marker.artifact

    def local_path(self, key: str, name: str) -> Path:
        """See :meth:`Store.local_path`: a copy on this machine, fetched if it is not there or not intact."""
        known = self.copies.known(key, name)
        if known is not None:
            return known
        marker = self._marker(key)
        if marker is None or name not in marker.artifact.files:
            raise self.missing(f"{key}/{name}")
        return self.copies.get(marker, name)

    def local_folder(self, key: str) -> Path:
        """See :meth:`Store.local_folder`; the files are fetched side by side."""
        marker = self._marker(key)
        if marker is None or not marker.artifact.files:
            raise self.missing(key)
        together(lambda name: self.copies.get(marker, name), marker.artifact.files, THREADS)
        return self.copies.place(marker)

    def list(self, prefix: str) -> Iterator[str]:
        """See :meth:`Store.list`: one listing, whatever it finds."""
        tail = f"/{MARKER}"
        found = (each.key for each in self.objects.list(check_key(prefix)))
        last = None
        for key in sorted((name.removesuffix(tail) for name in found if name.endswith(tail)), key=_parts):
            if last is None or not key.startswith(f"{last}/"):
                last = key
                yield key

    def create_exclusive(self, key: str, data: bytes) -> bool:
        """See :meth:`Store.create_exclusive`."""
        return self.objects.put_new(check_key(key), data)

    def read_file(self, key: str) -> bytes | None:
        """See :meth:`Store.read_file`."""
        return self.objects.get(check_key(key))

    def list_files(self, prefix: str) -> Iterator[str]:
        """See :meth:`Store.list_files`."""
        yield from sorted(found.key for found in self.objects.list(check_key(prefix), deep=False))

    def remove(self, key: str) -> None:
        """See :meth:`Store.remove`; the copies on this machine go too."""
        below = [found.key for found in self.objects.list(check_key(key))]
        self.objects.delete([name for name in below if name.rpartition("/")[2] == MARKER])
        self.objects.delete([key, *(name for name in below if name.rpartition("/")[2] != MARKER)])
        self.copies.forget(key)

    def refresh(self) -> None:
        """See :meth:`Store.refresh`."""
        self.objects.refresh()

    def discard(self, keys: Iterable[str]) -> None:
        """See :meth:`Store.discard`."""
        self.objects.delete(keys)

    def writer_of(self, key: str) -> str | None:
        """See :meth:`Store.writer_of`."""
        marker = self._marker(key)
        return None if marker is None else marker.writer

    def unfinished(self, before: float) -> Sequence[str]:
        """See :meth:`Store.unfinished`."""
        return self.objects.unfinished(before)

    def abandon(self, writes: Iterable[str]) -> None:
        """See :meth:`Store.abandon`."""
        self.objects.abandon(writes)

    def walk(self, folder: str = "") -> Iterator[Stored]:
        """See :meth:`Store.walk`."""
        return self.objects.list(check_key(folder) if folder else "")

    def _marker(self, key: str) -> Marker | None:
        """Return the marker of an artifact, None if there is none that can be read."""
        data = self.objects.get(f"{check_key(key)}/{MARKER}")
        with suppress(DamagedError):
            return None if data is None else Marker.from_json(key, data)
        return None

    def _upload(self, draft: Draft, key: str) -> bool:
        """Carry a draft into the store, its marker last; False if a whole artifact was there first."""
        paths, files = draft.paths(), draft.entries()
        writer = uuid.uuid4().hex
        home = f"{key}/{FILES}/{writer}"
        names = [f"{home}/{name}" for name in files]
        try:
            together(lambda name: self.objects.put_file(f"{home}/{name}", paths[name]), files, THREADS)
            seen = {found.key: found for found in self.objects.list(home)} if files else {}
            for name, entry in files.items():
                found = seen.get(f"{home}/{name}")
                if found is None or found.size != entry.size:
                    raise StoreError(f"The store {self.url} took {key}/{name} and does not have all of it.")
        except BaseException:
            with suppress(Exception):
                self.objects.delete(names)
            raise
        tags = {name: tag for name in files if (tag := seen[f"{home}/{name}"].tag) is not None}
        marker = Marker(Artifact(key, files, draft.info), writer, tags)
        for _ in range(3):
            # from here on the files may be those of a marker, so an error leaves them where they are
            if self.objects.put_new(f"{key}/{MARKER}", marker.to_json()):
                self.copies.keep(marker, draft.folder)
                return True
            if self.find(key, verify=True) is not None:
                self.objects.delete(names)
                return False
            damaged = self._marker(key)
            self.objects.delete([f"{key}/{MARKER}"])
            if damaged is not None:
                self.objects.delete([f"{damaged.home}/{name}" for name in damaged.artifact.files])
        raise StoreError(f"{key} cannot be written to {self.url}: others keep changing it.")


def _parts(key: str) -> list[str]:
    return key.split("/")
