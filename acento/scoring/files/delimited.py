"""Tables with a line of column names: CSV, with commas or semicolons, and TSV."""

import csv
from collections.abc import Iterator

from acento.scoring.files.reading import TextFile
from acento.scoring.files.transcript import Columns, Transcripts, of_records

_DELIMITERS = {"csv": ",;", "tsv": "\t"}


def read_csv(file: TextFile, columns: Columns) -> Transcripts:
    """Read a table with commas or semicolons between its columns; an empty cell is an empty text."""
    return _read(file, "csv", columns)


def read_tsv(file: TextFile, columns: Columns) -> Transcripts:
    """Read a table with tabs between its columns."""
    return _read(file, "tsv", columns)


def header(file: TextFile, format: str) -> list[str]:
    """Return the names in the first line."""
    _allow_long_cells(file)
    return next(csv.reader([file.text.lstrip("\n").partition("\n")[0]], delimiter=_delimiter(file, format)), [])


def _delimiter(file: TextFile, format: str) -> str:
    first = file.text.lstrip("\n").partition("\n")[0]
    return max(_DELIMITERS[format], key=first.count)


def _read(file: TextFile, format: str, columns: Columns) -> Transcripts:
    names = header(file, format)

    def records() -> Iterator[tuple[int, dict[str, str]]]:
        # quotes have a meaning in TSV too: pandas and R write them around a cell that holds one
        rows = csv.reader(_lines(file.text), delimiter=delimiter)
        began = 1
        for number, cells in enumerate(rows):
            line, began = began, rows.line_num + 1
            if not cells or number == 0:
                continue
            if len(cells) != len(names):
                raise file.wrong(line, f"there are {len(cells)} cells under {len(names)} column names.")
            yield line, dict(zip(names, cells, strict=True))

    delimiter = _delimiter(file, format)
    return of_records(file, format, records(), names, columns)


def _allow_long_cells(file: TextFile) -> None:
    """Let a cell be as long as the file: the limit of ``csv`` is of the whole process, and 131,072 characters at first.

    Other formats are told from tables by their first line, so that it holds for their lines, too.
    """
    csv.field_size_limit(max(csv.field_size_limit(), len(file.text) + 1))


def _lines(text: str) -> Iterator[str]:
    """Yield lines with their ends; only the line feed ends one."""
    start = 0
    text = text.lstrip("\n")
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end
