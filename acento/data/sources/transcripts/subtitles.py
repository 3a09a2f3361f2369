"""Subtitles, SubRip (.srt) and WebVTT (.vtt), whose cues are utterances, and labels of Audacity (.txt).

Of a cue's text this is removed: tags (``<i>``, ``<font …>``, ``<c.color>``, times in it), positions (``{\\an8}``),
``[music]`` and what else is in square brackets, a line that is all in round brackets, music signs (♪), the marks of a
change of speaker at the begin of a line (``- ``, ``>> ``). ``&amp;`` and the like become their characters. A cue of
which nothing is left has no text. In captions that roll (YouTube's, with a time for each word) a cue shows the line
before once more: it is left out. ``<v Ana>`` of WebVTT names the speaker. Styles, regions and notes are none.

A label is ``begin<TAB>end<TAB>text``, a line an utterance; lines of frequencies are none.

The parsers of the kept libraries leave out cues that they cannot read without a word, so the cues are read here.
"""

import html
import re
from collections.abc import Sequence
from pathlib import Path

from acento.core.errors import DataError
from acento.data.sources.base import RejectReason
from acento.data.sources.tables.text_lines import read_text
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
    lines = text.split("\n")
    rolls = _WORD_TIME.search(text) is not None
    before: set[str] = set()
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
            words = lines[first + 1 : at]
            if rolls:
                shown, before = before, {clean([line]) for line in words}
                words = [line for line in words if _WORD_TIME.search(line) or clean([line]) not in shown]
                if before != {""} and not any(map(str.strip, words)):
                    detail = f"The cue at line {first + 1} shows the words of the one before."
                    segments.append(Unusable(first + 1, detail, RejectReason.NO_TRANSCRIPT))
                    continue
            segments.append(_cue(lines[first], words, first + 1))
    return TranscriptFile(segments)


def _begins_cue(lines: Sequence[str], at: int) -> bool:
    """Tell whether a new cue begins at a line, where the blank line before it is missing."""
    following = lines[at + 1] if at + 1 < len(lines) else ""
    return "-->" in lines[at] or (lines[at].strip().isdecimal() and "-->" in following)


def _cue(timing: str, lines: Sequence[str], number: int) -> Segment:
    found = _TIMES.fullmatch(timing)
    if found is None:
        return Unusable(number, f"Line {number} should hold times such as 00:00:01,000 --> 00:00:02,500.")
    start, end = _seconds(found.groups()[:4]), _seconds(found.groups()[4:])
    voices = {name.strip() for line in lines for name in _VOICE.findall(line)}
    text = clean(lines)
    if not text and any(line.strip() for line in lines):
        detail = f"The cue at line {number} holds no words: {' '.join(' '.join(lines).split())[:60]}."
        return Unusable(number, detail, RejectReason.NO_TRANSCRIPT)
    speaker = html.unescape(voices.pop()) if len(voices) == 1 else None
    return checked(TimedSegment(start, end, text, number, speaker or None))


def clean(lines: Sequence[str]) -> str:
    """Return the words of a cue; see the module.

    >>> clean(["- <i>Hola</i>, {\\\\an8}¿qué tal?", "- Bien. [risas]", "(aplausos)", "AT&amp;T"])
    'Hola, ¿qué tal? Bien. AT&T'
    """
    words = []
    for line in lines:
        left = _SOUNDS.sub(" ", _TAGS.sub("", _BREAK.sub(" ", line)))
        if not _ALL_IN_BRACKETS.fullmatch(left):
            words += html.unescape(_NEW_SPEAKER.sub("", left)).split()
    return " ".join(words) if any(c.isalnum() for word in words for c in word) else ""


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
