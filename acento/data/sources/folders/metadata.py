"""The metadata of a Hugging Face ``audiofolder``: which files they are, and their rows one by one."""

import io
import posixpath
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from acento.core.errors import DataError
from acento.data.sources.tables.table_file import TableFile
from acento.data.sources.tables.text_lines import encoding_of, json_object, readable

BAD_ROW = "\0bad row"
"""The key of a row that could not be read: its value says why."""
NAMES = "\0names"
"""The key under which such a row has values, among them the path of its recording if that can be told."""
METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
LEVELS = ("", "*/", "*/*/")
"""Patterns of the folders in which data are looked for."""
TEXT = (
    *("text", "sentence", "transcription", "transcript", "raw_text", "raw_transcription"),
    *("normalized_text", "text_normalized", "orthographic_text", "txt"),
)
"""Names of columns with texts, the likeliest first."""

_FILE_NAME = re.compile(r'"file_name"\s*:\s*"([^"\\]+)"')


def metadata_of(folder: Path) -> list[str]:
    """Return the metadata files in a folder that name recordings, relative to it."""
    paths = sorted(path for level in LEVELS for name in METADATA for path in folder.glob(level + name))
    return [path.relative_to(folder).as_posix() for path in paths if _names_recordings(path)]


def _names_recordings(path: Path) -> bool:
    if path.suffix != ".parquet":
        with path.open("rb") as file:
            return b"file_name" in file.readline(1 << 16).replace(b"\0", b"")
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return "file_name" in pq.read_schema(path).names
    except (pa.ArrowException, OSError):
        return False


def metadata_rows(name: str, data: bytes, encoding: str | None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a metadata file, ``file_name`` relative to the root of the data set."""
    folder = posixpath.dirname(name)
    for row in _table_rows(name, data, encoding) if name.endswith(".csv") else _object_rows(name, data, encoding):
        file = row.get("file_name")
        if BAD_ROW in row:
            yield {**row, NAMES: [posixpath.join(folder, value) for value in row[NAMES]]}
        elif not isinstance(file, str | None):
            yield {BAD_ROW: f"A row of {name} has a file_name that is no string."}
        else:
            yield {**row, "file_name": posixpath.join(folder, file) if file else None}


def _table_rows(name: str, data: bytes, encoding: str | None) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="acento-") as folder:
        path = Path(folder) / "metadata.csv"
        path.write_bytes(data)
        with TableFile(path, name, encoding=encoding, example="file_name,transcription") as table:
            table.text = next((column for column in table.columns if column in TEXT), None)
            for _, row in table.rows():
                yield {BAD_ROW: f"{name}: {row}", NAMES: [*table.refused]} if isinstance(row, str) else dict(row)
                table.refused.clear()


def _object_rows(name: str, data: bytes, encoding: str | None) -> Iterator[dict[str, Any]]:
    if name.endswith(".parquet"):
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            yield from pq.read_table(io.BytesIO(data)).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{name} cannot be read ({error}).") from error
        return
    encoding = encoding_of(data, encoding)
    with readable(name, encoding):
        lines = data.decode(encoding).split("\n")
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                row = json_object(line)
            except ValueError:
                row = {BAD_ROW: f"Line {number} of {name} is no JSON object.", NAMES: _FILE_NAME.findall(line)}
            yield row
