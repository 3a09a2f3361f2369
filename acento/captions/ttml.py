"""TTML (.ttml): captions of broadcasters and editors, in the text profile of IMSC 1.1 (W3C).

Times are offsets of media time, speakers are agents (``ttm:agent``), the region is the lower part of the picture.
https://www.w3.org/TR/ttml2/, https://www.w3.org/TR/ttml-imsc1.1/
"""

from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from acento.captions.cue import Cue, Line
from acento.captions.cues import cues
from acento.captions.srt import COLORS, colors_of
from acento.captions.style import CaptionStyle
from acento.captions.timestamps import timestamp
from acento.captions.words import shown, title_of
from acento.core.text.direction import right_to_left
from acento.data.document import Document

_NAMESPACE: Final = "http://www.w3.org/ns/ttml"
_ROOT: Final = {
    "xmlns": _NAMESPACE,
    "xmlns:ttp": f"{_NAMESPACE}#parameter",
    "xmlns:tts": f"{_NAMESPACE}#styling",
    "xmlns:ttm": f"{_NAMESPACE}#metadata",
    "ttp:contentProfiles": f"{_NAMESPACE}/profile/imsc1.1/text",
    "ttp:timeBase": "media",
    "ttp:cellResolution": "32 15",
}
_REGION: Final = {
    "xml:id": "bottom",
    "tts:origin": "10% 10%",
    "tts:extent": "80% 80%",
    "tts:displayAlign": "after",
    "tts:textAlign": "center",
}
_STYLE: Final = {
    "xml:id": "captions",
    "tts:fontFamily": "proportionalSansSerif",
    "tts:fontSize": "100%",
    "tts:lineHeight": "125%",
    "tts:color": "#ffffff",
    "tts:backgroundColor": "#000000c0",
}


def write_ttml(document: Document, style: CaptionStyle) -> str:
    """Return a document as TTML."""
    captions = cues(document, style)
    names = {name: f"speaker{number}" for number, name in enumerate(_names(captions), start=1)}
    agents = names if style.speakers == "tag" else {}
    colors = colors_of(document.speakers, COLORS) if style.speakers == "color" else {}
    root = Element("tt", _ROOT | {"xml:lang": document.language or ""})
    head = SubElement(root, "head")
    metadata = SubElement(head, "metadata")
    SubElement(metadata, "ttm:title").text = title_of(document)
    for name, identity in agents.items():
        agent = SubElement(metadata, "ttm:agent", {"xml:id": identity, "type": "person"})
        SubElement(agent, "ttm:name", {"type": "full"}).text = shown(name)
    SubElement(SubElement(head, "styling"), "style", _STYLE)
    SubElement(SubElement(head, "layout"), "region", _REGION)
    body = SubElement(root, "body", {"style": "captions", "region": "bottom"})
    division = SubElement(body, "div")
    indent(root)
    for cue in captions:
        _paragraph(division, cue, agents, colors)
    division.text, division.tail = "\n", "\n"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _names(captions: list[Cue]) -> list[str]:
    return list(dict.fromkeys(line.speaker for cue in captions for line in cue.lines if line.speaker is not None))


def _paragraph(division: Element, cue: Cue, agents: dict[str, str], colors: dict[str, str]) -> None:
    times = {"begin": timestamp(cue.start), "end": timestamp(cue.end)}
    direction = {"tts:direction": "rtl", "tts:unicodeBidi": "embed"} if right_to_left(cue.text) else {}
    whole = _marks(cue.lines[0], agents, colors) if len(cue.speakers) == 1 else {}
    paragraph = SubElement(division, "p", times | direction | whole)
    paragraph.tail = "\n"
    last: Element | None = None
    for number, line in enumerate(cue.lines):
        if number:
            last = SubElement(paragraph, "br")
        if not whole and (marks := _marks(line, agents, colors)):
            last = SubElement(paragraph, "span", marks)
            last.text = line.text
        elif last is None:
            paragraph.text = line.text
        else:
            last.tail = line.text


def _marks(line: Line, agents: dict[str, str], colors: dict[str, str]) -> dict[str, str]:
    speaker = line.speaker or ""
    found = {"ttm:agent": agents[speaker]} if speaker in agents else {}
    return found | ({"tts:color": colors[speaker]} if speaker in colors else {})
