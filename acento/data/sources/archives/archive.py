"""A tar (plain, or packed by gzip, bzip2 or xz) or zip archive of anything that is a source as a folder.

It is looked through before anything is written: how many files it holds, how large they are, whether it is whole. Then
it is unpacked into a temporary folder by names that were checked. A member whose name leads out of that folder, a link
or a device is an input that is left out. One folder at the top is entered.
"""

import bz2
import errno
import gzip
import lzma
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from acento.core.errors import DataError
from acento.core.progress import report
from acento.data.source_options import SourceOptions
from acento.data.sources.archives.temporary import NO_ROOM, TemporarySource, check_room, is_junk, safe_path
from acento.data.sources.base import RejectReason, Source

_BLOCK = 1 << 20
_LONG_ENTRY = 256
"""Bytes of the directory of a zip for each entry, at most, on average: a longer one is not even read."""
_REST = 64
"""Megabytes that may follow a tar's end mark: it is filled up to a whole block."""
DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, struct.error),
    *(NotImplementedError, RuntimeError, ValueError, LookupError, ArithmeticError, MemoryError, OSError),
)
_PACKED: tuple[tuple[bytes, Callable[[Path, str], Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ", lzma.open),
)
_TYPES: dict[int | bytes, str] = {
    **{0: "file", stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "a symbolic link"},
    **{stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"},
    **{tarfile.DIRTYPE: "folder", tarfile.SYMTYPE: "a symbolic link", tarfile.LNKTYPE: "a hard link"},
    **{tarfile.CHRTYPE: "a device", tarfile.BLKTYPE: "a device", tarfile.FIFOTYPE: "a named pipe"},
}
"""What an entry is, by its mode in a zip or its type in a tar."""


@dataclass(frozen=True, slots=True)
class Member:
    """One entry: ``what`` it is, ``file`` or ``folder`` or something that is left out; size in bytes, unpacked."""

    name: str
    what: str
    size: int
    open: Callable[[], Any]


def members(path: Path, shown: str) -> Iterator[Member]:
    """Yield every entry of an archive, whose kind its first bytes tell; messages call it ``shown``.

    Raises:
        DataError: the archive is damaged, cut short or encrypted, or no archive.
    """
    try:
        with path.open("rb") as file:
            head = file.read(6)
        if not head:
            raise DataError(f"The archive {shown!r} has no bytes: fetch or make it again.")
        yield from _of_zip(path, shown) if _is_zip(path, head) else _of_tar(path, head)
    except DAMAGE as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        cut = isinstance(error, EOFError) or "unexpected end" in str(error) or str(error) == "File is not a zip file"
        how = "is cut short" if cut else "is damaged"
        raise DataError(f"The archive {shown!r} {how} ({cause_of(error)}): fetch or make it again.") from error


def _of_zip(path: Path, shown: str) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.flag_bits & 1:
                raise DataError(f"The archive {shown!r} is encrypted: unpack it yourself, and name the folder.")
            is_folder = info.filename.endswith(("/", "\\"))
            what = "folder" if is_folder else _TYPES.get(stat.S_IFMT(info.external_attr >> 16), "of an unknown type")
            yield Member(_name(info), what, info.file_size, partial(archive.open, info))


def _of_tar(path: Path, head: bytes) -> Iterator[Member]:
    opened = next((way for magic, way in _PACKED if head.startswith(magic)), Path.open)
    with opened(path, "rb") as unpacked:
        file: Any = _Bounded(unpacked)
        with tarfile.open(fileobj=file, mode="r:", errorlevel=2) as archive:
            cached: list[object] = archive.members  # type: ignore[attr-defined]
            while (info := archive.next()) is not None:
                cached.clear()  # or all of them stay in memory
                what = "file" if info.isreg() else _TYPES.get(info.type, "of an unknown type")
                size = info.size if info.isreg() else 0
                yield Member(info.name, what, size, partial(archive.extractfile, info))
            file.seek(archive.offset)
            end = file.read(tarfile.BLOCKSIZE)
            if not end:
                raise EOFError("its end is not marked")
            if any(end):
                raise tarfile.ReadError("what follows a file is no header")
            for _ in range(_REST):  # so that checksums at the end are looked at
                if not file.read(_BLOCK):
                    return
            raise tarfile.ReadError("too much follows its end")


class _Bounded:
    """A file that refuses to read much at once: tarfile reads a header, however long it claims to be, in one piece."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes."""
        if not 0 <= size <= _BLOCK:
            raise tarfile.ReadError("a header in it claims to be larger than 1 MB")
        return self._file.read(size)


def entries_of_zip(path: Path) -> int:
    """Return how many entries a zip archive declares, or must hold, before its directory is read; 0 for a tar.

    From the end record (APPNOTE.TXT 4.3.16) or, for 65,535 and more, the zip64 one (4.3.14).
    """
    with path.open("rb") as file:
        if not _is_zip(path, file.read(2)):
            return 0
        size = file.seek(0, 2)
        start = max(0, size - (22 + 0xFFFF))
        file.seek(start)
        tail = file.read()
        at = tail.rfind(b"PK\5\6")
        if at < 0 or len(tail) - at < 22:
            return 0  # it is cut: zipfile will find the same
        count, length = struct.unpack("<HL", tail[at + 10 : at + 16])
        locator = tail[max(0, at - 20) : at]
        if locator.startswith(b"PK\6\7"):
            file.seek(min(size, struct.unpack("<Q", locator[8:16])[0]))
            record = file.read(56)
            if record.startswith(b"PK\6\6") and len(record) == 56:
                count, length = struct.unpack("<QQ", record[32:48])
    return max(count, length // _LONG_ENTRY)


def _name(info: zipfile.ZipInfo) -> str:
    """Return the name of a zip's entry; many programs write UTF-8 and do not say so."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def cause_of(error: BaseException) -> str:
    """Return what a library says about a damage, as part of a sentence."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return words.partition("\n")[0].rstrip(".")


def _is_zip(path: Path, head: bytes) -> bool:
    return head[:2] == b"PK" or path.suffix.lower() == ".zip"


SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
MAX_MEMBERS = 500_000
"""Files, folders and links; an archive with more is unpacked by hand."""
MAX_BYTES = 256 << 30
"""The unpacked bytes of all files together."""
MAX_RATIO = 100
"""Unpacked bytes for each packed one: no recorded speech comes near, and what does is a bomb ..."""
RATIO_FROM = 100 << 20
"""... when it unpacks to more bytes than this: short texts, and a little silence, pack well."""

_NO_NAME = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EINVAL, errno.EILSEQ)


class Archive(TemporarySource):
    """An archive (.zip, .tar, .tar.gz, .tgz, .tar.bz2, .tbz2, .tar.xz, .txz); see the module."""

    def __init__(self, location: str, options: SourceOptions | None = None, *, shown: str | None = None) -> None:
        """Keep the archive's path, and how messages call it if not by that."""
        super().__init__(shown or location, options)
        self._path = Path(location).expanduser()  # where it is shown as an address

    @classmethod
    def matches(cls, path: Path) -> bool:
        return path.name.lower().endswith(SUFFIXES) and path.is_file()

    def _fill(self, root: Path) -> Collection[Source]:
        """Unpack into the folder."""
        total = self._survey()
        check_room(self.location, root, total)
        self._unpack(root, total)
        inside = [path for path in root.iterdir() if not path.name.startswith(".")]
        return self._recognized(inside[0] if len(inside) == 1 and inside[0].is_dir() else root)

    def _survey(self) -> int:
        """Look through the whole archive and return how many bytes it unpacks to."""
        too_many = f"holds more than {MAX_MEMBERS} files:"
        if entries_of_zip(self._path) > MAX_MEMBERS:
            raise self._refusal(too_many)
        total = 0
        size = self._path.stat().st_size
        for count, member in enumerate(members(self._path, self.location), start=1):
            total += member.size
            if count > MAX_MEMBERS:
                raise self._refusal(too_many)
            if total > MAX_BYTES:
                raise self._refusal(f"would unpack to more than {MAX_BYTES >> 30} GiB:")
            if total > max(RATIO_FROM, MAX_RATIO * size):
                ratio = f"would unpack to more than {MAX_RATIO} times its size, as no recordings do"
                raise self._refusal(f"{ratio}: it is a bomb, or silence;")
        return total

    def _refusal(self, why: str) -> DataError:
        return DataError(f"{self.location!r} {why} unpack it yourself if you trust it, and name the folder.")

    def _unpack(self, root: Path, total: int) -> None:
        """Write the files below the folder, and reject those that cannot be."""
        done = 0
        for member in members(self._path, self.location):
            path, name = safe_path(member.name), member.name
            if member.what == "folder" or (path is not None and is_junk(path)):
                continue
            if path is None:
                self.reject(name, f"The name {name!r} leads out of the archive.", RejectReason.UNSAFE_PATH)
            elif member.what != "file":
                self.reject(name, f"{name} is {member.what}, and only files are unpacked.", RejectReason.UNSAFE_PATH)
            elif problem := _write(member, root / path):
                self.reject(name, *problem)
            done += member.size
            report(f"unpack {self._path.name}", done, total, "bytes")


def _write(member: Member, path: Path) -> tuple[str, RejectReason] | None:
    """Write one file, which must not be there yet; return why it is left out, if it is."""
    name = member.name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        target = path.open("xb")
    except FileExistsError:
        detail = f"Another file or folder of the name {name!r} comes before it in the archive."
        return detail, RejectReason.DUPLICATE_ID
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_NAME:
            raise
        return f"{name!r} cannot be a file's name here ({cause_of(error)}).", RejectReason.UNSAFE_PATH
    try:
        with target, member.open() as file:
            shutil.copyfileobj(file, target, _BLOCK)
    except DAMAGE as error:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise
        path.unlink()
        return f"{name} cannot be unpacked ({cause_of(error)}).", RejectReason.UNREADABLE
    return None
