"""The one reader of CSV and TSV files: encoding, separator and quotes are found out, and each row is checked.

The encoding is told by a byte order mark (UTF-8, UTF-16, UTF-32), else by the option ``encoding``, else it is UTF-8.
The separator is the suffix's own (comma, tab) if the first line has it, else the one of tab, semicolon, comma and bar
that it has most often. A quote that is not closed, or that ends inside of a value, costs only the row that it begins
in: reading goes on at the next line. What cannot be known: a row that was cut at its end inside of its last value.
"""

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Literal, Self, TextIO

from acento.core.errors import DataError
from acento.data.sources.tables.text_lines import encoding_of, readable

DELIMITERS = {".csv": ",", ".tsv": "\t"}
_HEAD = 1 << 16
_UNDECODED = re.compile("[\ud800-\udfff]")
"""What stands for a byte that is no character of the encoding."""
_PROBLEMS = {
    "unexpected end of data": "a quote is not closed",
    "expected after": "a quote ends inside of a value, or is not closed",
}
"""What the csv module says about a row, and what it means for the row."""
_RECORDINGS = (".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".webm", ".aac", ".sph", ".mp4")

Row = tuple[int, dict[str, str] | str]
"""A row: the number of its last line, and its values by column in lower case, or why it cannot be used."""


class TableFile:
    """An open table: its columns, and its rows one by one, however long it is."""

    def __init__(
        self,
        path: Path,
        shown: str,
        *,
        quoted: bool | None = None,
        encoding: str | None = None,
        example: str = "",
        recode: str = "name its encoding by --encoding, or save it as UTF-8",
    ) -> None:
        """Name the file, how messages call it, whether quotes enclose values (None: by its look), and its encoding.

        Messages name ``example``, a possible first line, and ``recode``, what to do where the encoding is another.
        """
        self._path = path
        self._shown = shown
        self._quoted = quoted
        self._given = encoding
        self._example = example
        self._recode = recode
        self._number, self._width = 0, 2
        self._ahead: deque[str] = deque()
        self.refused: set[str] = set()
        """Values of rows that cannot be used, among them the names of their recordings."""
        self.text: str | None = None
        """The column with the texts, if a reader says so: a row that lacks values and has a text is refused."""

    def __enter__(self) -> Self:
        """Open the file and read its header.

        Raises:
            DataError: that cannot be done.
        """
        with ExitStack() as stack:
            with readable(f"The table {self._shown!r}"):
                self._encoding, self._delimiter = self._sniff()
                self._file = stack.enter_context(self._open())
                if self._quoted is None:
                    self._quoted = self._delimiter != "\t" or self._is_quoted()
            first_line = f"The first line of the table {self._shown!r}"
            with readable(first_line, self._encoding):
                header = next((cells for cells in self._records() if isinstance(cells, str) or _is_header(cells)), [])
            if isinstance(header, str):
                raise DataError(f"{first_line} cannot be read: {header}")
            self.columns = [name.strip().lower() for name in header]
            if problem := self._problem(header):
                example = self._example or "path,text"
                sentence = f"{problem} first line should name the columns, such as {example}."
                raise DataError(f"The table {self._shown!r} {sentence}")
            self._width = max(number for number, name in enumerate(self.columns, start=1) if name)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._stack.close()

    def _problem(self, header: Sequence[str]) -> str | None:
        """Return what is wrong with the names of the columns."""
        named = [name for name in self.columns if name]
        if any(map(_UNDECODED.search, header)):
            return f"is not {self._encoding.upper()}: {self._recode}; its"
        if not named:
            return "is empty: its"
        twice = next((name for name in named if named.count(name) > 1), None)
        return f"has two columns {twice!r}: rename one; its" if twice else None

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
        hint = f"; name one by {option}" if option and given is None else ""
        hint += f"; its first line should be {self._example}" if self._example else ""
        raise DataError(f"The table {self._shown!r} {lacks}: its columns are {there}{hint}.")

    def need(self, *names: str) -> None:
        """Make sure that the columns of these names are there.

        Raises:
            DataError: one is not; says which there are.
        """
        for name in names:
            self.column([], name, name, "")

    def rows(self) -> Iterator[Row]:
        """Yield every row that is not blank.

        Raises:
            DataError: the file cannot be read to its end.
        """
        try:
            for cells in self._records():
                if isinstance(cells, str):
                    yield self._number, cells
                elif any(cell.strip() for cell in cells):
                    values = self._values(cells, self._number)
                    if isinstance(values, str):
                        self.refused.update(cell.strip() for cell in cells)
                    yield self._number, values
        except (OSError, UnicodeError) as error:
            raise DataError(f"The table {self._shown!r} cannot be read to its end ({error}).") from error

    def _values(self, cells: list[str], number: int) -> dict[str, str] | str:
        """Return a row's values by column, or why it cannot be used."""
        if any(cell.strip() for cell in cells[len(self.columns) :]):
            return (
                f"Row {number} has {len(cells)} values for {len(self.columns)} columns: "
                "put quotes around a value with a separator in it."
            )
        if len(cells) < self._width and self.text in self.columns[: len(cells)]:
            return f"Row {number} has {len(cells)} values for {self._width} columns: a separator is missing in it."
        if any("\0" in cell for cell in cells):
            return f"Row {number} holds a NUL character: remove it."
        if any(map(_UNDECODED.search, cells)):
            return f"Row {number} is not {self._encoding.upper()}: {self._recode}."
        return {name: cell.strip() for name, cell in zip(self.columns, cells, strict=False) if name}

    def _records(self) -> Iterator[list[str] | str]:
        """Yield the cells of each record, or why there are none; ``_number`` is that of its last line read."""
        quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if self._quoted else csv.QUOTE_NONE
        while True:
            used: list[str] = []
            before = self._number
            try:
                cells = next(csv.reader(self._lines(used), delimiter=self._delimiter, quoting=quoting, strict=True))
                if not any(map(self._looks_like_a_row, used[1:])):
                    yield cells
                    continue
                problem = "a quote is not closed"
            except StopIteration:
                return
            except csv.Error as error:
                problem = next((ours for theirs, ours in _PROBLEMS.items() if theirs in str(error)), str(error))
            self.refused.update(cell.strip(' "\r\n') for cell in used[0].split(self._delimiter))
            self._ahead.extendleft(reversed(used[1:]))
            self._number = before + 1
            yield f"Row {self._number} cannot be read: {problem}."

    def _lines(self, used: list[str]) -> Iterator[str]:
        """Yield the lines that follow, and note them in ``used``."""
        while True:
            line = self._ahead.popleft() if self._ahead else self._file.readline(_HEAD << 4)
            if not line:
                return
            used.append(line)
            self._number += 1
            yield line

    def _looks_like_a_row(self, line: str) -> bool:
        """Tell whether a further line of a record looks like a row: as wide, with a recording's name."""
        cells = [cell.strip().lower() for cell in line.split(self._delimiter)]
        return len(cells) >= self._width and any(cell.endswith(_RECORDINGS) for cell in cells)

    def _open(self) -> TextIO:
        return self._path.open(encoding=self._encoding, errors="surrogateescape", newline="")

    def _is_quoted(self) -> bool:
        """Tell whether quotes enclose values of a table with tabs; else they are part of texts.

        They do if the whole table is well formed so; or if more rows are than are not, and its header is quoted, quotes
        inside of values are doubled, or three rows in four have quoted values.
        """
        with suppress(csv.Error, UnicodeError), self._open() as file:
            if len({len(row) for row in csv.reader(file, delimiter=self._delimiter, strict=True) if row}) <= 1:
                return True
        count = {True: 0, False: 0, None: 0}
        is_marked, width = False, 0
        try:
            with self._open() as file:
                for line in filter(str.strip, file):
                    enclosed = self._encloses(line, width)
                    width = width or line.count(self._delimiter) + 1
                    count[enclosed] += 1
                    is_marked |= enclosed is True and (sum(count.values()) == 1 or '""' in line)
        except UnicodeError:
            return False
        good, bad = count[True], count[False]
        return good > bad and (is_marked or good >= 3 * (bad + count[None] - 1))

    def _encloses(self, line: str, width: int) -> bool | None:
        """Tell whether the quotes of a line enclose its values; None if no value begins with one."""
        line = line.rstrip("\r\n")
        if not any(cell.startswith('"') for cell in line.split(self._delimiter)):
            return None
        try:
            cells = next(csv.reader([line], delimiter=self._delimiter, strict=True))
        except csv.Error:
            return False
        return not width or len(cells) == width

    def _sniff(self) -> tuple[str, str]:
        """Return the encoding, and what separates the columns of the first line."""
        with self._path.open("rb") as file:
            head = file.read(_HEAD)
        encoding = encoding_of(head, self._given)
        line = head.decode(encoding, "replace").lstrip("\r\n").partition("\n")[0]
        if line.lower().startswith("sep=") and len(line.strip("\r")) == 5:
            return encoding, line[4]
        usual = DELIMITERS.get(self._path.suffix.lower(), ",")
        return encoding, usual if usual in line else max((usual, *"\t;,|"), key=line.count)


def _is_header(cells: list[str]) -> bool:
    """Tell whether a line is neither blank nor ``sep=;``, which Excel writes before the header."""
    return any(map(str.strip, cells)) and not (len(cells) == 2 and cells[0].lower() == "sep=")
