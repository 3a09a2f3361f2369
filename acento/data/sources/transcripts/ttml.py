"""TTML (.ttml, .dfxp; W3C): captions of broadcasters and editors, each paragraph an utterance.

Times are read in every form: ``00:01:02.5``, with frames, ``62.5s``, ``ms``, ``m``, ``h``, ``f``, ``t``; those of what
stands within another, counted from its begin. The speaker is the agent (``ttm:agent``) of the paragraph, or of all its
spans. A paragraph whose spans have times of their own is an utterance a span. Of the text the same is removed as of
other subtitles.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from xml.etree.ElementTree import Element, ParseError

from acento.core.errors import DataError
from acento.data.sources.transcripts.segments import Segment, TimedSegment, TranscriptFile, Unusable, checked
from acento.data.sources.transcripts.subtitles import clean

_CLOCK = re.compile(r"(\d{2,}):(\d\d):(\d\d)(?:(\.\d+)|:(\d{2,})(?:\.\d+)?)?")
_OFFSET = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|f|t)")
_LENGTHS = {"h": Fraction(3600), "m": Fraction(60), "s": Fraction(1), "ms": Fraction(1, 1000)}
_XML = "{http://www.w3.org/XML/1998/namespace}"
_Span = tuple[Fraction, Fraction | None]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph, or a span with times of its own."""

    number: int
    start_s: float
    end_s: float | None
    """None: it has no times that can be read, or no end."""
    lines: tuple[str, ...]
    speaker: str | None


def read_ttml(data: bytes) -> TranscriptFile:
    """Return the paragraphs of a file.

    Raises:
        DataError: it is no TTML.
    """
    language, found = paragraphs(data)
    return TranscriptFile([_segment(one) for one in found], language=language)


def _segment(one: Paragraph) -> Segment:
    if one.end_s is None:
        return Unusable(one.number, f"Paragraph {one.number} should have a begin and an end, such as 00:01:02.500.")
    text = clean([escape(line) for line in one.lines])  # it has its markup no more
    return checked(TimedSegment(one.start_s, one.end_s, text, one.number, one.speaker))


def paragraphs(data: bytes) -> tuple[str | None, list[Paragraph]]:
    """Return the language of a file, and its paragraphs in order.

    Raises:
        DataError: it is no TTML.
    """
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(data)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise DataError(f"it is no XML that can be read ({error})") from error
    if _local(root.tag) != "tt":
        raise DataError(f"it is no TTML: its root is {_local(root.tag)[:40]}")
    clock, agents = _Clock(root), _agents(root)
    body = next((child for child in root if _local(child.tag) == "body"), None)
    found = []
    for number, (span, lines, speakers) in enumerate(
        _paragraphs(body, (Fraction(0), None), clock) if body is not None else (), start=1
    ):
        names = {agents.get(one, one) for one in speakers}
        start, end = span or (Fraction(0), None)
        speaker = names.pop() if len(names) == 1 else None
        found.append(Paragraph(number, float(start), None if end is None else float(end), tuple(lines), speaker))
    return root.get(f"{_XML}lang") or None, found


def _paragraphs(element: Element, within: _Span, clock: "_Clock") -> Iterator[tuple[_Span | None, list[str], set[str]]]:
    """Yield times, lines and agents of each paragraph below an element, or of its spans if these have times."""
    try:
        span = clock.span(element, within)
    except ValueError:
        span = None
    timed = span is not None and any(_timed(child) for child in element.iter() if child is not element)
    if _local(element.tag) == "p" and not timed:
        found = {agent for child in element.iter() for agent in _agent(child).split()}
        yield span, _lines(element), found
    elif _local(element.tag) == "span" and _timed(element):
        yield span, _lines(element), {*_agent(element).split()}
    elif span is None:
        yield None, [], set()
    else:
        for child in element:
            yield from _paragraphs(child, span, clock)


class _Clock:
    """How the times of a document are read."""

    def __init__(self, root: Element) -> None:
        values = {_local(name): value for name, value in root.attrib.items()}
        rate = Fraction(values.get("frameRate", "30"))
        if scaled := re.fullmatch(r"(\d+)[\s:]+(\d+)", values.get("frameRateMultiplier", "")):
            rate *= Fraction(int(scaled[1]), int(scaled[2]) or 1)
        self._frames = rate or Fraction(30)
        self._ticks = Fraction(values.get("tickRate", "0")) or (self._frames if "frameRate" in values else Fraction(1))

    def span(self, element: Element, within: _Span) -> _Span:
        """Return when an element begins and ends; raise ValueError if a time is none."""
        start = within[0] + self._seconds(element.get("begin") or "0s")
        ends = [] if within[1] is None else [within[1]]
        if (end := element.get("end")) is not None:
            ends.append(within[0] + self._seconds(end))
        if (length := element.get("dur")) is not None:
            ends.append(start + self._seconds(length))
        return start, min(ends) if ends else None

    def _seconds(self, text: str) -> Fraction:
        if found := _CLOCK.fullmatch(text.strip()):
            hours, minutes, seconds, fraction, frames = found.groups()
            whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
            return whole + Fraction(f"0{fraction or ''}") + int(frames or 0) / self._frames
        if found := _OFFSET.fullmatch(text.strip()):
            count, unit = Fraction(found[1]), found[2]
            return (
                count * _LENGTHS[unit] if unit in _LENGTHS else count / (self._frames if unit == "f" else self._ticks)
            )
        raise ValueError(text)


def _timed(element: Element) -> bool:
    return "begin" in element.attrib or "end" in element.attrib or "dur" in element.attrib


def _agent(element: Element) -> str:
    return next((value for name, value in element.attrib.items() if _local(name) == "agent"), "")


def _agents(root: Element) -> dict[str, str]:
    """Return the names of the agents by their identities."""
    found = {}
    for element in root.iter():
        if _local(element.tag) == "agent" and (identity := element.get(f"{_XML}id")):
            name = next((child.text for child in element if _local(child.tag) == "name"), None)
            found[identity] = " ".join((name or identity).split())
    return found


def _lines(element: Element) -> list[str]:
    """Return the lines of what stands in an element, without metadata."""
    lines = [""]

    def add(part: Element) -> None:
        lines[-1] += part.text or ""
        for child in part:
            if _local(child.tag) == "br":
                lines.append("")
            elif _local(child.tag) == "span":
                add(child)
            lines[-1] += child.tail or ""

    add(element)
    return [" ".join(line.split()) for line in lines]


def _local(name: str) -> str:
    return name.rpartition("}")[2]
