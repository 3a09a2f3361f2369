"""Captions that are there already, a person's or ours, as they stand in a file: with their lines and their times."""

import html
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from acento.captions.cue import Cue, Line
from acento.captions.cues import cues
from acento.captions.style import CaptionStyle
from acento.captions.words import shown
from acento.core.errors import DataError, InputError
from acento.data.document import Document
from acento.data.document_json import document_from_json
from acento.data.sources.tables.text_lines import read_text
from acento.data.sources.transcripts.subtitles import cue_blocks, cue_times, untagged, voice_of
from acento.data.sources.transcripts.ttml import paragraphs

SUFFIXES: Final = (".json", ".srt", ".vtt", ".ttml", ".dfxp")


@dataclass(frozen=True, slots=True)
class Captions:
    """What a file of captions holds, in the order of time."""

    cues: tuple[Cue, ...]
    language: str | None = None


def read_captions(path: Path, style: CaptionStyle) -> Captions:
    """Return the captions of a file: SubRip, WebVTT or TTML as they are, or those of a document's JSON in a style.

    Raises:
        InputError: the file cannot be read, or a cue's times cannot be used; the sentence names file and line.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path} is no file of captions: its name should end in {', '.join(SUFFIXES)}.")
    if suffix == ".json":
        document = read_document(path)
        return Captions(tuple(cues(document, style.without_marks)), document.language)
    data = _bytes(path) if suffix in (".ttml", ".dfxp") else read_text(path, None)
    try:
        if isinstance(data, bytes):
            language, found = paragraphs(data)
            read = [(f"paragraph {one.number}", one.start_s, one.end_s, one.lines) for one in found]
        else:
            language, read = None, list(_blocks(data, style.speakers != "none"))
        made = sorted((_cue(*one) for one in read), key=lambda cue: cue.start)
    except DataError as error:
        raise InputError(f"{path} cannot be used: {str(error).removesuffix('.')}.") from error
    if isinstance(data, str) and not read and not data.lstrip().startswith("WEBVTT") and data.strip():
        raise InputError(f"{path} has no cue: captions have lines with times, as 00:00:01,000 --> 00:00:02,500.")
    return Captions(tuple(cue for cue in made if cue.lines), language)


def read_document(path: Path) -> Document:
    """Return the document whose JSON a file is.

    Raises:
        InputError: it cannot be read, or is none.
    """
    try:
        return document_from_json(_bytes(path))
    except DataError as error:
        if path.suffix.lower() != ".json":
            raise InputError(
                f"{path} is no transcript: other formats are written of the .json of acento transcribe; to put it into "
                "a video, name the video, too."
            ) from error
        raise InputError(f"{path} cannot be used: {error}.") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}).") from error


def _blocks(text: str, named: bool) -> Iterator[tuple[str, float, float | None, tuple[str, ...]]]:
    speaker: str | None = None
    for number, timing, lines in cue_blocks(text):
        start, end = cue_times(timing) or (0.0, None)
        said = []
        for line in lines:
            before, speaker = speaker, voice_of(line) or speaker
            label = f"[{speaker}] " if named and speaker != before else ""
            said.append(label + html.unescape(untagged(line)))
        yield f"line {number}", start, end, tuple(said)


def _cue(where: str, start: float, end: float | None, lines: tuple[str, ...]) -> Cue:
    if end is None or not start < end:
        raise DataError(f"the cue of {where} should begin before it ends, as in 00:00:01,000 --> 00:00:02,500")
    return Cue(start, end, tuple(Line(text) for line in lines if (text := shown(line))))
