"""A Mozilla Common Voice corpus: a language's folder with ``clips/`` and lists (``train.tsv``, ``validated.tsv``, …).

The clips of ``train.tsv``, ``dev.tsv`` and ``test.tsv`` are taken with these splits; a corpus without them gives those
of ``validated.tsv``, split by the rule. The option ``source_split`` takes one list instead, by its name (``test``,
``validated``, ``other``, …): a clip of it, or a speaker, whom train, dev or test name stays in that split. What no list
names is no input. Lists are read as Mozilla writes them: tabs between values, and quotes that mean themselves.
"""

from collections.abc import Iterator
from pathlib import Path

from acento.core.errors import DataError
from acento.data.source_options import SourceOptions
from acento.data.sources.base import Reason, Rejection, Source, SourceItem, is_file
from acento.data.sources.tables.table import to_item
from acento.data.sources.tables.table_file import TableFile
from acento.data.utterance import SPLITS

LISTS = (*SPLITS, "validated", "invalidated", "other")


class CommonVoice(Source):
    """See the module."""

    kind = "a Common Voice folder (clips/ with train.tsv, dev.tsv, test.tsv or validated.tsv)"

    def __init__(self, where: str, options: SourceOptions | None = None) -> None:
        """Open the folder.

        Raises:
            DataError: it holds several languages and none was chosen, or not the list that was asked for.
        """
        super().__init__(where, options)
        self._root = self._language(self._path)
        self._splits = [split for split in SPLITS if (self._root / f"{split}.tsv").is_file()]
        wanted = self.options.source_split
        if wanted is None:
            self._read = self._splits or ["validated"]
        else:
            self._read = [wanted]
        for name in self._read:
            if name not in _lists(self._root):
                there = ", ".join(f"{name}.tsv" for name in _lists(self._root))
                raise DataError(f"The Common Voice folder {where!r} has no {name}.tsv: its lists are {there}.")
        self._lists = [f"{name}.tsv" for name in self._read]

    @classmethod
    def matches(cls, path: Path) -> bool:
        """See :meth:`Source.matches`; the folder above the languages, ``cv-corpus-*``, is one too."""
        return _is_corpus(path) or (path.name.startswith("cv-corpus-") and path.is_dir() and bool(_languages(path)))

    def items(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Source.items`; the origin is the clip's path in the language's folder.

        Raises:
            DataError: a list cannot be read, or has no column path or sentence.
        """
        clips: dict[str, str] = {}
        speakers: dict[str, str] = {}
        if self._read != self._splits:
            for split in self._splits:
                for _, row in self._rows(split):
                    if not isinstance(row, str):
                        clips[row["path"]] = split
                        speakers[row.get("client_id") or row["path"]] = split
        for name in self._read:
            for number, row in self._rows(name):
                origin = f"{name}.tsv:{number}"
                if isinstance(row, str):
                    yield Rejection(origin, origin, Reason.BAD_ROW, row)
                    continue
                placed = clips.get(row["path"]) or speakers.get(row.get("client_id", ""))
                yield self._item({**row, "split": name if name in SPLITS else placed or ""}, origin, number)

    def _item(self, row: dict[str, str], origin: str, number: int) -> SourceItem | Rejection:
        """Return one row as an item."""
        name = row["path"]
        if not name or "/" in name or "\0" in name:
            return Rejection(origin, origin, Reason.BAD_ROW, f"Row {number} names no clip in its column path.")
        path = self._root / "clips" / name
        if not path.suffix and not is_file(path):
            path = path.with_suffix(".mp3")  # as in the first versions
        inside = f"clips/{path.name}"
        if not is_file(path):
            return Rejection(path.stem, inside, Reason.NO_AUDIO, f"There is no file {inside}, which {origin} names.")
        return to_item(path.stem, path, row["sentence"], inside, row, number)

    def _rows(self, name: str) -> Iterator[tuple[int, dict[str, str] | str]]:
        """Yield the rows of one list, each with a path and a sentence, though they may be blank."""
        shown = f"{self.where}/{name}.tsv"
        with TableFile(self._root / f"{name}.tsv", shown, quoted=False, encoding=self.options.encoding) as table:
            for column in ("path", "sentence"):
                table.column([], column, column, "")
            table.text = "sentence"
            for number, row in table.rows():
                yield number, row if isinstance(row, str) else {"path": "", "sentence": "", **row}

    def _language(self, path: Path) -> Path:
        """Return the folder of the one language, or of the one that the option ``config`` names.

        Raises:
            DataError: there are several.
        """
        if _is_corpus(path):
            return path
        found = {folder.name: folder for folder in _languages(path)}
        if self.options.config in found:
            return found[self.options.config]
        if len(found) != 1 or self.options.config is not None:
            raise DataError(f"{self.where!r} holds the languages {', '.join(sorted(found))}: name the folder of one.")
        return next(iter(found.values()))


def _lists(folder: Path) -> list[str]:
    """Return the names of the lists in a folder, without the suffix."""
    return [name for name in LISTS if (folder / f"{name}.tsv").is_file()]


def _is_corpus(folder: Path) -> bool:
    return (folder / "clips").is_dir() and bool(_lists(folder))


def _languages(folder: Path) -> list[Path]:
    return [inside for inside in sorted(folder.iterdir()) if _is_corpus(inside)]
