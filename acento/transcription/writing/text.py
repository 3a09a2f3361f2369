"""Plain text and tables of a document."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from acento.captions.style import CaptionStyle
from acento.captions.timestamps import timestamp
from acento.captions.words import shown
from acento.core.text.width import joined
from acento.data.document import Document

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""How a cell begins that a spreadsheet may take for a formula (OWASP, CSV injection)."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """What one speaker says until another does; without speakers, a passage."""

    start: float
    text: str
    speaker: str | None


def paragraphs(document: Document, style: CaptionStyle) -> Iterator[Paragraph]:
    """Yield the paragraphs of a document, those without a text left out."""
    passages = [passage for passage in document.passages if shown(passage.text)]
    named = style.speakers != "none" and any(passage.speaker for passage in passages)
    for _, group in groupby(enumerate(passages), key=lambda one: one[1].speaker if named else one[0]):
        found = [passage for _, passage in group]
        yield Paragraph(
            found[0].start, joined(shown(passage.text) for passage in found), found[0].speaker if named else None
        )


def write_txt(document: Document, style: CaptionStyle) -> str:
    """Return a document as text: a paragraph a line, with an empty line between speakers where there are any."""
    lines = []
    for paragraph in paragraphs(document, style):
        time = f"[{timestamp(paragraph.start)}] " if style.times else ""
        name = f"{shown(paragraph.speaker)}: " if paragraph.speaker else ""
        lines.append(f"{time}{name}{paragraph.text}\n")
    named = style.speakers != "none" and bool(document.speakers)
    return ("\n" if named else "").join(lines)


def write_csv(document: Document, style: CaptionStyle) -> str:  # noqa: ARG001 - it has columns, and no style
    """Return a document's passages as a table that spreadsheets open: CSV with a byte order mark.

    A text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(["start", "end", "speaker", "channel", "language", "text"])
    for passage in document.passages:
        channel = "" if passage.channel is None else passage.channel + 1
        words = [_cell(passage.speaker or ""), channel, _cell(passage.language or ""), _cell(passage.text)]
        writer.writerow([f"{passage.start:.3f}", f"{passage.end:.3f}", *words])
    return "\ufeff" + file.getvalue()


def _cell(text: str) -> str:
    text = shown(text)
    return f"'{text}" if text.startswith(_FORMULA) else text
