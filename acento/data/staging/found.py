"""List a source: every input once, and the digest of every recording."""

import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from sys import intern
from typing import Any, Self

from acento.core.audio.recording import channels_of
from acento.core.fingerprint import sha256_file
from acento.core.store.base import together
from acento.data.sources.base import Rejection, RejectReason, Source, SourceItem, split_of_folders, stretch, stretch_of
from acento.data.splits import prompt_of

_AT_ONCE = 1024
_FACTS = struct.Struct("<32sqq")


class SourceFile(bytes):
    """A recording's SHA-256, size (bytes) and time of its last change (ns), in 48 bytes: there may be a million."""

    __slots__ = ()

    def __new__(cls, sha256: str, size: int, changed_ns: int) -> Self:
        """Pack the facts; the digest in up to 64 hexadecimal digits."""
        return super().__new__(cls, _FACTS.pack(bytes.fromhex(sha256.zfill(64)), size, changed_ns))

    def __getnewargs__(self) -> tuple[str, int, int]:  # type: ignore[override]
        """Let it be pickled."""
        return self.sha256, *self._size_and_time

    @property
    def sha256(self) -> str:
        """The digest in 64 hexadecimal digits."""
        return self[:32].hex()

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size_and_time[0]

    def is_still(self, path: Path) -> bool:
        """Tell whether the file at the path is as it was when it was hashed."""
        with suppress(OSError):
            status = path.stat()
            return (status.st_size, status.st_mtime_ns) == self._size_and_time
        return False

    @property
    def _size_and_time(self) -> tuple[int, int]:
        _, size, changed_ns = _FACTS.unpack(self)
        return size, changed_ns


class FoundItem(SourceItem):
    """An item in little memory: no ``Path``, and where a path ends with the item's origin, only its interned folder."""

    __slots__ = ()

    @property
    def path(self) -> Path:
        """Where the recording is."""
        kept = _PLACE.__get__(self)
        return Path(kept + _whole(self.origin) if kept.endswith(os.sep) else kept)

    @path.setter
    def path(self, path: Path) -> None:
        _PLACE.__set__(self, str(path))

    @classmethod
    def of(cls, item: SourceItem) -> "FoundItem":
        """Return the item as it is kept."""
        facts = {field.name: getattr(item, field.name) for field in fields(item)}
        repeated = ("split", "language", "speaker", "accent")
        kept = cls(**facts | {name: intern(facts[name]) for name in repeated if facts[name] is not None})
        path, whole = str(item.path), _whole(item.origin)
        if whole and path.endswith(os.sep + whole):
            _PLACE.__set__(kept, intern(path[: -len(whole)]))
        return kept


_PLACE: Any = SourceItem.__dict__["path"]
"""The slot in which a ``FoundItem`` keeps a folder, with a separator at its end, or a whole path, without one."""


def _whole(origin: str) -> str:
    """Return an origin without the stretch of the file."""
    return origin.removesuffix(stretch_of(origin))


@dataclass(frozen=True)
class Found:
    """A source's inputs: items sorted by id, each with its file at the same place, and those rejected already."""

    kept: tuple[SourceItem, ...]
    files: tuple[SourceFile, ...]
    rejections: tuple[Rejection, ...]
    lists: frozenset[str]
    notes: tuple[str, ...] = ()
    """What a person should know of the source, a sentence each."""

    @property
    def items(self) -> Iterator[tuple[SourceItem, SourceFile]]:
        """The items, each with its file."""
        return zip(self.kept, self.files, strict=True)

    @property
    def count(self) -> int:
        """How many inputs were found."""
        return len(self.kept) + len(self.rejections)

    @cached_property
    def ids(self) -> frozenset[str]:
        """The ids of all inputs; made when they are asked for, which the first staging of a source does not."""
        return frozenset([*(item.id for item in self.kept), *(row.id for row in self.rejections)])

    @cached_property
    def origins(self) -> frozenset[str]:
        """The origins of all inputs; see ``ids``."""
        return frozenset([*(item.origin for item in self.kept), *(row.source for row in self.rejections)])


def find_inputs(source: Source, workers: int) -> Found:
    """List a source and hash its recordings by so many threads, whatever the order of its listing.

    Keeps some 500 bytes for each input with a short text. Raises DataError if the source as a whole cannot be read.
    """
    items: list[SourceItem] = []
    rejections: list[Rejection] = []
    for entry in source.items():
        usable = _usable(entry, source)
        if isinstance(usable, Rejection):
            rejections.append(usable)
        else:
            items.append(FoundItem.of(usable))
    items.sort(key=lambda item: (item.id, item.origin, item.split or "", item.text))
    files = _hashed(items, workers)
    kept: list[SourceItem] = []
    hashed: list[SourceFile] = []
    disputed = _with_several_texts(items)
    for index, (item, file) in enumerate(zip(items, files, strict=True)):
        if index in disputed:
            rejections.append(Rejection(item.id, item.origin, RejectReason.BAD_ROW, disputed[index]))
        elif kept and item.id == kept[-1].id:
            detail = f"The id {item.id} is that of {kept[-1].origin} already."
            rejections.append(Rejection(item.id, item.origin, RejectReason.DUPLICATE_ID, detail))
        elif isinstance(file, str):
            rejections.append(
                Rejection(item.id, item.origin, RejectReason.UNREADABLE, f"The file cannot be read ({file}).")
            )
        else:
            kept.append(item)
            hashed.append(file)
    return Found(tuple(kept), tuple(hashed), tuple(rejections), frozenset(source.lists), tuple(source.notes))


