"""Labels of Audacity (.txt): ``begin<TAB>end<TAB>text``, a line an utterance; lines of frequencies are none."""

import re
from pathlib import Path

from acento.core.errors import DataError
from acento.data.sources.base import Reason
from acento.data.sources.tables.text_lines import read_text
from acento.data.sources.transcripts.segments import TimedSegment, TranscriptFile, Unusable, checked

_LABEL = re.compile(r"\s*(-?\d+[.,]?\d*)\t(-?\d+[.,]?\d*)(?:\t(.*))?")


def is_labels(path: Path) -> bool:
    """Tell whether every line of a text is a label."""
    try:
        if path.stat().st_size > 16 << 20:
            return False
        lines = [line for line in read_text(path).split("\n") if line.strip() and not line.startswith("\\")]
    except (DataError, OSError):
        return False
    return bool(lines) and all(map(_LABEL.fullmatch, lines))


def read_labels(text: str) -> TranscriptFile:
    """Return the labels of a file."""
    lines = enumerate(text.split("\n"), start=1)
    return TranscriptFile([_label(line, n) for n, line in lines if line.strip() and not line.startswith("\\")])


def _label(line: str, number: int) -> TimedSegment | Unusable:
    found = _LABEL.fullmatch(line)
    if found is None:
        return Unusable(number, Reason.BAD_ROW, f"Line {number} is no label with two times.")
    start, end = (float(found[n].replace(",", ".")) for n in (1, 2))
    return checked(TimedSegment(start, end, (found[3] or "").strip(), number))
