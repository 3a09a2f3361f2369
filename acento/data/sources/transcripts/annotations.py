"""Annotations by tiers, ELAN's (.eaf) and Praat's (.TextGrid); see ``tiers`` for which tiers are utterances.

ELAN: a tier is a speaker, that is its participant, else what its name says (``tx@ana``, ``ana``). Annotations that
refer to others have their times; slots without a time lie evenly between those around them, as in ELAN. The recording
is the one that ``MEDIA_DESCRIPTOR`` names, beside the file or where the descriptor says, its ``TIME_ORIGIN`` added;
else that of the file's own name.

TextGrid, long and short, in UTF-8 or UTF-16 by its mark, is read as Praat reads it: numbers, texts in quotes and flags
that stand free are the values, all else is for people. The kept library for it takes a file that was cut at the end of
an interval for a whole one, and loses signs and exponents.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError

from acento.core.errors import DataError
from acento.data.sources.transcripts.segments import Segment, TimedSegment, TranscriptFile, Unusable, checked
from acento.data.sources.transcripts.tiers import Tier, choose_tiers

Times = dict[str, tuple[float, float]]


def read_elan(data: bytes, wanted: str | None = None) -> TranscriptFile:
    """Return the annotations of the tiers of speech.

    Raises:
        DataError: it is no EAF, or has no annotation with a text.
    """
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(data)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise DataError(f"it is no XML that can be read ({error})") from error
    if root.tag != "ANNOTATION_DOCUMENT":
        raise DataError(f"it is no ELAN document: its root is {root.tag[:40]}")
    header = root.find("HEADER")
    units = (header.get("TIME_UNITS") if header is not None else None) or "milliseconds"
    if units != "milliseconds":
        raise DataError(f"its times are in {units}: save it by a newer ELAN, in milliseconds")
    tiers = _elan_tiers(root)
    if not any(tier.segments for tier in tiers):
        raise DataError("it has no annotation with a text")
    segments, notes = choose_tiers(tiers, wanted)
    names, offset = _recordings(header)
    return TranscriptFile(segments, names, offset_s=offset, notes=notes)


def _elan_tiers(root: Element) -> list[Tier]:
    slots = {slot.get("TIME_SLOT_ID", ""): _seconds(slot.get("TIME_VALUE")) for slot in root.iter("TIME_SLOT")}
    times: Times = {}
    parents: dict[str, str] = {}
    for element in root.findall("TIER"):
        times |= _aligned(element.findall("ANNOTATION/ALIGNABLE_ANNOTATION"), slots)
        for note in element.findall("ANNOTATION/REF_ANNOTATION"):
            parents[note.get("ANNOTATION_ID", "")] = note.get("ANNOTATION_REF", "")
    found = []
    for element in root.findall("TIER"):
        segments = [
            _segment(note.get("ANNOTATION_ID", ""), text, times, parents)
            for note in element.findall("ANNOTATION/*")
            if (text := " ".join((note.findtext("ANNOTATION_VALUE") or "").split()))
        ]
        segments.sort(key=lambda row: row.start_s if isinstance(row, TimedSegment) else -1.0)
        participant = (element.get("PARTICIPANT") or "").strip() or None
        kind = element.get("LINGUISTIC_TYPE_REF", "")
        found.append(Tier(element.get("TIER_ID", ""), segments, participant, kind, element.get("PARENT_REF")))
    return found


def _segment(uid: str, text: str, times: Times, parents: dict[str, str]) -> Segment:
    at, seen = uid, set()
    while at not in times:
        seen.add(at)
        at = parents.get(at, "")
        if not at or at in seen:
            return Unusable(0, f"The annotation {uid} ({text[:40]}) has no times, and refers to none that has.")
    start, end = times[at]
    return checked(TimedSegment(start, end, text))


def _aligned(notes: Sequence[Element], slots: dict[str, float | None]) -> Times:
    """Return the times of one tier's annotations; a chain of them without times between is cut into equal parts."""
    times: Times = {}
    by_start = {note.get("TIME_SLOT_REF1", ""): note for note in notes}
    for note in notes:
        if slots.get(note.get("TIME_SLOT_REF1", "")) is None:
            continue
        chain = [note]
        while slots.get(end := chain[-1].get("TIME_SLOT_REF2", "")) is None:
            following = by_start.get(end)
            if following is None or following in chain:
                break
            chain.append(following)
        start, stop = slots[note.get("TIME_SLOT_REF1", "")], slots.get(chain[-1].get("TIME_SLOT_REF2", ""))
        if start is None or stop is None:
            continue
        for number, link in enumerate(chain):
            span = (stop - start) / len(chain)
            end_s = stop if number == len(chain) - 1 else start + span * (number + 1)
            times[link.get("ANNOTATION_ID", "")] = (start + span * number, end_s)
    return times


