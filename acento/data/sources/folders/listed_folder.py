"""A folder with lists of its recordings at its top: NeMo manifests, or tables with columns for recordings and texts.

Of several lists, those whose names name a split are taken if there are at least two of them (``train.csv`` and
``test.csv`` beside ``all.csv``). Where there is none at the top, and no recording has a text of its own name beside it,
the lists of the folders below count (``train/manifest.json``), whose names are put before ids. A recording that no list
names is taken with the ``.txt`` beside it, and is rejected without one. A folder with ``train_files.csv``,
``dev_files.csv`` or ``test_files.csv`` is an audio folder.
"""

import posixpath
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from acento.core.errors import DataError
from acento.data.source_options import SourceOptions
from acento.data.sources.base import Entry, Source, SourceItem, file_of, split_in
from acento.data.sources.files import CSV_NAMES, SEARCH_LIMIT, has_own_texts, walk
from acento.data.sources.folders.audio_folder import AudioFolder
from acento.data.sources.tables.table import AUDIO, TEXT, NemoManifest, Table
from acento.data.sources.tables.table_file import TableFile

_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".manifest")
_List = Table | NemoManifest


class ListedFolder(Source):
    """A folder with lists; with the options ``audio_column`` and ``text_column`` any table is such a list."""

    def __init__(self, location: str, options: SourceOptions | None = None) -> None:
        """Find the lists in the folder."""
        super().__init__(location, options)
        self._sources = _found(self._path, self.options)
        self.lists = [
            posixpath.normpath(posixpath.join(below, name)) for below, source in self._sources for name in source.lists
        ]

    @classmethod
    def fits(cls, location: str, options: SourceOptions) -> bool:
        """See :meth:`Source.fits`: by the columns that the options name, too."""
        path = Path(location).expanduser()
        return path.is_dir() and bool(_found(path, options))

    def items(self) -> Iterator[Entry]:
        named: set[str] = set()
        for below, source in self._sources:
            for entry in source.items():
                if below != ".":
                    entry = _below(below, entry)
                if not isinstance(entry, SourceItem):
                    named.add(file_of(entry.source))
                elif entry.path.is_relative_to(self._path):
                    named.add(entry.path.relative_to(self._path).as_posix())
                yield entry
            named |= {posixpath.normpath(posixpath.join(below, name)) for name in source.refused}
        if self.options.source_split is None:
            yield from AudioFolder(str(self._path), self.options).rest(named, self.lists)
        self.notes = [note for _, source in self._sources for note in source.notes]


def _below(folder: str, entry: Entry) -> Entry:
    """Return an entry of a list in a folder below, its id and origin with the folder's name before them."""
    uid = f"{folder}/{entry.id}"
    if isinstance(entry, SourceItem):
        return replace(entry, id=uid, origin=posixpath.join(folder, entry.origin))
    return replace(entry, id=uid, source=posixpath.join(folder, entry.source))


def _found(root: Path, options: SourceOptions) -> list[tuple[str, _List]]:
    """Return the lists that count, each with its folder: by the columns of the options, else by the usual ones."""
    known_by = [SourceOptions(encoding=options.encoding)]
    if options.audio_column or options.text_column:
        known_by.insert(0, options)
    return next((found for by in known_by if (found := _in_folders(root, options, by))), [])


def _in_folders(root: Path, options: SourceOptions, known_by: SourceOptions) -> list[tuple[str, _List]]:
    """Return the lists in the folder itself, else those in folders below it, two levels deep."""
    if lists := _lists(root, options, known_by):
        return [(".", source) for source in lists]
    names = (name for name in islice(walk(root), SEARCH_LIMIT) if name.count("/") in (1, 2))
    folders = dict.fromkeys(posixpath.dirname(name) for name in names if name.lower().endswith(_SUFFIXES))
    found = [(folder, source) for folder in folders for source in _lists(root / folder, options, known_by)]
    return [] if not found or has_own_texts(root) else found


def _lists(folder: Path, options: SourceOptions, known_by: SourceOptions) -> list[_List]:
    """Return the manifests and tables of recordings at the top of a folder; of several, those that name a split."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if not set(names).isdisjoint(CSV_NAMES.values()):
        return []
    found: list[tuple[_List, str | None]] = []
    for name in names:
        path = folder / name
        if NemoManifest.matches(path) and _is_manifest(path):
            found.append((NemoManifest(str(path), options), split_in(path.stem)))
        elif Table.matches(path) and _is_table(path, known_by):
            found.append((Table(str(path), options), split_in(path.stem)))
    named = [source for source, split in found if split is not None]
    return named if len(named) > 1 else [source for source, _ in found]


def _is_manifest(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return b'"audio_filepath"' in file.read(1 << 16).replace(b"\0", b"")
    except OSError:
        return False


def _is_table(path: Path, options: SourceOptions) -> bool:
    try:
        with TableFile(path, path.name, encoding=options.encoding) as table:
            table.column(AUDIO, options.audio_column, "", "")
            table.column(TEXT, options.text_column, "", "")
    except DataError:
        return False
    return True
