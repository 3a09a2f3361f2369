"""The store's protocol: artifacts that are whole or absent, and small files that exactly one writer creates.

An *artifact* is a folder of files under a key such as ``jobs/<fingerprint>/attempt-1``. It is published at once, its
marker last; nothing in it changes afterwards. A store that knows no rename (S3, a Modal volume) uploads the files and
then the marker; the local folder renames. Whoever reads sees either nothing or all of it.
"""

import errno
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from acento.core.errors import DamagedError, InputError, StoreError
from acento.core.fingerprint import sha256_file

MARKER = "_complete.json"
"""The file, written last, that says that an artifact is whole and lists its files."""

FILES = "_files"
"""In a store without rename: the folder of an artifact in which each of its writers has a folder for its files."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""What a disk says that is full or may not be written."""

_One = TypeVar("_One")
_Done = TypeVar("_Done")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of an artifact: its size in bytes and SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Stored:
    """One file as it lies in the store, whatever it is part of."""

    key: str
    """Its name below the store's root."""
    size: int
    """Bytes."""
    modified: float
    """When it was written, in seconds since 1970 by the store's clock."""
    tag: str | None = None
    """What the store itself says of the bytes and changes with them (S3: the ETag); None if it says nothing."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """What the marker of a published artifact says."""

    key: str
    files: Mapping[str, FileEntry]
    info: Mapping[str, Any] = field(default_factory=dict)
    writer: str = field(default="", compare=False)
    """In a store without rename: whose files are meant."""
    tags: Mapping[str, str] = field(default_factory=dict, compare=False)
    """In a store without rename: the tag (see :class:`Stored`) of each file by its name."""

    @property
    def home(self) -> str:
        """The folder with the files, in a store without rename."""
        return f"{self.key}/{FILES}/{self.writer}"

    def to_json(self) -> bytes:
        """Return the marker's bytes: JSON, sorted, so that equal artifacts have equal markers."""
        files = {name: asdict(entry) for name, entry in self.files.items()}
        body: dict[str, Any] = {"files": files, "info": dict(self.info)}
        if self.writer:
            body |= {"writer": self.writer, "tags": dict(self.tags)}
        return json.dumps(body, sort_keys=True, indent=1, ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, key: str, data: bytes) -> "Artifact":
        """Read a marker.

        Raises:
            DamagedError: the bytes are no marker.
        """
        try:
            body = json.loads(data)
            files = {inside(name): FileEntry(**entry) for name, entry in body["files"].items()}
            writer = check_key(body["writer"]) if "writer" in body else ""
            return cls(key, files, body["info"], writer, dict(body.get("tags", {})))
        except (InputError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedError(f"The marker of {key} is damaged ({error}).") from error


@dataclass(slots=True)
class Draft:
    """An artifact while it is written: put files into ``folder`` and facts into ``info``.

    ``published`` tells afterwards whether this draft became the artifact; it is False when another writer was first.
    """

    folder: Path
    info: dict[str, Any] = field(default_factory=dict)
    published: bool = False

    def paths(self) -> dict[str, Path]:
        """Return the files by their names, sorted."""
        return {
            path.relative_to(self.folder).as_posix(): path for path in sorted(self.folder.rglob("*")) if path.is_file()
        }

    def entries(self) -> dict[str, FileEntry]:
        """Return what a marker says of the files, which are read for it."""
        return {name: FileEntry(path.stat().st_size, sha256_file(path)) for name, path in self.paths().items()}


class Store(ABC):
    """Where artifacts live; ``url`` says where that is."""

    url: str

    @abstractmethod
    def check_writable(self) -> None:
        """See that something can be written here, before work begins whose result would have no place.

        Raises:
            StoreError: the store cannot be written.
        """

    @abstractmethod
    def publish(self, key: str) -> AbstractContextManager[Draft]:
        """Write an artifact: all of it appears under ``key`` when the block ends, none of it when it raises.

        If a whole artifact is there already, that one stays (the same key means the same content) and
        ``Draft.published`` is False. One that is damaged is replaced.

        Raises:
            StoreError: the store cannot be written.
        """

    @abstractmethod
    def find(self, key: str, *, verify: bool = False) -> Artifact | None:
        """Return the artifact, or None when it is absent or not whole; ``verify`` also compares every checksum."""

    @abstractmethod
    def local_path(self, key: str, name: str) -> Path:
        """Return a local path of one file of an artifact, its checksum verified; treat it as read-only.

        Raises:
            StoreError: there is no such artifact or file.
            DamagedError: the bytes are not those that were published.
        """

    def local_folder(self, key: str) -> Path:
        """Return a local folder with all files of an artifact, their checksums verified; treat it as read-only.

        Raises:
            StoreError: there is no such artifact.
            DamagedError: the bytes are not those that were published.
        """
        artifact = self.find(key)
        if artifact is None or not artifact.files:
            raise self.missing(key)
        return {self.local_path(key, file).parents[file.count("/")] for file in artifact.files}.pop()

    @abstractmethod
    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys of the whole artifacts below a folder such as ``runs``, sorted."""

    @abstractmethod
    def create_exclusive(self, key: str, data: bytes) -> bool:
        """Create a small file, whole or not at all; return False, changing nothing, if it exists already."""

    @abstractmethod
    def read_file(self, key: str) -> bytes | None:
        """Return what ``create_exclusive`` wrote under this key, or None."""

    @abstractmethod
    def list_files(self, prefix: str) -> Iterator[str]:
        """Yield the keys of the files made by ``create_exclusive`` directly in this folder, sorted."""

    @abstractmethod
    def remove(self, key: str) -> None:
        """Remove an artifact or a small file; the marker goes first, so that a kill leaves nothing half-whole."""

    def refresh(self) -> None:  # noqa: B027 - for stores that do not show it at once
        """Make what other machines wrote visible here."""

    @abstractmethod
    def discard(self, keys: Iterable[str]) -> None:
        """Delete single files, as ``walk`` names them, that belong to nothing that is whole."""

    def unfinished(self, before: float) -> Sequence[str]:  # noqa: ARG002 - for stores that have such writes
        """Return the names of writes, begun before a time and never ended, that ``walk`` does not show."""
        return []

    def abandon(self, writes: Iterable[str]) -> None:  # noqa: B027 - for stores that have such writes
        """Clear away what such writes left."""

    @abstractmethod
    def walk(self, folder: str = "") -> Iterator[Stored]:
        """Yield every file that lies below a folder, or in the whole store: markers and leftovers of the dead too."""

    def missing(self, key: str) -> StoreError:
        """Return the error that says that something is not here."""
        return StoreError(f"{key} is not in the store {self.url}; run again the step that makes it.")

    def read_bytes(self, key: str, name: str) -> bytes:
        """Return the bytes of one file of an artifact, checksum verified; raises as ``local_path`` does."""
        return self.local_path(key, name).read_bytes()


def together(do: Callable[[_One], _Done], each: Iterable[_One], at_once: int) -> list[_Done]:
    """Do something for several at a time, in threads; what one raises is raised when all have ended."""
    ones = [*each]
    if len(ones) < 2:
        return [do(one) for one in ones]
    with ThreadPoolExecutor(min(at_once, len(ones)), thread_name_prefix="store") as threads:
        return [*threads.map(do, ones)]


@contextmanager
def writing(what: str, remedy: str, numbers: Sequence[int] = ()) -> Iterator[None]:
    """Raise one sentence for an ``OSError`` of the block; only for one of these numbers, if any are given."""
    try:
        yield
    except OSError as error:
        if numbers and error.errno not in numbers:
            raise
        raise StoreError(f"{what} cannot be written ({error.strerror or error}); {remedy}.") from error


def inside(name: str) -> str:
    """Return the name of an artifact's file if it stays inside the artifact.

    Raises:
        ValueError: it is empty, absolute, or climbs out.
    """
    if not name or name.startswith("/") or ".." in name.split("/") or "\0" in name:
        raise ValueError(f"{name!r} is no name of a file")
    return name


def check_key(key: str) -> str:
    """Return the key if it stays inside the store: parts of letters, digits and ``._-+=@,`` between slashes.

    Raises:
        InputError: it is empty, absolute, hidden, or climbs out.
    """
    for part in key.split("/"):
        if not part or part.startswith(".") or not all(c.isalnum() or c in "._-+=@," for c in part):
            raise InputError(f"{key!r} cannot name anything in the store: use letters, digits, '.', '_' and '-'.")
    return key
