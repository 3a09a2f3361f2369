"""Kaldi's ``text``: an id, then the words, a line each."""

from acento.scoring.files.reading import TextFile
from acento.scoring.files.transcript import Columns, Row, Transcripts


def read(file: TextFile, columns: Columns) -> Transcripts:  # noqa: ARG001 - it has no columns
    """Read ``id words…``; an id alone is an empty text."""
    rows = []
    for number, line in file.lines():
        id_, *rest = line.split(maxsplit=1)
        rows.append(Row(id_, number, text=rest[0].rstrip() if rest else ""))
    return Transcripts(file, "kaldi", tuple(rows))
