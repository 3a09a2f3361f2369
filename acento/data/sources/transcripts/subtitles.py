"""Subtitles (SubRip, .srt; WebVTT, .vtt), labels of Audacity (.txt), and JSON as Whisper and its relatives write it.

Of a subtitle's text this is removed: tags (``<i>``, ``<font …>``, ``<c.color>``, times in it), positions
(``{\\an8}``), ``[music]`` and what else is in square brackets, a line that is all in round brackets, music signs (♪),
the marks of a change of speaker at the begin of a line (``- ``, ``>> ``). ``&amp;`` and the like become their
characters. A cue of which nothing is left has no text. In captions that roll (YouTube's, with a time for each word) a
cue shows the line before once more: it is left out. ``<v Ana>`` of WebVTT names the speaker. The parsers of the kept
libraries leave out cues that they cannot read without a word, so the cues are read here.

A label is ``begin<TAB>end<TAB>text``, a line an utterance; lines of frequencies are none.

JSON is an object with ``segments`` of ``start, end, text``: of ``openai-whisper``, ``verbose_json`` of the API,
faster-whisper and WhisperX (with ``speaker``); or whisper.cpp's ``transcription`` with ``offsets`` in milliseconds.
"""

import html
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from acento.core.errors import DataError
from acento.core.text.width import joined
from acento.data.sources.base import RejectReason
from acento.data.sources.tables.text_lines import json_object, read_text
from acento.data.sources.transcripts.segments import Segment, TimedSegment, TranscriptFile, Unusable, checked

_TIME = r"(?:(\d+):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,9}))?"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]*)>")
_BREAK = re.compile(r"<br\s*/?>|\\[Nn]", re.I)
_WORD_TIME = re.compile(r"<(?:\d+:)?\d+:\d+[.,]\d+>")
_TAGS = re.compile(r"</?[A-Za-z][^<>]*>|<(?:\d+:)?\d+:\d+[.,]\d+>|\{\\[^{}]*\}|[\u200e\u200f]")
_SOUNDS = re.compile(r"\[[^\[\]]*\]|[♪♫♬]")
_ALL_IN_BRACKETS = re.compile(r"\s*(?:[-–—>]+\s*)?\([^()]*\)\s*")
_NEW_SPEAKER = re.compile(r"^\s*(?:[-–—]\s*(?=\S)|>>+\s*)")
_LABEL = re.compile(r"\s*(-?\d+[.,]?\d*)\t(-?\d+[.,]?\d*)(?:\t(.*))?")
_BLOCK = re.compile(r"(NOTE|STYLE|REGION)(\s.*)?")


def read_subtitles(text: str) -> TranscriptFile:
    """Return the cues of a file in either format, each with the number of its line with the times."""
    segments: list[Segment] = []
    rolls = _WORD_TIME.search(text) is not None
    before: set[str] = set()
    for number, timing, words in cue_blocks(text):
        if rolls:
            shown, before = before, {clean([line]) for line in words}
            words = [line for line in words if _WORD_TIME.search(line) or clean([line]) not in shown]
            if before != {""} and not any(map(str.strip, words)):
                detail = f"The cue at line {number} shows the words of the one before."
                segments.append(Unusable(number, detail, RejectReason.NO_TRANSCRIPT))
                continue
        segments.append(_cue(timing, words, number))
    return TranscriptFile(segments)


