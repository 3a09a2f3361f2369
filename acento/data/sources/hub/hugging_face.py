"""A Hugging Face data set: by its id on the hub (``owner/name``), or a folder in which one was saved.

An id is that of the id column; if more than one row in twenty repeats another's there (as where it numbers sentences)
or has none, the recording's path without the suffix by the same rule; else ``<split>/<number of the row>``. A row's
origin is ``<split>:<number of the row>``. Rows are streamed. Recordings inside them are written, as they are, into a
temporary folder (``TMPDIR`` says where), which needs room for the compressed audio.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Self

from acento.core.errors import AcentoError, DataError, InputError
from acento.data.source_options import SourceOptions
from acento.data.sources.base import (
    Entry,
    Rejection,
    RejectReason,
    Source,
    SourceItem,
    split_in,
    split_of_folders,
    stretch,
)
from acento.data.sources.facts import as_text, fact_of, facts_in, known_text
from acento.data.sources.files import composed
from acento.data.sources.folders.audio_folder import AudioFolder
from acento.data.sources.folders.metadata import BAD_ROW, METADATA, NAMES, metadata_of
from acento.data.sources.hub.rows import HUB, Columns, Recordings, as_stored, find_columns
from acento.data.sources.hub.tables import Row, SplitTable, is_local, open_hub, open_local, read_error
from acento.data.sources.tables.table import unknown_columns

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[^@\s]+)?", re.ASCII)
_FILE = re.compile(
    r".*\.(csv|tsv|txt|jsonl?|ndjson|manifest|zip|tar|gz|tgz|bz2|xz|zst|parquet|wav|mp3|flac|ogg|opus|m4a)", re.I
)
"""What ends like this is a file that is not there, and no id."""
_REPEATS = 0.05
_Row = tuple[tuple[str | None, ...], Entry]
"""The ids that a row could have, none if it could not be read, and what it is without one."""


class HuggingFace(Source):
    """A Hugging Face data set (owner/name on the hub, or a folder with Parquet or from save_to_disk)."""

    def __init__(self, location: str, options: SourceOptions | None = None) -> None:
        """Keep the id, with its revision if it has one (``owner/name@v1``), or the folder."""
        super().__init__(location, options)
        self._data = None if location.startswith(HUB) or not self._path.exists() else self._path
        self._tables: list[tuple[SplitTable, str | None, Columns]] = []
        self._name = location
        if self._data is None:
            self._name, _, tag = location.removeprefix(HUB).partition("@")
            self.options = self.options.model_copy(update={"revision": self.options.revision or tag or None})

    @classmethod
    def fits(cls, location: str, options: SourceOptions) -> bool:  # noqa: ARG003
        """See :meth:`Source.fits`; what is there as a path is no id on the hub."""
        if location.startswith(HUB):
            return True
        path = Path(location).expanduser()
        return is_local(path) if path.exists() else bool(_ID.fullmatch(location) and not _FILE.fullmatch(location))

    def __enter__(self) -> Self:
        """Find the data set and its splits; the hub's answer makes ``location`` name the commit."""
        if self._data is None:
            commit, tables = open_hub(self._name, self.options.revision, self.options.config)
            self.location = f"{HUB}{self._name}@{commit}"
        else:
            commit, tables = "", open_local(self._data, self.options.config, self.options.encoding)
        wanted = self.options.source_split
        self.lists = [table.split for table in tables if wanted is None or table.split == wanted]
        if not self.lists:
            there = ", ".join(table.split for table in tables)
            raise DataError(f"Data set {self._name} has no split {wanted!r}; it has {there or 'none'}.")
        self._tables, self.notes = [], []
        for table in [table for table in tables if table.split in self.lists]:
            columns = find_columns(table, self.options, self._name)
            split = split_in(table.split)
            self._tables.append((table, None if split == "train" and len(tables) == 1 else split, columns))
            used = {name.partition(".")[0] for name in columns.all} | set(columns.all) | set(columns.labels)
            top = [name for name in table.columns if "." not in name]
            self.notes += [note for note in unknown_columns(top, used, "the data set") if note not in self.notes]
        self._recordings = Recordings(self._name, commit, self._data, self._make_temporary())
        return self

    def items(self) -> Iterator[Entry]:
        """See :meth:`Source.items`; writes each recording that is inside a row, or on the hub, into a file."""
        if self._temporary is None:
            with self:
                yield from self.items()
            return
        rows = [
            self._read(row, table.split, number, split, columns, self._recordings)
            for table, split, columns in self._tables
            for number, row in enumerate(self._rows(table, columns), start=1)
        ]
        best = _best_ids(rows)
        rows.reverse()
        while rows:
            ids, entry = rows.pop()
            uid = ids[best] if ids and best is not None else None
            yield replace(entry, id=uid) if uid else entry
        folder = self._data
        if folder is not None and self.options.source_split is None and folder.is_dir() and metadata_of(folder):
            yield from self._not_named(folder, {composed(name) for name in self._recordings.used})

    def _not_named(self, folder: Path, used: set[str]) -> Iterator[Rejection]:
        """Yield the files in an audio folder that its metadata do not name."""
        for name, kind in AudioFolder(str(folder), self.options).files():
            if kind == "audio" and composed(name) not in used:
                detail = f"No metadata of the folder name {name}."
                yield Rejection(str(_stem(name)), name, RejectReason.NO_TRANSCRIPT, detail)
            elif kind != "audio" and PurePosixPath(name).name not in METADATA:
                detail = f"{name} is not used: the metadata of the folder have the texts."
                yield Rejection(name, name, RejectReason.NOT_AUDIO, detail)

    def _rows(self, table: SplitTable, columns: Columns) -> Iterator[Row]:
        """Yield the rows of a split; what its libraries raise on the way becomes a sentence."""
        number = 1
        try:
            for row in table.read(columns.all):
                yield row
                number += 1
        except AcentoError:
            raise
        except Exception as error:
            raise read_error(error, self._name, f"row {number} of {table.split}") from error

    def _read(
        self, row: Row, name: str, number: int, split: str | None, columns: Columns, recordings: Recordings
    ) -> _Row:
        """Return one row as an item or a rejection, its recording written into a file."""
        uid, origin = f"{name}/{number:08d}", f"{name}:{number}"
        if BAD_ROW in row:
            recordings.used.update(row.get(NAMES, ()))
            return (), Rejection(uid, origin, RejectReason.BAD_ROW, str(row[BAD_ROW]))
        try:
            row = columns.with_names(row)
            ids = tuple(fact_of(row, [column] if column else []) for column in columns.ids)
            text = known_text(as_text(columns.text, row.get(columns.text)) or "")
            named_split = fact_of(row, columns.facts["split"]) or ""
            data, path = as_stored(row.get(columns.audio))
            # a recording inside of its row is cut already
            whole = row if data is None else {name: row[name] for name in row if name not in columns.parts}
            facts = facts_in(whole, {**columns.facts, "split": ()})
        except (ValueError, LookupError, InputError) as error:
            if isinstance(recording := row.get(columns.audio), str):
                recordings.used.add(recording)  # or it would be counted once more, as not named
            detail = f"Row {number} cannot be used: {str(error).rstrip('.')}."
            return (), Rejection(uid, origin, RejectReason.BAD_ROW, detail)
        part, stem = stretch(facts["start_s"], facts["length_s"], facts["channel"]), _stem(path)
        ids = (*ids, stem and stem + part)
        if data is None and path is None:
            detail = f"Row {number} has nothing in its column {columns.audio}."
            return ids, Rejection(uid, origin, RejectReason.NO_AUDIO, detail)
        if text is None and not self.options.untranscribed:
            detail = f"Row {number} has nothing in its column {columns.text}."
            if path is not None:
                recordings.used.add(path)
            return ids, Rejection(uid, origin, RejectReason.NO_TRANSCRIPT, detail)
        file = recordings.file(data, path)
        if isinstance(file, str):
            return ids, Rejection(uid, origin, RejectReason.NO_AUDIO, file)
        split = split_in(named_split) or split  # a split of another name than ours says nothing here
        facts["split_by_name"] = split is None and (split := split_of_folders(path or "")) is not None
        return ids, SourceItem(uid, file, text or "", origin + part, **{**facts, "split": split})


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


def _best_ids(rows: Sequence[_Row]) -> int | None:
    """Return which of the ids that rows could have name them, None if none does; those rejected have no say."""
    items = [ids for ids, entry in rows if isinstance(entry, SourceItem)]
    for number in range(min(map(len, items), default=0)):
        if len({ids[number] for ids in items if ids[number]}) >= (1 - _REPEATS) * len(items):
            return number
    return None
