"""A folder with lists of its recordings at its top: NeMo manifests, or tables with columns for recordings and texts.

Of several lists, those whose names name a split are taken if there are at least two of them (``train.csv`` and
``test.csv`` beside ``all.csv``). Where there is none at the top, and no recording has a text of its own name beside it,
the lists of the folders below count (``train/manifest.json``), whose names are put before ids. A recording that no list
names is taken with the ``.txt`` beside it, and is rejected without one. A folder with ``train_files.csv``,
``dev_files.csv`` or ``test_files.csv`` is an audio folder.
"""

import posixpath
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

from acento.core.errors import DataError
from acento.data.source_options import SourceOptions
from acento.data.sources.base import Rejection, Source, SourceItem, split_in, stretch_of
from acento.data.sources.files import CSV_NAMES, has_own_texts, walk
from acento.data.sources.folders.audio_folder import AudioFolder
from acento.data.sources.tables.nemo_manifest import NemoManifest
from acento.data.sources.tables.table import AUDIO, TEXT, Table
from acento.data.sources.tables.table_file import TableFile

_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".manifest")
_LOOKED_AT = 100_000
"""Files at which the search for lists in folders below ends."""


class ListedFolder(Source):
    """See the module; with the options ``audio_column`` and ``text_column`` any table is such a list."""

    kind = "a folder with such a table or manifest in it"

    def __init__(self, where: str, options: SourceOptions | None = None) -> None:
        """Find the lists in the folder."""
        super().__init__(where, options)
        folders, told_by = _found(self._path, self.options)
        self._sources = [
            (folder.relative_to(self._path).as_posix(), source)
            for folder in folders
            for source in _lists(folder, self.options, told_by)
        ]

    @classmethod
    def fits(cls, where: str, options: SourceOptions) -> bool:
        """See :meth:`Source.fits`: by the columns that the options name, too."""
        path = Path(where).expanduser()
        return path.is_dir() and bool(_found(path, options)[0])

    def lists(self) -> Collection[str]:
        """See :meth:`Source.lists`."""
        return [
            posixpath.normpath(posixpath.join(below, name))
            for below, source in self._sources
            for name in source.lists()
        ]

    def notes(self) -> Collection[str]:
        """See :meth:`Source.notes`."""
        return [note for _, source in self._sources for note in source.notes()]

    def items(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Source.items`."""
        named: set[str] = set()
        for below, source in self._sources:
            for entry in map(partial(_below, below), source.items()):
                if isinstance(entry, SourceItem) and entry.path.is_relative_to(self._path):
                    named.add(entry.path.relative_to(self._path).as_posix())
                elif isinstance(entry, Rejection):
                    named.add(entry.source.removesuffix(stretch_of(entry.source)))
                yield entry
            named |= {posixpath.normpath(posixpath.join(below, name)) for name in source.refused}
        if self.options.source_split is None:
            yield from AudioFolder(str(self._path), self.options).rest(named, self.lists())


def _below(folder: str, entry: SourceItem | Rejection) -> SourceItem | Rejection:
    """Return an entry of a list in a folder below, its id and origin with the folder's name before them."""
    if folder == ".":
        return entry
    if isinstance(entry, SourceItem):
        return replace(entry, id=f"{folder}/{entry.id}", origin=posixpath.join(folder, entry.origin))
    return replace(entry, id=f"{folder}/{entry.id}", source=posixpath.join(folder, entry.source))


def _found(root: Path, options: SourceOptions) -> tuple[list[Path], SourceOptions]:
    """Return the folders whose lists count, and by which options they are told: if by none given, by the usual ones."""
    usual = SourceOptions(encoding=options.encoding)
    if (options.audio_column or options.text_column) and (folders := _folders(root, options)):
        return folders, options
    return _folders(root, usual), usual


def _folders(root: Path, told_by: SourceOptions) -> list[Path]:
    """Return the folders whose lists count: the folder itself, else those below it, two levels deep."""
    if _lists(root, told_by):
        return [root]
    names = (name for name in islice(walk(root), _LOOKED_AT) if name.count("/") in (1, 2))
    folders = dict.fromkeys(root / posixpath.dirname(name) for name in names if name.lower().endswith(_SUFFIXES))
    found = [folder for folder in folders if _lists(folder, told_by)]
    return [] if not found or has_own_texts(root) else found


def _lists(folder: Path, options: SourceOptions, told_by: SourceOptions | None = None) -> list[Table | NemoManifest]:
    """Return the manifests and tables of recordings at the top of a folder; of several, those that name a split.

    Tables are told by the columns of ``told_by``, if not by those of the options.
    """
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if not set(names).isdisjoint(CSV_NAMES.values()):
        return []
    found: list[tuple[Table | NemoManifest, str | None]] = []
    for name in names:
        path, where = folder / name, str(folder / name)
        if NemoManifest.matches(path) and _is_manifest(path):
            found.append((NemoManifest(where, options), split_in(path.stem)))
        elif Table.matches(path) and _is_table(path, told_by or options):
            found.append((Table(where, options), split_in(path.stem)))
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