def _recordings(header: Element | None) -> tuple[list[str], float]:
    """Return the names of the media, sound before pictures, and what is added to times for the first of them."""
    media = header.findall("MEDIA_DESCRIPTOR") if header is not None else []
    media.sort(key=lambda one: not (one.get("MIME_TYPE") or "").startswith("audio"))
    origins = [_seconds(one.get("TIME_ORIGIN")) or 0.0 for one in media]
    named = [
        one.get(key) or ""
        for one, origin in zip(media, origins, strict=True)
        if origin == origins[0]
        for key in ("RELATIVE_MEDIA_URL", "MEDIA_URL")
    ]
    paths = [unquote(name).replace("\\", "/").removeprefix("file://") for name in named if name]
    return [*paths, *(PurePosixPath(path).name for path in paths)], origins[0] if origins else 0.0


def _seconds(milliseconds: str | None) -> float | None:
    try:
        return None if milliseconds is None else int(milliseconds) / 1000
    except ValueError:
        return None


_VALUE = re.compile(
    r'"(?P<text>(?:[^"]|"")*)"|(?<!\S)(?P<flag><\w+>)(?!\S)|(?<!\S)(?P<number>[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?!\S)'
)
_MOST = 10_000_000
_Kind = TypeVar("_Kind", str, float)


def read_text_grid(text: str, wanted: str | None = None) -> TranscriptFile:
    """Return the segments of the tiers of speech.

    Raises:
        DataError: it is no TextGrid, not whole, or has no tier with intervals.
    """
    if '"IntervalTier"' not in text:
        raise DataError("it has no tier of intervals")
    try:
        tiers, points = _grid_tiers(_values(text))
    except StopIteration:
        raise DataError("it ends before the last of its intervals") from None
    except (ValueError, TypeError) as error:
        raise DataError(f"it is no TextGrid ({error})") from error
    if not any(tier.segments for tier in tiers):
        raise DataError("it has no interval with a text")
    segments, notes = choose_tiers(tiers, wanted)
    if points:
        notes.append(f"Tiers of points have no utterances: {', '.join(map(repr, points))}.")
    return TranscriptFile(segments, notes=notes)


def _grid_tiers(values: Iterator[object]) -> tuple[list[Tier], list[str]]:
    """Return the tiers of intervals, and the names of those of points."""
    if (_take(values, str), _take(values, str)) != ("ooTextFile", "TextGrid"):
        raise ValueError("it does not begin as one")
    tiers, points = list[Tier](), list[str]()
    _times(values)
    if next(values) != _Flag("<exists>"):
        return tiers, points
    for _ in range(_count(values)):
        kind, tier = _take(values, str), Tier(_take(values, str))
        _times(values)
        for _ in range(_count(values)):
            if kind == "IntervalTier":
                (start, end), label = _times(values), _take(values, str)
                if words := " ".join(label.split()):
                    tier.segments.append(checked(TimedSegment(start, end, words)))
            else:
                _take(values, float), _take(values, str)
        if kind == "IntervalTier":
            tiers.append(tier)
        elif kind == "TextTier":
            points.append(tier.name)
        else:
            raise ValueError(f"a tier of the class {kind!r} is not known")
    return tiers, points


@dataclass(frozen=True)
class _Flag:
    """A flag such as ``<exists>``."""

    name: str


def _values(text: str) -> Iterator[object]:
    """Yield the values of the file: texts, numbers, and flags."""
    for found in re.finditer(_VALUE, re.sub(r"(?m)^\s*!.*$", "", text)):
        if found["text"] is not None:
            yield found["text"].replace('""', '"')
        else:
            yield float(found["number"]) if found["number"] else _Flag(found["flag"])


def _take(values: Iterator[object], kind: type[_Kind]) -> _Kind:
    """Return the next value, which should be a text or a number."""
    value = next(values)
    if not isinstance(value, kind):
        raise ValueError(f"{str(value)[:40]!r} stands where a {'text' if kind is str else 'number'} should")
    return value


def _times(values: Iterator[object]) -> tuple[float, float]:
    return _take(values, float), _take(values, float)


def _count(values: Iterator[object]) -> int:
    value = _take(values, float)
    if not value.is_integer() or not 0 <= value <= _MOST:
        raise ValueError(f"{value} is no number of tiers or intervals")
    return int(value)
