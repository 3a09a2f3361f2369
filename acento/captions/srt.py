"""SubRip (.srt): the captions that every player knows; it has no specification and no mark for speakers."""

import html
import re
from collections.abc import Iterable
from typing import Final

from acento.captions.cue import Cue, Line
from acento.captions.cues import cues
from acento.captions.style import CaptionStyle
from acento.captions.timestamps import timestamp
from acento.data.document import Document

_MARKUP: Final = re.compile(r"<(?=[A-Za-z/\d])|&#?\w+;?|(?<=--)>")
COLORS: Final = ("#ffffff", "#ffff00", "#00ffff", "#00ff00", "#ff00ff", "#ff8080", "#80a0ff")
"""Of speakers, in the order in which they speak first, again and again: those of EBU captions, then others."""


def write_srt(document: Document, style: CaptionStyle) -> str:
    """Return a document as SubRip."""
    colors = colors_of(document.speakers, COLORS) if style.speakers == "color" else {}
    return srt(cues(document, style.without_marks), colors)


def srt(captions: Iterable[Cue], colors: dict[str, str] | None = None) -> str:
    """Return captions as SubRip.

    A sign is written as ``&lt;`` or ``&amp;`` only where players and readers would take it for markup.
    """
    blocks = []
    for number, cue in enumerate(captions, start=1):
        lines = "\n".join(_line(line, colors or {}) for line in cue.lines)
        blocks.append(f"{number}\n{timestamp(cue.start, ',')} --> {timestamp(cue.end, ',')}\n{lines}\n")
    return "\n".join(blocks)


def _line(line: Line, colors: dict[str, str]) -> str:
    text = escaped(line.text)
    color = colors.get(line.speaker or "")
    return f'<font color="{color}">{text}</font>' if color else text


def escaped(text: str) -> str:
    """Return a text in which nothing is taken for markup.

    >>> escaped("AT&T <unk> &lt;")
    'AT&T &lt;unk> &amp;lt;'
    """
    return _MARKUP.sub(_entity, text)


def _entity(found: re.Match[str]) -> str:
    sign, rest = found[0][0], found[0][1:]
    if sign == "&" and html.unescape(found[0]) == found[0]:
        return found[0]
    return html.escape(sign) + rest


def colors_of(speakers: Iterable[str], colors: tuple[str, ...]) -> dict[str, str]:
    """Return the color of each speaker; those after the last color begin again at the first.

    >>> colors_of(["ana", "ben", "eva"], ("white", "yellow"))
    {'ana': 'white', 'ben': 'yellow', 'eva': 'white'}
    """
    return {speaker: colors[number % len(colors)] for number, speaker in enumerate(speakers)}
