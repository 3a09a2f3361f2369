"""Import an exported data set, a folder or a tar file: every byte is checked first, then all comes in, or nothing.

Parts keep their keys, and the version its fingerprint and number, so that plans and results made elsewhere hold here.
"""

import hashlib
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
from pydantic import ValidationError

from acento.core.errors import DataError, InputError
from acento.core.fingerprint import fingerprint
from acento.core.progress import report
from acento.core.store import Draft, FileEntry, Store
from acento.core.store.base import check_key
from acento.data.dataset import CLIPS, REJECTED, Card, cards_of
from acento.data.export import CARD, FORMAT, LISTING
from acento.data.staging import check_name
from acento.data.staging.chunk import STAGING_VERSION
from acento.data.staging.known import Known, content_of, known_clips

_BLOCK = 1 << 20


@dataclass(slots=True)
class DatasetExport:
    """An export; ``files`` lists what belongs to it, by name, with size and SHA-256."""

    place: Path
    _tar: tarfile.TarFile | None = None
    _members: Mapping[str, tarfile.TarInfo] = field(default_factory=dict)
    version: int = 0
    name: str = ""
    fingerprint: str = ""
    ancestors: list[str] = field(default_factory=list)
    files: Mapping[str, FileEntry] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)
    """For each part what its marker says beside its files."""

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open a file for reading, at any position; raise DataError if it is missing."""
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

    def check(self, name: str, copy_to: Path | None = None) -> None:
        """Compare a file with its size and checksum, write it to a path on the way; raise DataError if it differs."""
        digest, size = hashlib.sha256(), 0
        with self.open(name) as stream, copy_to.open("wb") if copy_to else nullcontext() as copy:
            while block := stream.read(_BLOCK):
                digest.update(block)
                size += len(block)
                if copy is not None:
                    copy.write(block)
        if (size, digest.hexdigest()) != (self.files[name].size, self.files[name].sha256):
            raise self.damaged(name)

    def copy(self, key: str, draft: Draft) -> None:
        """Write the files of a part into a draft, checked on the way."""
        for name in self.files:
            if name.startswith(f"{key}/"):
                self.check(name, copy_to=draft.folder / name.removeprefix(f"{key}/"))
        draft.info.update(self.info[key])

    def damaged(self, name: str) -> DataError:
        """Return the error that says that a file is not as it was exported."""
        return DataError(f"{self.place} is damaged: {name} is not as it was exported; copy the export again.")

    def read_listing(self) -> None:
        """Read ``export.json``; raise DataError if it is missing or cannot be understood."""
        if not self._has(LISTING):
            missing = f"it has no {LISTING} (acento datasets export makes one)"
            raise DataError(f"{self.place} is no exported data set: {missing}.")
        with self.open(LISTING) as stream:
            data = stream.read()
        try:
            body = json.loads(data)
            if body["format"] > FORMAT:
                raise DataError(f"{self.place} was exported by a newer Acento: update this one to import it.")
            self.files = {check_key(name): FileEntry(**entry) for name, entry in body["files"].items()}
            self.name, self.version, self.fingerprint = body["name"], body["version"], body["fingerprint"]
            self.ancestors, self.info = body["ancestors"], body["info"]
        except DataError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, InputError) as error:
            raise self.damaged(LISTING) from error

    def _has(self, name: str) -> bool:
        return name in self._members if self._tar else (self.place / name).is_file()


@dataclass(frozen=True, slots=True)
class Imported:
    """The version as this store has it; ``new`` is False when it was there before."""

    card: Card
    new: bool


def import_dataset(store: Store, place: Path, name: str | None = None) -> Imported:
    """Import what ``export`` wrote, a folder or a tar file, under its own name or another.

    A data set of that name in the store must be one that this version continues, or that continues it. Where the
    version is in the store already, only parts that have gone are imported.

    Raises:
        DataError: it is no export, not whole, damaged, or the name belongs to another data set.
        StoreError: the store cannot be written.
    """
    with _open_export(place) as exported:
        card = _card(exported, name)
        there = cards_of(store, card.name)
        same = _same(there, card)
        if same is None:
            card = card.model_copy(update={"version": _number(there, card, exported, store.url)})
        elif all(store.find(part.key) is not None for part in same.parts):
            return Imported(same, new=False)
        _check(exported, card)
        for done, part in enumerate(card.parts):
            report(f"import {card.title}", done, len(card.parts), "parts")
            if store.find(part.key, verify=True) is None:
                with store.publish(part.key) as draft:
                    exported.copy(part.key, draft)
        if same is not None:
            return Imported(same, new=False)
        with store.publish(card.key) as draft:
            exported.check(REJECTED, copy_to=draft.folder / REJECTED)
            if (card.name, card.version) == (exported.name, exported.version):
                exported.check(CARD, copy_to=draft.folder / CARD)
            else:
                (draft.folder / CARD).write_text(card.model_dump_json(indent=1), encoding="utf-8")
    if draft.published:
        return Imported(card, new=True)
    first = _same(cards_of(store, card.name), card)
    if first is None:
        raise DataError(f"Another process made {card.title} in {store.url} just now: run the same command again.")
    return Imported(first, new=False)


def _card(exported: DatasetExport, name: str | None) -> Card:
    """Return the exported card, under the name that it shall have."""
    try:
        exported.check(CARD)
        with exported.open(CARD) as stream:
            card = Card.model_validate_json(stream.read())
    except (ValidationError, KeyError):
        raise exported.damaged(CARD) from None
    if (card.name, card.version, card.fingerprint) != (exported.name, exported.version, exported.fingerprint):
        raise exported.damaged(CARD)
    if name is not None:
        check_name(name)
    return card.model_copy(update={"name": name or card.name})


def _same(there: Sequence[Card], card: Card) -> Card | None:
    return next((known for known in there if known.fingerprint == card.fingerprint), None)


def _number(there: Sequence[Card], card: Card, exported: DatasetExport, store: str) -> int:
    """Return the number of the new version: its own, or the next one where that is taken."""
    if not there:
        return card.version
    latest = there[-1]
    if latest.fingerprint in exported.ancestors:
        return max(card.version, latest.version + 1)
    continued = any(known.parent == card.fingerprint and known.version > card.version for known in there)
    if continued and card.version not in {known.version for known in there}:
        return card.version
    raise DataError(
        f"{latest.title} in {store} is not what {exported.place} continues (v{exported.version} of "
        f"{exported.name!r}): import it under another name with --name."
    )


def _check(exported: DatasetExport, card: Card) -> None:
    """Check every file, and that the clips in the parts are those of the card's fingerprint."""
    clips: dict[str, Known] = {}
    for name in (CARD, REJECTED, *(f"{part.key}/{CLIPS}" for part in card.parts)):
        if name not in exported.files:
            raise exported.damaged(name)
    for done, name in enumerate(exported.files):
        report(f"check {card.title}", done, len(exported.files), "files")
        exported.check(name)
    for part in card.parts:
        try:
            with exported.open(f"{part.key}/{CLIPS}") as stream:
                known = dict(known_clips(part.key, stream))
        except (pa.ArrowException, KeyError, ValueError):
            raise exported.damaged(f"{part.key}/{CLIPS}") from None
        if len(known) != part.clips or exported.info.get(part.key, {}).get("clips") != part.clips:
            raise exported.damaged(f"{part.key}/{CLIPS}")
        clips.update(known)
    total = content_of(clips.values())
    possible = {fingerprint([number, card.options, total]) for number in range(1, STAGING_VERSION + 1)}
    if len(clips) != card.clips or card.fingerprint not in possible:
        raise DataError(
            f"{exported.place} is damaged, or was staged by a newer Acento: the fingerprint in {CARD} is not that of "
            "its clips; export it again."
        )


@contextmanager
def _open_export(place: Path) -> Iterator[DatasetExport]:
    place = place.expanduser()
    if not place.is_dir() and not place.is_file():
        raise DataError(f"There is nothing at {str(place)!r} to import.")
    try:
        tar = None if place.is_dir() else tarfile.open(place, "r:")  # noqa: SIM115  (closed below)
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"{place} is no exported data set: it is not a tar file ({error}).") from error
    with tar or nullcontext():
        exported = DatasetExport(place, tar, _members(tar) if tar else {})
        exported.read_listing()
        yield exported


def _members(tar: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    """Return the regular files of a tar by their names below the folder that holds the listing; links are none."""
    found: dict[str, tarfile.TarInfo] = {}
    with suppress(tarfile.TarError):  # cut short: what is missing is said by its name later
        for member in tar:
            if member.isreg():
                found[member.name.removeprefix("./")] = member
    listing = min((name for name in found if f"/{name}".endswith(f"/{LISTING}")), key=len, default=LISTING)
    folder = listing.removesuffix(LISTING)
    return {name.removeprefix(folder): member for name, member in found.items() if name.startswith(folder)}