def _with_several_texts(items: Sequence[SourceItem]) -> dict[int, str]:
    """Return why those items are left out that give one part of one recording texts of different words, by index."""
    disputed: dict[int, str] = {}
    places = [_part(item) for item in items]
    for _, group in groupby(sorted(range(len(items)), key=places.__getitem__), key=places.__getitem__):
        indices = list(group)
        if len(indices) > 1 and len({prompt_of(items[index].text) for index in indices}) > 1:
            texts = " and ".join(sorted({f"{items[index].text[:60]!r}" for index in indices})[:2])
            detail = f"It has several texts, such as {texts}: leave only the right one in the source."
            disputed |= dict.fromkeys(indices, detail)
    return disputed


def _part(item: SourceItem) -> int:
    """Return a number for the part of a recording that an item is: of a million items the names would take too much."""
    kept = _PLACE.__get__(item)
    return hash((kept, item.origin if kept.endswith(os.sep) else stretch_of(item.origin)))


def _usable(entry: SourceItem | Rejection, source: Source) -> SourceItem | Rejection:
    """Return an entry as it may be stored: an id, a text of one line, all in UTF-8, the split of its folder."""
    if isinstance(entry, Rejection):
        return replace(entry, id=in_utf8(entry.id), source=in_utf8(entry.source), detail=in_utf8(entry.detail))
    for value in (entry.id, entry.text, entry.origin, entry.language, entry.speaker, entry.accent):
        if value is not None and (value != in_utf8(value) or "\0" in value):
            detail = "A name or text of it is not UTF-8, or holds a NUL: rename the file or correct its row."
            return Rejection(in_utf8(entry.id), in_utf8(entry.origin), RejectReason.BAD_ROW, detail)
    if not entry.text.strip():
        if not source.options.untranscribed:
            return Rejection(entry.id, entry.origin, RejectReason.NO_TRANSCRIPT, "Its transcript is blank.")
        entry = replace(entry, text="")
    if not entry.id.strip():
        return Rejection(entry.origin, entry.origin, RejectReason.BAD_ROW, "It has no id.")
    if len(lines := entry.text.splitlines()) > 1:
        entry = replace(entry, text=" ".join(line.strip() for line in lines if line.strip()))
    if entry.split is None and (split := split_of_folders(entry.origin) or source.own_split()):
        entry = replace(entry, split=split, split_by_name=True)
    return _on_channel(entry, source.options.channel)


def _on_channel(item: SourceItem, channel: str | None) -> SourceItem | Rejection:
    """Return an item on the channel that the option asks for; a channel that its list names is kept.

    ``mix`` and None mix all channels; ``0`` and ``1`` take one of them, under the same id; with ``split`` the source
    has to give a text for each channel, and an item whose text is that of several channels is rejected.
    """
    if item.channel is not None or channel in (None, "mix"):
        return item
    if channel != "split":
        number = int(str(channel))
        return replace(item, channel=number, origin=_whole(item.origin) + stretch(item.start_s, item.length_s, number))
    if (channels_of(item.path) or 1) < 2:
        return item
    detail = (
        f"{item.origin} has several channels and one transcript: name the channel of each text in a column "
        f"'channel' of a table, or put the texts into {item.id}-ch0.txt and {item.id}-ch1.txt, or choose --channel "
        "0, 1 or mix."
    )
    return Rejection(item.id, item.origin, RejectReason.NO_TRANSCRIPT, detail)


def in_utf8(text: str) -> str:
    """Return text as UTF-8 can hold it, with question marks for what it cannot."""
    return text.encode("utf-8", "replace").decode()


def _hashed(items: Sequence[SourceItem], workers: int) -> list[SourceFile | str]:
    """Return each item's file, read once whatever its stretches, or what the system says where it cannot be read."""
    order = sorted(range(len(items)), key=lambda index: items[index].origin)
    files: list[SourceFile | str] = [""] * len(items)
    last: dict[Path, SourceFile | str] = {}
    for at in range(0, len(order), _AT_ONCE):
        batch = order[at : at + _AT_ONCE]
        paths = dict.fromkeys(items[index].path for index in batch)
        fresh = [path for path in paths if path not in last]
        hashes = together(_hash, fresh, max(1, workers))
        last = {path: last[path] for path in paths if path in last} | dict(zip(fresh, hashes, strict=True))
        for index in batch:
            files[index] = last[items[index].path]
    return files


def _hash(path: Path) -> SourceFile | str:
    try:
        if not path.is_file() and path.exists():
            return "it is no regular file"
        status = path.stat()  # before it is read: a change while it is read shows later
        return SourceFile(sha256_file(path), status.st_size, status.st_mtime_ns)
    except OSError as error:
        return error.strerror or type(error).__name__
