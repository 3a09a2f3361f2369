"""A source at an ``s3://``, ``https://`` or ``http://`` address, fetched into a temporary folder.

An archive is fetched whole. Of a manifest or a table, the recordings that its rows name are fetched too, relative to
its own address. Any other ``s3://`` address is a prefix, and what lies below it is fetched as a folder. Access to S3 is
set as for every AWS tool (``AWS_PROFILE``, ``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, …); without any, it is asked
anonymously. Messages, and the data set's card, name an address without the password or signature that it may carry.
"""

import os
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeGuard
from urllib.parse import quote, unquote, urlsplit

from acento.core.errors import DataError
from acento.core.progress import report
from acento.data.source_options import SourceOptions
from acento.data.sources.archives import archive
from acento.data.sources.archives.download import Downloads, encoded, without_secrets
from acento.data.sources.archives.temporary import TemporarySource, check_room, is_junk, safe_path
from acento.data.sources.base import Entry, Rejection, RejectReason, Source, file_of
from acento.data.sources.tables.table import NemoManifest, Table
from acento.data.sources.tables.table_file import DELIMITERS

SCHEMES = ("s3://", "https://", "http://")
_LISTS: dict[str, type[Source]] = {
    **dict.fromkeys(DELIMITERS, Table),
    **dict.fromkeys((".json", ".jsonl", ".ndjson", ".manifest"), NemoManifest),
}
_KNOWN = ", ".join([*archive.SUFFIXES, *_LISTS])


class RemoteSource(TemporarySource):
    """An archive, manifest, table or S3 prefix at an address; see the module."""

    def __init__(self, location: str, options: SourceOptions | None = None) -> None:
        """Keep the address; nothing is asked yet."""
        super().__init__(without_secrets(location), options)
        self._scheme, _, rest = location.partition("://")
        self._is_s3 = self._scheme.lower() == "s3"
        self._place, _, self._key = rest.partition("/")
        if not self._is_s3:  # a key may hold any sign, and stands for itself
            self._key = unquote(urlsplit(location).path).lstrip("/")
        self._given = location
        self._failed: dict[str, str] = {}
        if not self._place or any(sign in self._place for sign in " ?#\0"):
            raise DataError(f"{self.location!r} names no {'bucket' if self._is_s3 else 'server'}.")

    @classmethod
    def fits(cls, location: str, options: SourceOptions) -> bool:  # noqa: ARG003
        return location.lower().startswith(SCHEMES)

    def items(self) -> Iterator[Entry]:
        """See :meth:`Source.items`; a row whose recording could not be fetched says why."""
        for entry in super().items():
            if _lacks_audio(entry) and (detail := self._failed.get(file_of(entry.source))):
                entry = replace(entry, detail=detail)
            yield entry

    def _fill(self, root: Path) -> Collection[Source]:
        """Fetch what the address names."""
        self._downloads = Downloads(s3=self._is_s3)
        name = self._key.rpartition("/")[2].lower()
        for suffix in archive.SUFFIXES:
            if name.endswith(suffix):
                self._fetch(path := root / f"archive{suffix}")
                return [archive.Archive(str(path), self.options, shown=self.location)]
        kind = _LISTS.get(Path(name).suffix)
        if kind is not None:
            return [self._list(kind, root)]
        if self._is_s3:
            return self._prefix(root)
        known = f"its path should end in one of {_KNOWN}"
        raise DataError(f"{self.location!r} is no archive, manifest or table: {known}.")

    def _fetch(self, path: Path) -> None:
        """Fetch what the address itself names."""
        address = f"{self._place}/{self._key}" if self._is_s3 else encoded(self._given)
        step = f"fetch {self.location.rpartition('/')[2]}"
        self._downloads.fetch(address, path, lambda done, total: report(step, done, total, "bytes"))
        with path.open("rb") as file:
            if file.read(256).lstrip().lower().startswith((b"<!doctype html", b"<html")):
                page = "is a web page and not a file: name the address of the file itself"
                raise DataError(f"{self.location!r} {page}.")

    def _list(self, kind: type[Source], root: Path) -> Source:
        """Fetch a manifest or table, then the recordings that it lacks.

        The address is mirrored below the folder, so that ``../wavs/a.wav`` in a row means what it means there.
        """
        inside = safe_path(self._key)
        if inside is None:
            raise DataError(f"{self.location!r} has '..' in its path: name the place itself.")
        path = root / inside
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fetch(path)
        source = kind(str(path), self.options)
        source.location = self.location
        wanted: dict[Path, tuple[str, str]] = {}
        for name in sorted({file_of(entry.source) for entry in source.items() if _lacks_audio(entry)}):
            target = Path(os.path.normpath(path.parent / name))
            if target.is_relative_to(root) and target not in (root, path):
                below = target.relative_to(root).as_posix()
                server = f"{self._scheme}://{self._place}"
                wanted[target] = name, f"{self._place}/{below}" if self._is_s3 else f"{server}/{quote(below)}"
        self._failed |= self._fetch_all(wanted)
        return source

    def _prefix(self, root: Path) -> list[Source]:
        """Fetch what lies below an S3 prefix."""
        prefix = f"{self._place}/{self._key}".rstrip("/")
        sizes = self._downloads.find(prefix)
        if not sizes:
            raise DataError(f"There is nothing at {self.location!r}.")
        if prefix in sizes and len(sizes) == 1:
            raise DataError(f"{self.location!r} is one file, and no archive, manifest or table ({_KNOWN}).")
        wanted: dict[Path, tuple[str, str]] = {}
        total = 0
        for key, size in sizes.items():
            name = key.removeprefix(f"{prefix}/")
            path = safe_path(name)
            if path is None:
                self.reject(name, f"The key {key!r} leads out of the folder.", RejectReason.UNSAFE_PATH)
            elif not key.endswith("/") and not is_junk(path):
                wanted[root / path] = name, key
                total += size
        check_room(self.location, root, total)
        for name, problem in self._fetch_all(wanted).items():
            self.reject(name, problem, RejectReason.UNREADABLE)
        return self._recognized(root)

    def _fetch_all(self, wanted: dict[Path, tuple[str, str]]) -> dict[str, str]:
        """Fetch many files, each with its name and address; return why some could not be, by their names."""
        step = f"fetch {self.location.rstrip('/').rpartition('/')[2]}"
        failed = {}
        addresses = ((address, path) for path, (_, address) in wanted.items())
        for done, (path, problem) in enumerate(self._downloads.fetch_all(addresses), start=1):
            report(step, done, len(wanted), "files")
            if problem is not None:
                failed[wanted[path][0]] = problem
        return failed


def _lacks_audio(entry: Entry) -> TypeGuard[Rejection]:
    return isinstance(entry, Rejection) and entry.reason is RejectReason.NO_AUDIO
