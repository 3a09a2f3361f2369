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
from dataclasses import replace
from pathlib import Path

from acento.core.errors import DamagedError, StoreError
from acento.core.store.base import FILES, MARKER, NO_ROOM, Artifact, Draft, Store, Stored, check_key, together
from acento.core.store.copies import Copies, cache_folder

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

    def refresh(self) -> None:  # noqa: B027 - for those that do not show it at once
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
        artifact = self._marker(key)
        if artifact is None or not verify:
            return artifact
        tags = self._tags(artifact)
        if tags is None:
            return None
        with suppress(DamagedError):
            for name in artifact.files:
                if name not in tags or name not in artifact.tags:
                    self.copies.check(artifact, name)
                elif tags[name] != artifact.tags[name]:
                    return None
            return artifact
        return None

    def local_path(self, key: str, name: str) -> Path:
        """See :meth:`Store.local_path`: a copy on this machine, fetched if it is not there or not intact."""
        known = self.copies.known(key, name)
        if known is not None:
            return known
        artifact = self._marker(key)
        if artifact is None or name not in artifact.files:
            raise self.missing(f"{key}/{name}")
        return self.copies.get(artifact, name)

    def local_folder(self, key: str) -> Path:
        """See :meth:`Store.local_folder`; the files are fetched side by side."""
        artifact = self._marker(key)
        if artifact is None or not artifact.files:
            raise self.missing(key)
        together(lambda name: self.copies.get(artifact, name), artifact.files, THREADS)
        return self.copies.place(artifact)

    def list(self, prefix: str) -> Iterator[str]:
        """See :meth:`Store.list`: one listing, whatever it finds."""
        tail = f"/{MARKER}"
        found = (each.key for each in self.objects.list(check_key(prefix)))
        last = None
        for key in sorted(
            (name.removesuffix(tail) for name in found if name.endswith(tail)), key=lambda key: key.split("/")
        ):
            if last is None or not key.startswith(f"{last}/"):
                last = key
                yield key

    def create_exclusive(self, key: str, data: bytes) -> bool:
        return self.objects.put_new(check_key(key), data)

    def read_file(self, key: str) -> bytes | None:
        return self.objects.get(check_key(key))

    def list_files(self, prefix: str) -> Iterator[str]:
        yield from sorted(found.key for found in self.objects.list(check_key(prefix), deep=False))

    def remove(self, key: str) -> None:
        """See :meth:`Store.remove`; the copies on this machine go too."""
        below = [found.key for found in self.objects.list(check_key(key))]
        self.objects.delete([name for name in below if name.rpartition("/")[2] == MARKER])
        self.objects.delete([key, *(name for name in below if name.rpartition("/")[2] != MARKER)])
        self.copies.forget(key)

    def refresh(self) -> None:
        self.objects.refresh()

    def discard(self, keys: Iterable[str]) -> None:
        self.objects.delete(keys)

    def unfinished(self, before: float) -> Sequence[str]:
        return self.objects.unfinished(before)

    def abandon(self, writes: Iterable[str]) -> None:
        self.objects.abandon(writes)

    def walk(self, folder: str = "") -> Iterator[Stored]:
        return self.objects.list(check_key(folder) if folder else "")

    def _marker(self, key: str) -> Artifact | None:
        """Return what the marker of an artifact says, None if there is none that can be read."""
        data = self.objects.get(f"{check_key(key)}/{MARKER}")
        with suppress(DamagedError):
            artifact = None if data is None else Artifact.from_json(key, data)
            return artifact if artifact is not None and artifact.writer else None
        return None

    def _tags(self, artifact: Artifact) -> dict[str, str] | None:
        """Return what the store says of an artifact's files; None if one is not there or has another size."""
        stored = {each.key: each for each in self.objects.list(artifact.home)} if artifact.files else {}
        found = {name: stored.get(f"{artifact.home}/{name}") for name in artifact.files}
        if any(one is None or one.size != artifact.files[name].size for name, one in found.items()):
            return None
        return {name: one.tag for name, one in found.items() if one is not None and one.tag is not None}

    def _upload(self, draft: Draft, key: str) -> bool:
        """Carry a draft into the store, its marker last; False if a whole artifact was there first."""
        paths = draft.paths()
        artifact = Artifact(key, draft.entries(), draft.info, uuid.uuid4().hex)
        names = {name: f"{artifact.home}/{name}" for name in artifact.files}
        try:
            together(lambda name: self.objects.put_file(names[name], paths[name]), names, THREADS)
            tags = self._tags(artifact)
            if tags is None:
                raise StoreError(f"The store {self.url} took the files of {key} and does not have all of them.")
        except BaseException:
            with suppress(Exception):
                self.objects.delete(names.values())
            raise
        artifact = replace(artifact, tags=tags)
        for _ in range(3):
            # from here on the files may be those of a marker, so an error leaves them where they are
            if self.objects.put_new(f"{key}/{MARKER}", artifact.to_json()):
                self.copies.keep(artifact, draft.folder)
                return True
            if self.find(key, verify=True) is not None:
                self.objects.delete(names.values())
                return False
            damaged = self._marker(key)
            self.objects.delete([f"{key}/{MARKER}"])
            if damaged is not None:
                self.objects.delete([f"{damaged.home}/{name}" for name in damaged.files])
        raise StoreError(f"{key} cannot be written to {self.url}: others keep changing it.")
