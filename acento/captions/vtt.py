"""WebVTT (.vtt; W3C, https://www.w3.org/TR/webvtt1/): captions of the web, with who speaks as ``<v Ana>``."""

from collections.abc import Iterable
from itertools import groupby
from typing import Final

from acento.captions.cue import Cue
from acento.captions.cues import cues
from acento.captions.srt import colors_of
from acento.captions.style import CaptionStyle
from acento.captions.timestamps import timestamp
from acento.captions.words import shown
from acento.data.document import Document

COLORS: Final = ("white", "yellow", "cyan", "lime", "magenta", "red", "blue")
"""Classes that the specification gives colors to."""
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def write_vtt(document: Document, style: CaptionStyle) -> str:
    """Return a document as WebVTT."""
    colors = colors_of(document.speakers, COLORS) if style.speakers == "color" else {}
    return vtt(cues(document, style), voices=style.speakers == "tag", colors=colors)


def vtt(captions: Iterable[Cue], *, voices: bool = True, colors: dict[str, str] | None = None) -> str:
    """Return captions as WebVTT, with the speakers as voices if asked for."""
    blocks = (
        f"{timestamp(cue.start)} --> {timestamp(cue.end)}\n{cue_text(cue, voices, colors or {})}\n" for cue in captions
    )
    return "\n".join(["WEBVTT\n", *blocks])


def cue_text(cue: Cue, voices: bool, colors: dict[str, str]) -> str:
    """Return the text of a cue; of one speaker's lines in a row there is one span."""
    texts = []
    for speaker, lines in groupby(cue.lines, key=lambda line: line.speaker):
        text = "\n".join(line.text.translate(_ESCAPES) for line in lines)
        name = shown(speaker or "").translate(_ESCAPES)
        if color := colors.get(speaker or ""):
            text = f"<c.{color}>{text}</c>"
        texts.append(f"<v {name}>{text}</v>" if voices and name else text)
    return "\n".join(texts)
