"""An exported data set as it is found, a folder or a tar file: read without unpacking, and checked file by file."""

import hashlib
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from acento.core.errors import DataError, InputError
from acento.core.store import FileEntry
from acento.core.store.base import check_key
from acento.data.export import FORMAT, LISTING

_BLOCK = 1 << 20


@dataclass(slots=True)
class DatasetExport:
    """What was exported: ``files`` lists what belongs to it, by name, with size and SHA-256."""

    place: Path
    version: int = 0
    name: str = ""
    fingerprint: str = ""
    ancestors: list[str] = field(default_factory=list)
    files: Mapping[str, FileEntry] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)
    """For each part what its marker says beside its files."""
    _tar: tarfile.TarFile | None = None
    _members: dict[str, tarfile.TarInfo] = field(default_factory=dict)

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open a file for reading, at any position.

        Raises:
            DataError: it is missing.
        """
        if not self._has(name):
            raise DataError(f"{self.place} is not whole: {name} is missing; copy the export again.")
        try:
            stream = self._tar.extractfile(self._members[name]) if self._tar else (self.place / name).open("rb")
        except OSError as error:
            raise DataError(f"{self.place / name} cannot be read ({error.strerror}).") from error
        assert stream is not None  # every member is a regular file
        try:
            with stream:
                yield stream
        except tarfile.ReadError:  # cut short
            raise self.damaged(name) from None

    def read(self, name: str) -> bytes:
        """Return the bytes of a small file, checked."""
        with self.open(name) as stream:
            data = stream.read()
        if hashlib.sha256(data).hexdigest() != self.files[name].sha256:
            raise self.damaged(name)
        return data

    def check(self, name: str, copy_to: Path | None = None) -> None:
        """Compare a file with its size and checksum, and write it to a path on the way.

        Raises:
            DataError: it is missing, or its bytes are not those that were exported.
        """
        digest, size = hashlib.sha256(), 0
        with self.open(name) as stream, copy_to.open("wb") if copy_to else nullcontext() as copy:
            while block := stream.read(_BLOCK):
                digest.update(block)
                size += len(block)
                if copy is not None:
                    copy.write(block)
        if (size, digest.hexdigest()) != (self.files[name].size, self.files[name].sha256):
            raise self.damaged(name)

    def damaged(self, name: str) -> DataError:
        """Return the error that says that a file is not as it was exported."""
        return DataError(f"{self.place} is damaged: {name} is not as it was exported; copy the export again.")

    def names_under(self, key: str) -> list[str]:
        """Return the names of the files of one part, without the part's key."""
        return [name.removeprefix(f"{key}/") for name in self.files if name.startswith(f"{key}/")]

    def read_listing(self) -> None:
        """Take over what ``export.json`` says.

        Raises:
            DataError: there is none, or it cannot be understood.
        """
        if not self._has(LISTING):
            raise DataError(
                f"{self.place} is no exported data set: it has no {LISTING} (acento datasets export makes one)."
            )
        with self.open(LISTING) as stream:
            data = stream.read()
        try:
            body = json.loads(data)
            if body["format"] > FORMAT:
                raise DataError(f"{self.place} was exported by a newer Acento: update this one to import it.")
            self.files = {check_key(name): FileEntry(**entry) for name, entry in body["files"].items()}
            self.name, self.version, self.fingerprint = body["name"], body["version"], body["fingerprint"]
            self.ancestors, self.info = body["ancestors"], body["info"]
        except (ValueError, KeyError, TypeError, AttributeError, InputError) as error:
            if isinstance(error, DataError):
                raise
            raise self.damaged(LISTING) from error

    def _has(self, name: str) -> bool:
        return name in self._members if self._tar else (self.place / name).is_file()


@contextmanager
def open_export(place: Path) -> Iterator[DatasetExport]:
    """Open an exported data set and read its listing.

    Raises:
        DataError: nothing is there, or it is no export.
    """
    place = place.expanduser()
    if place.is_dir():
        exported = DatasetExport(place)
        exported.read_listing()
        yield exported
        return
    if not place.is_file():
        raise DataError(f"There is nothing at {str(place)!r} to import.")
    try:
        tar = tarfile.open(place, "r:")  # noqa: SIM115  (closed below; an error while opening is a sentence)
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"{place} is no exported data set: it is not a tar file ({error}).") from error
    with tar:
        exported = DatasetExport(place, _tar=tar, _members=_members(tar))
        exported.read_listing()
        yield exported


def _members(tar: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    """Return the regular files of a tar by their names below the folder that holds the listing; links are none."""
    found: dict[str, tarfile.TarInfo] = {}
    try:
        for member in tar:
            if member.isreg():
                found[member.name.removeprefix("./")] = member
    except tarfile.TarError:
        pass  # cut short: what is missing is said by its name later
    listing = min((name for name in found if f"/{name}".endswith(f"/{LISTING}")), key=len, default=LISTING)
    folder = listing.removesuffix(LISTING)
    return {name.removeprefix(folder): member for name, member in found.items() if name.startswith(folder)}
