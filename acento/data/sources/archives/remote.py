"""A source at an ``s3://``, ``https://`` or ``http://`` address, fetched into a temporary folder.

An archive is fetched whole. Of a manifest or a table, the recordings that its rows name are fetched too, relative to
its own address. Any other ``s3://`` address is a prefix, and what lies below it is fetched as a folder. Access to S3 is
set as for every AWS tool (``AWS_PROFILE``, ``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, …); without any, it is asked
anonymously. Messages, and the data set's card, name an address without the password or signature that it may carry.
"""

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeGuard
from urllib.parse import quote, unquote, urlsplit

from acento.core.errors import DataError
from acento.core.progress import report
from acento.data.source_options import SourceOptions
from acento.data.sources.archives import archive
from acento.data.sources.archives.download import Downloads, Wanted, without_secrets
from acento.data.sources.archives.temporary import TemporarySource, check_room, is_junk, safe_path
from acento.data.sources.base import Reason, Rejection, Source, SourceItem, stretch_of
from acento.data.sources.tables.nemo_manifest import NemoManifest
from acento.data.sources.tables.table import Table
from acento.data.sources.tables.table_file import DELIMITERS

SCHEMES = ("s3://", "https://", "http://")
_LISTS: dict[str, type[Source]] = {
    **dict.fromkeys(DELIMITERS, Table),
    **dict.fromkeys((".json", ".jsonl", ".ndjson", ".manifest"), NemoManifest),
}
_UNQUOTED = "/:@!$&'()*+,;=~%"


