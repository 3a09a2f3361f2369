"""NIST's trn: the words, then the id in parentheses, a line each."""

import re

from acento.scoring.files.reading import TextFile
from acento.scoring.files.transcript import Columns, Row, Transcripts

LINE = re.compile(r"(.*?)\s*\(([^()\s]+)\)\s*")
_COMMENT = ";;"


def read(file: TextFile, columns: Columns) -> Transcripts:  # noqa: ARG001 - it has no columns
    """Read ``words (id)``; what stands before the first ``-`` or ``_`` of an id is its speaker, as for sclite's spu_id.

    >>> from pathlib import Path
    >>> read(TextFile(Path("a.trn"), "hola po (ana-01)\\n", ""), Columns()).rows[0].speaker
    'ana'
    """
    rows = []
    for number, line in file.lines():
        if line.startswith(_COMMENT):
            continue
        found = LINE.fullmatch(line)
        if found is None:
            raise file.wrong(number, "there is no id in parentheses at its end: words (id).")
        speaker, *rest = re.split("[-_]", found[2], maxsplit=1)
        rows.append(Row(found[2], number, text=found[1].strip(), speaker=speaker if rest else None))
    return Transcripts(file, "trn", tuple(rows))
