"""A document for Word and LibreOffice: a title, facts, and paragraphs with the speakers in bold."""

import io
import zipfile
from datetime import UTC, datetime
from typing import Any, Final

from acento.captions.style import CaptionStyle
from acento.captions.timestamps import timestamp
from acento.captions.words import shown, title_of
from acento.core.text.direction import right_to_left
from acento.data.document import Document
from acento.transcription.writing.text import Paragraph, paragraphs

_MADE: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""The time that is written, so that the same document gives the same bytes."""
_GRAY: Final = (0x60, 0x60, 0x60)


def write_docx(document: Document, style: CaptionStyle) -> bytes:
    """Return a document as a .docx file, the same bytes for the same document."""
    import docx

    file = docx.Document()
    title = title_of(document)
    file.core_properties.title = title
    file.core_properties.author = shown(document.model or "")
    file.core_properties.comments = ""
    file.core_properties.created = file.core_properties.modified = _MADE
    if document.language is not None:
        file.core_properties.language = document.language
    file.add_heading(title, level=0)
    facts = [timestamp(document.duration_s).partition(".")[0], document.language, document.model]
    file.add_paragraph(" · ".join(shown(fact) for fact in facts if fact), style="Subtitle")
    for paragraph in paragraphs(document, style):
        _add(file, paragraph, style)
    return _same_bytes(file)


def _add(file: Any, paragraph: Paragraph, style: CaptionStyle) -> None:
    from docx.oxml import OxmlElement
    from docx.shared import Pt, RGBColor

    added = file.add_paragraph()
    added.paragraph_format.space_after = Pt(8)
    leftward = right_to_left(paragraph.text)
    if leftward:
        added._p.get_or_add_pPr().append(OxmlElement("w:bidi"))
    if paragraph.speaker is not None:
        added.add_run(f"{shown(paragraph.speaker)}: ").bold = True
    if style.times:
        time = added.add_run(f"{timestamp(paragraph.start).partition('.')[0]} ")
        time.font.size, time.font.color.rgb = Pt(9), RGBColor(*_GRAY)
    text = added.add_run(paragraph.text)
    text.font.rtl = leftward or None


def _same_bytes(file: Any) -> bytes:
    """Return a file's bytes, packed without the time of day."""
    written, packed = io.BytesIO(), io.BytesIO()
    file.save(written)
    with zipfile.ZipFile(written) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            member = zipfile.ZipInfo(entry.filename, _MADE.timetuple()[:6])
            new.writestr(member, old.read(entry), zipfile.ZIP_DEFLATED)
    return packed.getvalue()
