"""The content of a transcript with times: segments of a recording, and lines that cannot be used."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from acento.data.sources.base import RejectReason


@dataclass(frozen=True, slots=True)
class TimedSegment:
    """A stretch of a recording with its text; ``line`` is where it stands in the transcript, 0 if that has no lines."""

    start_s: float
    end_s: float
    text: str
    line: int = 0
    speaker: str | None = None
    recording: str | None = None
    """The recording's name, in formats whose files are about several."""
    channel: str | None = None
    """As the format names it: A, B, 1, 2."""

    @property
    def length_s(self) -> float:
        """Of equal decimals, so that 2.3 - 1.1 is no 1.1999999999999997."""
        return round(self.end_s - self.start_s, 9)


@dataclass(frozen=True, slots=True)
class Unusable:
    """A segment, or a line, that cannot be used: why, in a sentence."""

    line: int
    detail: str
    reason: RejectReason = RejectReason.BAD_ROW


Segment: TypeAlias = TimedSegment | Unusable


@dataclass(slots=True)
class TranscriptFile:
    """A whole file: its segments in order, the recordings that it names, best first, and what there is to know."""

    segments: list[Segment] = field(default_factory=list)
    recordings: Sequence[str] = ()
    language: str | None = None
    offset_s: float = 0.0
    """Seconds to add to every time to get the time in the recording."""
    notes: list[str] = field(default_factory=list)


def checked(segment: TimedSegment) -> Segment:
    """Return a segment if its times and its text can be used."""
    start, end = segment.start_s, segment.end_s
    if not math.isfinite(start) or not math.isfinite(end) or not 0 <= start < end:
        return Unusable(segment.line, f"It should end after it begins, and goes from {start:g} s to {end:g} s.")
    if not segment.text.strip():
        return Unusable(segment.line, f"The segment at {start:g} s has no text.", RejectReason.NO_TRANSCRIPT)
    return segment


UTTERANCE_GAP_S = 0.5
UTTERANCE_S = 30.0
"""Words are one utterance until a pause longer than the first, and as long as it is no longer than the second."""


def utterances(words: Sequence[TimedSegment]) -> list[TimedSegment]:
    """Group words, in the order of their times, into utterances of one recording, channel and speaker.

    >>> words = [TimedSegment(0, 1, "hola"), TimedSegment(1.2, 2, "mundo"), TimedSegment(3, 4, "sí")]
    >>> [utterance.text for utterance in utterances(words)]
    ['hola mundo', 'sí']
    """
    groups: list[list[TimedSegment]] = []
    for word in words:
        if groups and _belongs(groups[-1], word):
            groups[-1].append(word)
        else:
            groups.append([word])
    return [
        replace(group[0], end_s=max(word.end_s for word in group), text=" ".join(word.text for word in group))
        for group in groups
    ]


def _belongs(group: Sequence[TimedSegment], word: TimedSegment) -> bool:
    first, last = group[0], group[-1]
    return (
        (first.recording, first.channel, first.speaker) == (word.recording, word.channel, word.speaker)
        and -UTTERANCE_GAP_S <= word.start_s - last.end_s <= UTTERANCE_GAP_S
        and word.end_s - first.start_s <= UTTERANCE_S
    )
