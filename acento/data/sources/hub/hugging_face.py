"""A Hugging Face data set: by its id on the hub (``owner/name``), or a folder in which one was saved.

A folder is one that ``save_to_disk`` wrote, or that holds Parquet, or recordings with a ``metadata.csv`` or ``.jsonl``.

An id is that of the id column; if more than one row in twenty repeats another's there (as where it numbers sentences)
or has none, the recording's path without the suffix by the same rule; else ``<split>/<number of the row>``. A row's
origin is ``<split>:<number of the row>``. Splits called train, validation or test are kept. Clips of any other split
are split by rule, and so are those of a data set that is all ``train``: on that nothing could be measured.

Rows are streamed. Recordings inside them are written, as they are, into a temporary folder (``TMPDIR`` says where),
which needs room for the compressed audio, and is gone when the source is left.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Self

from acento.core.errors import AcentoError, DataError, InputError
from acento.core.text.language import resolve_language
from acento.data.source_options import SourceOptions
from acento.data.sources.base import Reason, Rejection, Source, SourceItem, parse_split, split_of_folders, stretch
from acento.data.sources.files import composed
from acento.data.sources.folders.audio_folder import AudioFolder
from acento.data.sources.folders.metadata import BAD_ROW, METADATA, NAMES
from acento.data.sources.hub.audio import HUB, Recordings, as_stored
from acento.data.sources.hub.columns import Columns, find_columns
from acento.data.sources.hub.tables import (
    Row,
    SplitTable,
    has_metadata,
    is_local,
    open_hub,
    open_local,
    read_error,
)
from acento.data.sources.tables.row_parts import channel_in, segment_of
from acento.data.sources.tables.table import unknown_columns

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[^@\s]+)?", re.ASCII)
_FILE = re.compile(
    r".*\.(csv|tsv|txt|jsonl?|ndjson|manifest|zip|tar|gz|tgz|bz2|xz|zst|parquet|wav|mp3|flac|ogg|opus|m4a)", re.I
)
"""What ends like this is a file that is not there, and no id."""
_REPEATS = 0.05


@dataclass(frozen=True, slots=True)
class _Read:
    """A row with everything but its id decided: the ids that it could have, and what it is without one."""

    ids: tuple[str | None, ...]
    entry: SourceItem | Rejection


class HuggingFace(Source):
    """See the module."""

    kind = "a Hugging Face data set (owner/name on the hub, or a folder with Parquet or from save_to_disk)"

    def __init__(self, where: str, options: SourceOptions | None = None) -> None:
        """Keep the id, with its revision if it has one (``owner/name@v1``), or the folder."""
        super().__init__(where, options)
        self._folder = None if where.startswith(HUB) or not self._path.exists() else self._path
        self._recordings: Recordings | None = None
        self._tables: list[SplitTable] = []
        self._columns: list[Columns] = []
        self._alone = False
        self._name = where
        if self._folder is None:
            self._name, _, tag = where.removeprefix(HUB).partition("@")
            self.options = self.options.model_copy(update={"revision": self.options.revision or tag or None})

    @classmethod
    def fits(cls, where: str, options: SourceOptions) -> bool:  # noqa: ARG003
        """See :meth:`Source.fits`; what is there as a path is no id on the hub."""
        if where.startswith(HUB):
            return True
        path = Path(where).expanduser()
        try:
            if path.exists():
                return is_local(path)
            return _ID.fullmatch(where) is not None and _FILE.fullmatch(where) is None
        except (OSError, ValueError):
            return False

    def __enter__(self) -> Self:
        """Find the data set and its splits; the hub's answer makes ``where`` name the commit.

        Raises:
            DataError: it cannot be found or used.
            TransientError: the hub does not answer.
        """
        if self._folder is None:
            commit, tables = open_hub(self._name, self.options.revision, self.options.config)
            self.where = f"{HUB}{self._name}@{commit}"
        else:
            commit, tables = "", open_local(self._folder, self.options.config, self.options.encoding)
        wanted = self.options.source_split
        self._tables = [table for table in tables if wanted is None or table.split == wanted]
        if not self._tables:
            there = ", ".join(table.split for table in tables)
            raise DataError(f"Data set {self._name} has no split {wanted!r}; it has {there or 'none'}.")
        self._alone = len(tables) == 1
        self._columns = [find_columns(table, self.options, self._name) for table in self._tables]
        self._recordings = Recordings(self._name, commit, self._folder)
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the recordings that were fetched."""
        if self._recordings is not None:
            self._recordings.close()
            self._recordings = None

    def lists(self) -> Collection[str]:
        """See :meth:`Source.lists`: the splits."""
        return [table.split for table in self._tables]

    def notes(self) -> Collection[str]:
        """See :meth:`Source.notes`: columns that are not understood."""
        notes = {}
        for table, columns in zip(self._tables, self._columns, strict=True):
            used = {name.partition(".")[0] for name in columns.all} | set(columns.all) | set(columns.labels)
            top = [name for name in table.columns if "." not in name]
            notes.update(dict.fromkeys(unknown_columns(top, used, "the data set")))
        return list(notes)

    def made(self, path: Path) -> bool:
        """See :meth:`Source.made`: a recording that was inside a row."""
        return self._recordings is not None and self._recordings.made(path)

    def items(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Source.items`; writes each recording that is inside a row, or on the hub, into a file.

        Raises:
            DataError: the rows cannot be read.
            TransientError: the hub stopped answering.
        """
        if self._recordings is None:
            with self:
                yield from self.items()
            return
        rows = [
            self._read(row, f"{table.split}:{number}", number, self._split(table), columns)
            for table, columns in zip(self._tables, self._columns, strict=True)
            for number, row in enumerate(self._rows(table, columns), start=1)
        ]
        best = _best_ids(rows)
        rows.reverse()
        while rows:
            row = rows.pop()
            uid = row.ids[best] if best is not None else None
            yield replace(row.entry, id=uid) if uid else row.entry
        if self._folder is not None and self.options.source_split is None:
            yield from self._not_named()

    def _not_named(self) -> Iterator[Rejection]:
        """Yield the files in an audio folder that its metadata do not name."""
        assert self._folder is not None
        used = {composed(name) for name in self._recordings.used} if self._recordings else set()
        if not has_metadata(self._folder):
            return
        for name, kind in AudioFolder(str(self._folder), self.options).files():
            if kind == "audio" and composed(name) not in used:
                stem = str(_stem(name))
                yield Rejection(stem, name, Reason.NO_TRANSCRIPT, f"No metadata of the folder name {name}.")
            elif kind != "audio" and PurePosixPath(name).name not in METADATA:
                detail = f"{name} is not used: the metadata of the folder have the texts."
                yield Rejection(name, name, Reason.NOT_AUDIO, detail)

    def _rows(self, table: SplitTable, columns: Columns) -> Iterator[Row]:
        """Yield the rows of a split; what its libraries raise on the way becomes a sentence."""
        number = 1
        try:
            rows = table.read(columns.all)
            while (row := next(rows, None)) is not None:
                yield row
                number += 1
        except AcentoError:
            raise
        except Exception as error:
            raise read_error(error, self._name, table.split, number) from error

    def _split(self, table: SplitTable) -> str | None:
        try:
            split = parse_split(table.split)
        except ValueError:
            return None
        return None if split == "train" and self._alone else split

    def _read(self, row: Row, origin: str, number: int, split: str | None, columns: Columns) -> _Read:
        """Return one row as an item or a rejection, its recording written into a file."""
        plain = f"{origin.rpartition(':')[0]}/{number:08d}"
        nothing = (None,) * (len(columns.ids) + 1)
        used = self._recordings.used if self._recordings is not None else set()
        if BAD_ROW in row:
            used.update(row.get(NAMES, ()))
            return _Read(nothing, Rejection(plain, origin, Reason.BAD_ROW, str(row[BAD_ROW])))
        try:
            ids = tuple(columns.value(row, column) for column in columns.ids)
            text, language, speaker, accent, said = (
                columns.value(row, column)
                for column in (columns.text, columns.language, columns.speaker, columns.accent, columns.split)
            )
            data, path = as_stored(row.get(columns.audio))
            start, length, channel = 0.0, None, None
            if data is None:  # a recording inside of its row is cut already
                start, length = segment_of({name: row.get(name) for name in columns.parts})
                channel = channel_in(row)
            if language is not None:
                resolve_language(language)
        except (ValueError, LookupError, InputError) as error:
            if isinstance(name := row.get(columns.audio), str):
                used.add(name)  # or it would be counted once more, as not named
            detail = f"Row {number} cannot be used: {str(error).rstrip('.')}."
            return _Read(nothing, Rejection(plain, origin, Reason.BAD_ROW, detail))
        part, stem = stretch(start, length, channel), _stem(path)
        ids = (*ids, stem and stem + part)
        if data is None and path is None:
            detail = f"Row {number} has nothing in its column {columns.audio}."
            return _Read(ids, Rejection(plain, origin, Reason.NO_AUDIO, detail))
        if text is None:
            detail = f"Row {number} has nothing in its column {columns.text}."
            if path is not None:
                used.add(path)
            return _Read(ids, Rejection(plain, origin, Reason.NO_TRANSCRIPT, detail))
        with suppress(ValueError):  # a split of another name than ours says nothing here
            split = parse_split(said or "") or split
        assert self._recordings is not None
        file = self._recordings.file(data, path)
        if isinstance(file, str):
            return _Read(ids, Rejection(plain, origin, Reason.NO_AUDIO, file))
        by_name = split is None and (split := split_of_folders(path or "")) is not None
        origin += part
        facts = (split, language, speaker, accent, start, length, channel, by_name)
        return _Read(ids, SourceItem(plain, file, text, origin, *facts))


def _stem(path: str | None) -> str | None:
    """Return a path in the data set without its suffix, as an id; of an absolute path or an address only the name.

    >>> _stem("a/b.c.wav"), _stem("/home/anna/b.wav"), _stem("https://example.org/a/b.wav?key=x/y")
    ('a/b.c', 'b', 'b')
    """
    is_url = "://" in (path or "")
    name = PurePosixPath((path or "").partition("?")[0] if is_url else path or "")
    if not name.name:
        return None
    inside = name.with_suffix("")
    return inside.name if is_url or inside.is_absolute() else inside.as_posix()


def _best_ids(rows: Sequence[_Read]) -> int | None:
    """Return which of the ids that rows could have name them, None if none does; those rejected have no say."""
    items = [row.ids for row in rows if isinstance(row.entry, SourceItem)]
    for number in range(min((len(ids) for ids in items), default=0)):
        if len({ids[number] for ids in items if ids[number]}) >= (1 - _REPEATS) * len(items):
            return number
    return None