class RemoteSource(TemporarySource):
    """See the module."""

    kind = f"any of these at an address ({', '.join(SCHEMES)})"

    def __init__(self, where: str, options: SourceOptions | None = None) -> None:
        """Keep the address; nothing is asked yet.

        Raises:
            DataError: it names no server or bucket.
        """
        super().__init__(without_secrets(where), options)
        self._scheme, _, rest = where.partition("://")
        self._is_s3 = self._scheme.lower() == "s3"
        self._place, _, path = rest.partition("/")
        if not self._is_s3:  # a key may hold any sign, and stands for itself
            path = unquote(urlsplit(where).path).lstrip("/")
        self._key = path
        self._given = where
        self._failed: dict[str, str] = {}
        if not self._place or any(sign in self._place for sign in " ?#\0"):
            raise DataError(f"{self.where!r} names no {'bucket' if self._is_s3 else 'server'}.")

    @classmethod
    def fits(cls, where: str, options: SourceOptions) -> bool:  # noqa: ARG003
        """See :meth:`Source.fits`."""
        return where.lower().startswith(SCHEMES)

    def items(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Source.items`; a row whose recording could not be fetched says why."""
        for entry in super().items():
            if _misses_audio(entry) and (detail := self._failed.get(_whole(entry.source))):
                yield replace(entry, detail=detail)
            else:
                yield entry

    def _fill(self, root: Path) -> Collection[Source]:
        """Fetch what the address names.

        Raises:
            DataError: nothing usable is there, or it may not be read.
            TransientError: it cannot be reached now.
        """
        self._downloads = Downloads(s3=self._is_s3)
        name = self._key.rpartition("/")[2].lower()
        for suffix in archive.SUFFIXES:
            if name.endswith(suffix):
                self._fetch(path := root / f"archive{suffix}")
                return [archive.Archive(str(path), self.options, shown=self.where)]
        kind = _LISTS.get(Path(name).suffix)
        if kind is not None:
            return [self._list(kind, root)]
        if self._is_s3:
            return self._prefix(root)
        known = ", ".join([*archive.SUFFIXES, *_LISTS])
        raise DataError(f"{self.where!r} is no archive, manifest or table: its path should end in one of {known}.")

    def _fetch(self, path: Path) -> None:
        """Fetch what the address itself names.

        Raises:
            DataError: it is not there, or is a web page.
        """
        address = f"{self._place}/{self._key}" if self._is_s3 else quote(self._given.partition("#")[0], _UNQUOTED + "?")
        step = f"fetch {self.where.rpartition('/')[2]}"
        self._downloads.fetch(address, path, lambda done, total: report(step, done, total, "bytes"))
        with path.open("rb") as file:
            if file.read(256).lstrip().lower().startswith((b"<!doctype html", b"<html")):
                raise DataError(f"{self.where!r} is a web page and not a file: name the address of the file itself.")

    def _list(self, kind: type[Source], root: Path) -> Source:
        """Fetch a manifest or table, then the recordings that it misses.

        The address is mirrored below the folder, so that ``../wavs/a.wav`` in a row means what it means there.
        """
        inside = safe_path(self._key)
        if inside is None:
            raise DataError(f"{self.where!r} has '..' in its path: name the place itself.")
        path = root / inside
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fetch(path)
        source = kind(str(path), self.options)
        source.where = self.where
        names = {_whole(entry.source) for entry in source.items() if _misses_audio(entry)}
        wanted = {}
        for name in sorted(names):
            target = Path(os.path.normpath(path.parent / name))
            if target.is_relative_to(root) and target not in (root, path):
                wanted[target] = name
        found = ((self._address(target.relative_to(root).as_posix()), target) for target in wanted)
        for target, trouble in self._fetch_all(found, len(wanted)):
            self._failed[wanted[target]] = trouble
        return source

    def _prefix(self, root: Path) -> list[Source]:
        """Fetch what lies below an S3 prefix.

        Raises:
            DataError: nothing does.
        """
        prefix = f"{self._place}/{self._key}".rstrip("/")
        sizes = self._downloads.find(prefix)
        if not sizes:
            raise DataError(f"There is nothing at {self.where!r}.")
        if prefix in sizes and len(sizes) == 1:
            known = ", ".join([*archive.SUFFIXES, *_LISTS])
            raise DataError(f"{self.where!r} is one file, and no archive, manifest or table ({known}).")
        rejections, wanted, total = [], {}, 0
        for key, size in sizes.items():
            name = key.removeprefix(f"{prefix}/")
            path = safe_path(name)
            if path is not None and (key.endswith("/") or is_junk(path)):
                continue
            if path is None:
                detail = f"The key {key!r} leads out of the folder."
                rejections.append(Rejection(name, name, Reason.UNSAFE_PATH, detail))
            else:
                wanted[root / path] = key
                total += size
        check_room(self.where, root, total)
        for target, trouble in self._fetch_all(((key, path) for path, key in wanted.items()), len(wanted)):
            name = wanted[target].removeprefix(f"{prefix}/")
            rejections.append(Rejection(name, name, Reason.UNREADABLE, trouble))
        self._rejections = tuple(rejections)
        return self._recognized(root)

    def _fetch_all(self, wanted: Iterable[Wanted], total: int) -> Iterator[tuple[Path, str]]:
        """Fetch many files, and yield those that could not be, with the reason."""
        step = f"fetch {self.where.rstrip('/').rpartition('/')[2]}"
        for done, (path, trouble) in enumerate(self._downloads.fetch_all(wanted), start=1):
            report(step, done, total, "files")
            if trouble is not None:
                yield path, trouble

    def _address(self, path: str) -> str:
        """Return the address of another file of the same bucket or server."""
        return f"{self._place}/{path}" if self._is_s3 else f"{self._scheme}://{self._place}/{quote(path)}"


def _misses_audio(entry: SourceItem | Rejection) -> TypeGuard[Rejection]:
    return isinstance(entry, Rejection) and entry.reason is Reason.NO_AUDIO


def _whole(origin: str) -> str:
    """Return the name of the file of which an origin may be a stretch.

    >>> _whole("talk.wav#t=1.5,3.75")
    'talk.wav'
    """
    return origin.removesuffix(stretch_of(origin))