def cue_blocks(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Yield each cue as it stands there: the number of its line with the times, that line, and those below it."""
    lines = text.split("\n")
    rolls = _WORD_TIME.search(text) is not None
    at = 0
    while at < len(lines):
        first = at
        at += 1
        if _BLOCK.fullmatch(lines[first]) and not (first and lines[first - 1].strip()):
            while at < len(lines) and lines[at].strip():
                at += 1
        elif "-->" in lines[first]:
            while at < len(lines) and (lines[at].strip() or (rolls and lines[at])) and not _begins_cue(lines, at):
                at += 1
            yield first + 1, lines[first], lines[first + 1 : at]


def _begins_cue(lines: Sequence[str], at: int) -> bool:
    """Tell whether a new cue begins at a line, where the blank line before it is missing."""
    following = lines[at + 1] if at + 1 < len(lines) else ""
    return "-->" in lines[at] or (lines[at].strip().isdecimal() and "-->" in following)


def _cue(timing: str, lines: Sequence[str], number: int) -> Segment:
    times = cue_times(timing)
    if times is None:
        return Unusable(number, f"Line {number} should hold times such as 00:00:01,000 --> 00:00:02,500.")
    voices = {name for line in lines if (name := voice_of(line))}
    text = clean(lines)
    if not text and any(line.strip() for line in lines):
        detail = f"The cue at line {number} holds no words: {' '.join(' '.join(lines).split())[:60]}."
        return Unusable(number, detail, RejectReason.NO_TRANSCRIPT)
    return checked(TimedSegment(*times, text, number, voices.pop() if len(voices) == 1 else None))


def cue_times(timing: str) -> tuple[float, float] | None:
    """Return when a cue begins and ends, in seconds; None if its line with the times is none."""
    found = _TIMES.fullmatch(timing)
    return found and (_seconds(found.groups()[:4]), _seconds(found.groups()[4:]))


def voice_of(line: str) -> str | None:
    """Return who speaks first in a line of WebVTT, if it says so.

    >>> voice_of("<v.loud Ana &amp; Ben>Hola")
    'Ana & Ben'
    """
    found = _VOICE.search(line)
    return (html.unescape(found[1]).strip() or None) if found else None


def untagged(line: str) -> str:
    """Return a line of a cue without tags and positions; what stands for a character, such as ``&amp;``, stays."""
    return _TAGS.sub("", _BREAK.sub(" ", line))


def clean(lines: Sequence[str]) -> str:
    """Return the words of a cue; see the module.

    >>> clean(["- <i>Hola</i>, {\\\\an8}¿qué tal?", "- Bien. [risas]", "(aplausos)", "AT&amp;T"])
    'Hola, ¿qué tal? Bien. AT&T'
    """
    texts = []
    for line in lines:
        left = _SOUNDS.sub(" ", untagged(line))
        if not _ALL_IN_BRACKETS.fullmatch(left):
            texts.append(" ".join(html.unescape(_NEW_SPEAKER.sub("", left)).split()))
    text = joined(texts)
    return text if any(character.isalnum() for character in text) else ""


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    return float(f"{int(hours) * 3600 + int(minutes) * 60 + int(seconds)}.{fraction}")


def is_labels(path: Path) -> bool:
    """Tell whether every line of a text is a label of Audacity."""
    try:
        lines = _label_lines(read_text(path)) if path.stat().st_size <= 16 << 20 else {}
    except (DataError, OSError):
        return False
    return bool(lines) and all(map(_LABEL.fullmatch, lines.values()))


def read_labels(text: str) -> TranscriptFile:
    """Return the labels of a file of Audacity."""
    return TranscriptFile([_label(line, number) for number, line in _label_lines(text).items()])


def _label_lines(text: str) -> dict[int, str]:
    lines = enumerate(text.split("\n"), start=1)
    return {number: line for number, line in lines if line.strip() and not line.startswith("\\")}


def _label(line: str, number: int) -> Segment:
    found = _LABEL.fullmatch(line)
    if found is None:
        return Unusable(number, f"Line {number} is no label with two times.")
    start, end = (float(found[n].replace(",", ".")) for n in (1, 2))
    return checked(TimedSegment(start, end, (found[3] or "").strip(), number))


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
    segments = [_json_segment(segment, number) for number, segment in enumerate(listed, start=1)]
    return TranscriptFile(segments, language=language if isinstance(language, str) else None)


def _listed(body: dict[str, Any]) -> list[Any] | None:
    for key in ("segments", "transcription"):
        value = body.get(key)
        if isinstance(value, list) and all(isinstance(segment, dict) for segment in value):
            return value
    return None


def _json_segment(segment: dict[str, Any], number: int) -> Segment:
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
