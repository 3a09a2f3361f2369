"""The formats in which a transcription is written, and writing one file of them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from acento.captions.srt import write_srt
from acento.captions.style import CaptionStyle
from acento.captions.ttml import write_ttml
from acento.captions.vtt import write_vtt
from acento.core.errors import InputError
from acento.core.extras import Extra, require
from acento.core.output import write_whole
from acento.data.document import Document, Passage, Removed
from acento.data.document_json import document_to_json
from acento.data.words import Turn, Word
from acento.transcription.writing.docx import write_docx
from acento.transcription.writing.nist import write_ctm, write_rttm, write_stm
from acento.transcription.writing.text import write_csv, write_txt


@dataclass(frozen=True, slots=True)
class Format:
    """A format of transcriptions."""

    suffix: str
    """With its point."""
    description: str
    content: Callable[[Document, CaptionStyle], str | bytes]
    """Returns what a file holds."""
    words: bool = False
    """Whether it is better where the model gives times of words; without them they are guessed from the passages'."""
    speakers: bool = False
    """Whether it says nothing without diarization."""
    extra: Extra | None = None
    """The optional dependency that it needs."""


def _json(document: Document, style: CaptionStyle) -> str:  # noqa: ARG001 - it holds all of a document
    return document_to_json(document)


FORMATS: Final[Mapping[str, Format]] = {
    "txt": Format(".txt", "plain text, a paragraph a speaker", write_txt),
    "srt": Format(".srt", "captions that every player knows", write_srt, words=True),
    "vtt": Format(".vtt", "captions of the web, with speakers", write_vtt, words=True),
    "ttml": Format(".ttml", "captions of broadcasters (IMSC 1.1)", write_ttml, words=True),
    "json": Format(".json", "everything, with words; acento captions makes the others of it", _json, words=True),
    "csv": Format(".csv", "a table of passages for spreadsheets", write_csv),
    "rttm": Format(".rttm", "who speaks when", write_rttm, speakers=True),
    "ctm": Format(".ctm", "words with their times, for sclite", write_ctm, words=True),
    "stm": Format(".stm", "passages with their times and speakers, for sclite", write_stm),
    "docx": Format(".docx", "a document for Word and LibreOffice", write_docx, extra="docx"),
}


def check_format(name: str) -> Format:
    """Return a format by its name.

    Raises:
        InputError: there is none of that name, or what it needs is not installed.
    """
    found = FORMATS.get(name.lower().removeprefix("."))
    if found is None:
        raise InputError(f"There is no format {name!r}; there is {', '.join(FORMATS)}.")
    if found.extra is not None:
        require(found.extra, f"The format {name}")
    return found


def write(
    document: Document, format_name: str, path: Path, style: CaptionStyle | None = None, *, overwrite: bool = False
) -> bool:
    """Write a document to a file, which appears whole; return False if it was there already with the same bytes.

    Raises:
        InputError: there is no such format, a time is not finite, another content is there and ``overwrite`` is not
            given (a person may have corrected it), or the file cannot be written.
    """
    kind = check_format(format_name)
    _check_times(document)
    content = kind.content(document, style or CaptionStyle())
    data = content if isinstance(content, bytes) else content.encode("utf-8", "replace")
    return write_whole(path, data, replace=overwrite)


def _check_times(document: Document) -> None:
    if not math.isfinite(document.duration_s):
        raise InputError(f"{document.name} lasts {document.duration_s} s: give its length in seconds.")
    timed: list[Passage | Word | Turn | Removed]
    timed = [*document.passages, *document.words, *document.turns, *document.removed]
    for one in timed:
        if not (math.isfinite(one.start) and math.isfinite(one.end)):
            said = one.speaker if isinstance(one, Turn) else one.text
            raise InputError(f"{document.name}: {said!r} goes from {one.start} to {one.end} s: give it finite times.")
