"""A CSV or TSV file whose first line names its columns: one with the recordings' paths, one with their texts.

The usual names of columns are known (``path``, ``file_name``, ``audio``, …; ``sentence``, ``text``, …), others are
given by the options ``audio_column`` and ``text_column``. Paths are relative to the table's folder, or absolute. An id
(``uid``, ``id``), ``split``, ``speaker`` or ``client_id``, ``accent`` or ``accents``, ``language`` or ``locale`` are
taken where they are there; without an id, the path without its suffix is the id.
"""

import csv
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Self

from acento.data.sources.base import Reason, Rejection, Source, SourceItem, SourceOptions, is_file, parse_split
from acento.errors import DataError

DELIMITERS = {".csv": ",", ".tsv": "\t"}
AUDIO = (
    *("audio_filepath", "audio_path", "audio_file", "file_name", "filename", "file_path", "filepath"),
    *("path", "audio", "file", "wav", "wav_filename", "clip", "recording"),
)
TEXT = ("sentence", "text", "transcript", "transcription", "transcripts", "transcriptions", "raw_text", "reference")
ID = ("uid", "id", "utt_id", "utterance_id")
SPLIT = ("split", "subset", "partition")
SPEAKER = ("speaker", "speaker_id", "client_id")
ACCENT = ("accent", "accents")
LANGUAGE = ("language", "locale", "lang")

_HEAD = 1 << 16

Row = tuple[int, dict[str, str] | str]
"""A row: the number of its last line, and its values by column in lower case, or why it cannot be used."""


