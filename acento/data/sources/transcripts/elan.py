"""ELAN's annotations (.eaf): a tier is a speaker; see ``tiers`` for which tiers are utterances.

A speaker is the tier's participant, else what its name says (``tx@ana``, ``ana``). Annotations that refer to others
have their times; slots without a time lie evenly between those around them, as in ELAN. The recording is the one that
``MEDIA_DESCRIPTOR`` names, beside the file or where the descriptor says, its ``TIME_ORIGIN`` added; else that of the
file's own name.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError

from acento.core.errors import DataError
from acento.data.sources.base import Reason
from acento.data.sources.transcripts.segments import TimedSegment, TranscriptFile, Unusable, checked
from acento.data.sources.transcripts.tiers import Tier, chosen

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
    tiers = _tiers(root)
    if not any(tier.segments for tier in tiers):
        raise DataError("it has no annotation with a text")
    segments, notes = chosen(tiers, wanted)
    names, offset = _recordings(header)
    return TranscriptFile(segments, names, offset_s=offset, notes=notes)


def _tiers(root: Element) -> list[Tier]:
    slots = {slot.get("TIME_SLOT_ID", ""): _milliseconds(slot.get("TIME_VALUE")) for slot in root.iter("TIME_SLOT")}
    times: Times = {}
    elements = root.findall("TIER")
    for element in elements:
        times.update(_aligned(element.findall("ANNOTATION/ALIGNABLE_ANNOTATION"), slots))
    referring = [note for element in elements for note in element.findall("ANNOTATION/REF_ANNOTATION")]
    parents = {note.get("ANNOTATION_ID", ""): note.get("ANNOTATION_REF", "") for note in referring}
    found = []
    for element in elements:
        tier = Tier(
            element.get("TIER_ID", ""),
            participant=(element.get("PARTICIPANT") or "").strip() or None,
            kind=element.get("LINGUISTIC_TYPE_REF", ""),
            parent=element.get("PARENT_REF"),
        )
        for note in element.findall("ANNOTATION/*"):
            text = " ".join((note.findtext("ANNOTATION_VALUE") or "").split())
            if text:
                tier.segments.append(_segment(note.get("ANNOTATION_ID", ""), text, times, parents))
        tier.segments.sort(key=lambda row: row.start_s if isinstance(row, TimedSegment) else -1.0)
        found.append(tier)
    return found


def _segment(uid: str, text: str, times: Times, parents: dict[str, str]) -> TimedSegment | Unusable:
    at, seen = uid, set()
    while at not in times:
        seen.add(at)
        at = parents.get(at, "")
        if not at or at in seen:
            detail = f"The annotation {uid} ({text[:40]}) has no times, and refers to none that has."
            return Unusable(0, Reason.BAD_ROW, detail)
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
    found: list[tuple[bool, float, list[str]]] = []
    for media in header.findall("MEDIA_DESCRIPTOR") if header is not None else []:
        names: list[Any] = [media.get("RELATIVE_MEDIA_URL"), media.get("MEDIA_URL")]
        paths = [unquote(name).replace("\\", "/").removeprefix("file://") for name in names if name]
        origin = _milliseconds(media.get("TIME_ORIGIN")) or 0.0
        found.append((not (media.get("MIME_TYPE") or "").startswith("audio"), origin, paths))
    found.sort(key=lambda entry: entry[0])
    paths = [path for _, origin, paths in found if origin == found[0][1] for path in paths]
    return [*paths, *(PurePosixPath(path).name for path in paths)], found[0][1] if found else 0.0


def _milliseconds(value: str | None) -> float | None:
    """Return seconds."""
    try:
        return None if value is None else int(value) / 1000
    except ValueError:
        return None
