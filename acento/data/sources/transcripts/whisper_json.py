"""Transcripts in JSON as Whisper and its relatives write them: an object with ``segments`` of ``start, end, text``.

``openai-whisper``, ``verbose_json`` of the API, faster-whisper and WhisperX (with ``speaker``) are known, and
whisper.cpp's ``transcription`` with ``offsets`` in milliseconds. The language is the file's.
"""

from pathlib import Path
from typing import Any

from acento.core.errors import DataError
from acento.data.sources.tables.text_lines import json_object
from acento.data.sources.transcripts.segments import Segment, TimedSegment, TranscriptFile, Unusable, checked

_LARGEST = 256 << 20


def is_whisper_json(path: Path) -> bool:
    """Tell whether a file is one: a JSON object, no manifest, with a list of segments."""
    try:
        with path.open("rb") as file:
            head = file.read(1 << 16)
        if not head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{") or b'"audio_filepath"' in head:
            return False
        return path.stat().st_size <= _LARGEST and _listed(json_object(path.read_bytes())) is not None
    except (OSError, ValueError):
        return False


def read_whisper_json(text: str) -> TranscriptFile:
    """Return the segments of a file.

    Raises:
        DataError: it is no such JSON.
    """
    try:
        body = json_object(text)
    except ValueError as error:
        raise DataError(f"it is no JSON ({error})") from error
    listed = _listed(body)
    if listed is None:
        raise DataError("it has no list of segments")
    language = body.get("language") or (body.get("result") or {}).get("language")
    segments = [_segment(segment, number) for number, segment in enumerate(listed, start=1)]
    return TranscriptFile(segments, language=language if isinstance(language, str) else None)


def _listed(body: dict[str, Any]) -> list[Any] | None:
    for key in ("segments", "transcription"):
        value = body.get(key)
        if isinstance(value, list) and all(isinstance(segment, dict) for segment in value):
            return value
    return None


def _segment(segment: dict[str, Any], number: int) -> Segment:
    offsets, text, speaker = segment.get("offsets"), segment.get("text"), segment.get("speaker")
    try:
        if isinstance(offsets, dict):
            start, end = float(offsets["from"]) / 1000, float(offsets["to"]) / 1000
        else:
            start, end = float(segment["start"]), float(segment["end"])
        if not isinstance(text, str):
            raise TypeError
    except (KeyError, TypeError, ValueError, OverflowError):
        return Unusable(number, f"Segment {number} should have start and end in seconds, and a text.")
    return checked(
        TimedSegment(start, end, " ".join(text.split()), number, speaker if isinstance(speaker, str) else None)
    )
