"""SegLST, meeteval's JSON: a list of objects with session_id, speaker, start_time, end_time and words."""

import json
from typing import Any

from acento.scoring.files.reading import TextFile
from acento.scoring.files.transcript import Columns, Row, Segment, Transcripts

_LOOKED_AT = 1000
_KEYS = ("session_id", "speaker", "start_time", "end_time", "words")


def looks_like(text: str) -> bool:
    """Tell whether a text is a list of such objects, by its beginning."""
    return text.lstrip().startswith("[") and '"session_id"' in text[:_LOOKED_AT]


def read(file: TextFile, columns: Columns) -> Transcripts:  # noqa: ARG001 - its keys are given
    """Read a list of segments; a row's id is made of the session, the speaker and the times."""
    try:
        found = json.loads(file.text)
    except json.JSONDecodeError as error:
        raise file.wrong(error.lineno, f"this is no JSON ({error.msg} at column {error.colno}).") from None
    if not isinstance(found, list):
        raise file.wrong(1, "SegLST is a list of objects.")
    rows, segments = [], []
    for number, record in enumerate(found, start=1):
        recording, speaker, start, end, words = _values(file, number, record)
        id_ = f"{recording}-{speaker}-{start:g}-{end:g}"
        rows.append(Row(id_, number, text=words, duration_s=end - start, speaker=speaker))
        segments.append(Segment(id_, recording, "1", start, end))
    return Transcripts(file, "seglst", tuple(rows), segments=tuple(segments))


def _values(file: TextFile, number: int, record: Any) -> tuple[str, str, float, float, str]:
    if not isinstance(record, dict) or (missing := [name for name in _KEYS if record.get(name) is None]):
        what = "is no object" if not isinstance(record, dict) else f"lacks {', '.join(missing)}"
        raise file.wrong(number, f"segment {number} of SegLST {what}; it has {', '.join(_KEYS)}.")
    try:
        start, end = float(record["start_time"]), float(record["end_time"])
    except (TypeError, ValueError):
        start, end = -1.0, -1.0
    if not 0 <= start <= end < float("inf"):
        shown = record["start_time"], record["end_time"]
        raise file.wrong(number, f"segment {number} goes from {shown[0]!r} to {shown[1]!r}: give times in seconds.")
    words = record["words"]
    text = " ".join(map(str, words)) if isinstance(words, list) else str(words)
    return str(record["session_id"]), str(record["speaker"]), start, end, text
