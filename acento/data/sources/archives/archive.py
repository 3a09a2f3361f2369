"""A tar (plain, or packed by gzip, bzip2 or xz) or zip archive of an audio folder, of lists, or of Common Voice.

It is looked through before anything is written: how many files it holds, how large they are, whether it is whole. Then
it is unpacked into a temporary folder by names that were checked. A member whose name leads out of that folder, a link
or a device is an input that is left out; hidden files and ``__MACOSX`` are no inputs. One folder at the top is
entered. What is inside is told by what it looks like: Common Voice, manifests or tables at the top, or recordings with
their texts.
"""

import errno
from collections.abc import Collection, Iterator
from pathlib import Path

from acento.core.errors import DataError
from acento.core.progress import report
from acento.data.source_options import SourceOptions
from acento.data.sources.archives.members import DAMAGE, Member, entries_of_zip, members, what_is_said
from acento.data.sources.archives.temporary import TemporarySource, check_room, is_junk, safe_path
from acento.data.sources.base import Reason, Rejection, Source

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
MAX_MEMBERS = 500_000
"""Files, folders and links; an archive with more is unpacked by hand."""
MAX_BYTES = 256 << 30
"""The unpacked bytes of all files together."""
MAX_RATIO = 100
"""Unpacked bytes for each packed one: no recorded speech comes near, and what does is a bomb ..."""
RATIO_FROM = 100 << 20
"""... when it unpacks to more bytes than this: short texts, and a little silence, pack well."""

_BLOCK = 1 << 20
_NO_NAME = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EINVAL, errno.EILSEQ)


class Archive(TemporarySource):
    """See the module."""

    kind = f"an archive of such a folder ({', '.join(SUFFIXES)})"

    def __init__(self, where: str, options: SourceOptions | None = None, *, shown: str | None = None) -> None:
        """Keep the archive's path, and how messages call it if not by that."""
        super().__init__(shown or where, options)
        self._path = Path(where).expanduser()  # where it is shown as an address

    @classmethod
    def matches(cls, path: Path) -> bool:
        """See :meth:`Source.matches`."""
        return path.name.lower().endswith(SUFFIXES) and path.is_file()

    def _fill(self, root: Path) -> Collection[Source]:
        """Unpack into the folder.

        Raises:
            DataError: the archive is damaged, encrypted, too large, or holds nothing that could be an input.
        """
        total = self._survey()
        check_room(self.where, root, total)
        self._rejections = tuple(self._unpack(root, total))
        inside = [path for path in root.iterdir() if not path.name.startswith(".")]
        return self._recognized(inside[0] if len(inside) == 1 and inside[0].is_dir() else root)

    def _survey(self) -> int:
        """Look through the whole archive and return how many bytes it unpacks to.

        Raises:
            DataError: it is not to be unpacked.
        """
        if entries_of_zip(self._path) > MAX_MEMBERS:
            raise self._too_many()
        total = 0
        size = self._path.stat().st_size
        for count, member in enumerate(members(self._path, self.where), start=1):
            total += member.size
            if count > MAX_MEMBERS:
                raise self._too_many()
            if total > MAX_BYTES:
                raise DataError(
                    f"{self.where!r} would unpack to more than {MAX_BYTES >> 30} GiB: unpack it yourself if you trust "
                    "it, and name the folder."
                )
            if total > max(RATIO_FROM, MAX_RATIO * size):
                raise DataError(
                    f"{self.where!r} would unpack to more than {MAX_RATIO} times its size, as no recordings do: it is "
                    "a bomb, or silence; unpack it yourself if you trust it, and name the folder."
                )
        return total

    def _unpack(self, root: Path, total: int) -> Iterator[Rejection]:
        """Write the files below the folder, and yield those that cannot be."""
        done = 0
        for member in members(self._path, self.where):
            path = safe_path(member.name)
            name = member.name
            if member.what == "folder" or (path is not None and is_junk(path)):
                continue
            if path is None:
                yield Rejection(name, name, Reason.UNSAFE_PATH, f"The name {name!r} leads out of the archive.")
            elif member.what != "file":
                yield Rejection(
                    name, name, Reason.UNSAFE_PATH, f"{name} is {member.what}, and only files are unpacked."
                )
            else:
                trouble = self._write(member, root / path)
                if trouble is not None:
                    yield trouble
            done += member.size
            report(f"unpack {self._path.name}", done, total, "bytes")

    def _write(self, member: Member, path: Path) -> Rejection | None:
        """Write one file, which must not be there yet; return why it is left out, if it is."""
        name = member.name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            target = path.open("xb")
        except FileExistsError:
            detail = f"Another file or folder of the name {name!r} comes before it in the archive."
            return Rejection(name, name, Reason.DUPLICATE_ID, detail)
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno not in _NO_NAME:
                raise
            detail = f"{name!r} cannot be a file's name here ({what_is_said(error)})."
            return Rejection(name, name, Reason.UNSAFE_PATH, detail)
        with target:
            blocks = self._blocks(member)
            while True:
                try:
                    block = next(blocks, b"")
                except DAMAGE as error:
                    path.unlink()
                    return Rejection(
                        name, name, Reason.UNREADABLE, f"{name} cannot be unpacked ({what_is_said(error)})."
                    )
                if not block:
                    return None
                target.write(block)

    def _blocks(self, member: Member) -> Iterator[bytes]:
        """Yield a member's bytes, never more than its size."""
        file = member.open()
        if file is not None:
            with file:
                while block := file.read(_BLOCK):
                    yield block

    def _too_many(self) -> DataError:
        return DataError(
            f"{self.where!r} holds more than {MAX_MEMBERS} files: unpack it yourself if you trust it, and name the "
            "folder."
        )