class Table(Source):
    """See the module."""

    kind = "a table (.csv or .tsv, its first line with the names of the columns, such as path,text)"

    def __init__(self, where: str, options: SourceOptions | None = None) -> None:
        """Keep the table's path."""
        super().__init__(where, options)
        self._path = Path(where).expanduser()

    @classmethod
    def matches(cls, where: str) -> bool:
        """See :meth:`Source.matches`."""
        path = Path(where).expanduser()
        return path.suffix.lower() in DELIMITERS and path.is_file()

    def lists(self) -> Collection[str]:
        """See :meth:`Source.lists`."""
        return [self._path.name]

    def items(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Source.items`; the origin is the recording's path as the table gives it.

        Raises:
            DataError: the header is not readable, or has no column for the recordings or the texts.
        """
        wanted = self.options.source_split
        with TableFile(self._path, self.where) as table:
            audio = table.column(AUDIO, self.options.audio_column, "the recordings' paths", "audio_column")
            text = table.column(TEXT, self.options.text_column, "the texts", "text_column")
            if wanted is not None:
                table.column(SPLIT, None, f"the split, of which {wanted!r} was asked for", "")
            for number, row in table.rows():
                origin = f"{self._path.name}:{number}"
                if isinstance(row, str):
                    yield Rejection(origin, origin, Reason.BAD_ROW, row)
                elif wanted is None or value(row, SPLIT).lower() == wanted.lower():
                    yield self._item(row, row.get(audio, ""), row.get(text, ""), origin, number)

    def _item(self, row: dict[str, str], name: str, text: str, origin: str, number: int) -> SourceItem | Rejection:
        """Return one row as an item."""
        uid = value(row, ID)
        if not name or "\0" in name:
            return Rejection(uid or origin, origin, Reason.BAD_ROW, f"Row {number} names no recording.")
        folder = self._path.parent
        path = folder / name
        inside = PurePosixPath(path.relative_to(folder) if path.is_relative_to(folder) else path)
        uid = uid or inside.with_suffix("").as_posix().lstrip("/")
        if not is_file(path):
            detail = f"There is no file {name}, which row {number} names."
            return Rejection(uid, inside.as_posix(), Reason.NO_AUDIO, detail)
        return to_item(uid, path, text, inside.as_posix(), row, number)


class TableFile:
    """An open table: its columns, and its rows one by one, however long it is."""

    def __init__(self, path: Path, shown: str, *, quoted: bool | None = None) -> None:
        """Name the file, how messages call it, and whether quotes enclose values (None: by its look)."""
        self._path = path
        self._shown = shown
        self._quoted = quoted

    def __enter__(self) -> Self:
        """Open the file and read its header.

        Raises:
            DataError: that cannot be done.
        """
        try:
            encoding, delimiter = self._sniff()
            self._file = self._path.open(encoding=encoding, errors="surrogateescape", newline="")
        except OSError as error:
            raise DataError(f"The table {self._shown!r} cannot be read ({error.strerror}).") from error
        quoted = self._quoted
        if quoted is None:
            quoted = delimiter != "\t" or _is_well_formed(self._file)
            self._file.seek(0)
        self._reader = csv.reader(
            self._file, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
        )
        try:
            header = next(self._reader, [])
        except (csv.Error, UnicodeError) as error:
            self._file.close()
            raise DataError(f"The first line of the table {self._shown!r} cannot be read ({error}).") from error
        self.columns = [name.strip().lower() for name in header]
        if not any(self.columns) or not all(map(_is_utf8, header)):
            self._file.close()
            what = (
                "is empty: its first line" if not any(self.columns) else "is not UTF-8: save it as such; its first line"
            )
            raise DataError(f"The table {self._shown!r} {what} should name the columns, such as path,text.")
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def column(self, names: Sequence[str], given: str | None, what: str, option: str) -> str:
        """Return the first of these columns that is there, or the one that was given.

        Raises:
            DataError: there is none; says which there are.
        """
        for name in names if given is None else [given.strip().lower()]:
            if name in self.columns:
                return name
        there = ", ".join(name for name in self.columns if name)
        lacks = f"has no column {given!r}" if given is not None else f"has no column for {what} ({', '.join(names)})"
        mend = f"; name one by {option}" if option and given is None else ""
        raise DataError(f"The table {self._shown!r} {lacks}: its columns are {there}{mend}.")

    def rows(self) -> Iterator[Row]:
        """Yield every row that is not blank.

        Raises:
            DataError: the file cannot be read to its end.
        """
        while True:
            try:
                cells = next(self._reader, None)
            except csv.Error as error:
                yield (
                    self._reader.line_num,
                    f"Row {self._reader.line_num} is no {self._path.suffix[1:].upper()} ({error}).",
                )
                continue
            except (OSError, UnicodeError) as error:
                raise DataError(f"The table {self._shown!r} cannot be read to its end ({error}).") from error
            if cells is None:
                return
            if any(cell.strip() for cell in cells):
                yield self._reader.line_num, self._values(cells, self._reader.line_num)

    def _values(self, cells: list[str], number: int) -> dict[str, str] | str:
        """Return a row's values by column, or why it cannot be used."""
        if any(cell.strip() for cell in cells[len(self.columns) :]):
            return (
                f"Row {number} has {len(cells)} values for {len(self.columns)} columns: "
                "put quotes around a value with a separator in it."
            )
        if not all(map(_is_utf8, cells)):
            return f"Row {number} is not UTF-8: save the table as UTF-8."
        return {name: cell.strip() for name, cell in zip(self.columns, cells, strict=False) if name}

    def _sniff(self) -> tuple[str, str]:
        """Return the encoding by the byte order mark, and what separates the columns of the first line."""
        with self._path.open("rb") as file:
            head = file.read(_HEAD)
        encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        line = head.decode(encoding, "replace").partition("\n")[0]
        usual = DELIMITERS.get(self._path.suffix.lower(), ",")
        return encoding, usual if usual in line else max((usual, *"\t;,|"), key=line.count)


def to_item(uid: str, path: Path, text: str, origin: str, row: dict[str, str], number: int) -> SourceItem | Rejection:
    """Return a row, whose recording is there, as an item with the facts that its usual columns give."""
    if not text:
        return Rejection(uid, origin, Reason.NO_TRANSCRIPT, f"Row {number} has no text.")
    try:
        split = parse_split(value(row, SPLIT))
    except ValueError as error:
        return Rejection(uid, origin, Reason.BAD_ROW, f"Row {number} cannot be used: {error}.")
    language, speaker, accent = (value(row, names) or None for names in (LANGUAGE, SPEAKER, ACCENT))
    return SourceItem(uid, path, text, origin, split, language, speaker, accent)


def value(row: dict[str, str], names: Sequence[str]) -> str:
    """Return what a row says in the first of these columns that it has a value in, or "".

    >>> value({"accent": "", "accents": "Chile"}, ACCENT)
    'Chile'
    """
    return next((row[name] for name in names if row.get(name)), "")


def _is_well_formed(table: Iterable[str]) -> bool:
    """Tell whether quotes enclose values in a table with tabs, or are no more than part of a text.

    There a value that begins with a quote which is never closed would swallow the rows that follow it, so quotes are
    taken for what encloses values only if the whole file is well formed that way.
    """
    try:
        return len({len(row) for row in csv.reader(table, delimiter="\t", strict=True) if row}) <= 1
    except (csv.Error, UnicodeError):
        return False


def _is_utf8(text: str) -> bool:
    """Tell whether text was UTF-8: ``surrogateescape`` leaves bytes that were not as lone surrogates."""
    return text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)
