"""RTTM: who speaks when, a row a turn, without a text."""

from acento.core.errors import InputError
from acento.data.rttm import read_rttm
from acento.scoring.files.reading import TextFile
from acento.scoring.files.transcript import Columns, Row, Segment, Transcripts


def read(file: TextFile, columns: Columns) -> Transcripts:  # noqa: ARG001 - it has no columns
    """Read ``SPEAKER recording channel begin duration <NA> <NA> speaker``; see :mod:`acento.data.rttm`."""
    try:
        recordings = read_rttm(file.text)
    except InputError as error:
        raise InputError(f"{file.path}: {error}") from None
    rows, segments = [], []
    for recording, turns in recordings.items():
        for turn in turns:
            id_ = f"{recording}-{turn.speaker}-{turn.start:g}-{turn.end:g}"
            rows.append(Row(id_, 1, duration_s=turn.end - turn.start, speaker=turn.speaker))
            segments.append(Segment(id_, recording, "1", turn.start, turn.end))
    return Transcripts(file, "rttm", tuple(rows), segments=tuple(segments))
