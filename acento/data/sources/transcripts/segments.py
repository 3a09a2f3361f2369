"""What a transcript with times says: segments of a recording, and lines of it that cannot be used."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from acento.data.sources.base import Reason


@dataclass(frozen=True, slots=True)
class Segment:
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
    uid: str | None = None


@dataclass(frozen=True, slots=True)
class Unusable:
    """A segment, or a line, that cannot be used: why, in a sentence."""

    line: int
    reason: Reason
    detail: str


@dataclass(slots=True)
class Transcript:
    """A whole file: its segments in order, the recordings that it names, best first, and what there is to know."""

    segments: list[Segment | Unusable] = field(default_factory=list)
    recordings: Sequence[str] = ()
    language: str | None = None
    offset_s: float = 0.0
    """What is added to every time to get that in the recording."""
    notes: list[str] = field(default_factory=list)


def checked(segment: Segment) -> Segment | Unusable:
    """Return a segment if its times and its text can be used."""
    times = segment.start_s, segment.end_s
    if not all(map(math.isfinite, times)) or segment.start_s < 0 or segment.end_s <= segment.start_s:
        detail = f"It should end after it begins, and goes from {times[0]:g} s to {times[1]:g} s."
        return Unusable(segment.line, Reason.BAD_ROW, detail)
    if not segment.text.strip():
        return Unusable(segment.line, Reason.NO_TRANSCRIPT, f"The segment at {times[0]:g} s has no text.")
    return segment


UTTERANCE_GAP_S = 0.5
UTTERANCE_S = 30.0
"""Words are one utterance until a pause longer than the first, and as long as it is no longer than the second."""


def utterances(words: Sequence[Segment]) -> list[Segment]:
    """Group words, in the order of their times, into utterances of one recording, channel and speaker.

    >>> [word.text for word in utterances([Segment(0, 1, "hola"), Segment(1.2, 2, "mundo"), Segment(3, 4, "sí")])]
    ['hola mundo', 'sí']
    """
    groups: list[list[Segment]] = []
    for word in words:
        if groups and _belongs(groups[-1], word):
            groups[-1].append(word)
        else:
            groups.append([word])
    return [
        Segment(
            group[0].start_s,
            max(word.end_s for word in group),
            " ".join(word.text for word in group),
            group[0].line,
            group[0].speaker,
            group[0].recording,
            group[0].channel,
        )
        for group in groups
    ]


def _belongs(group: Sequence[Segment], word: Segment) -> bool:
    first, last = group[0], group[-1]
    return (
        (first.recording, first.channel, first.speaker) == (word.recording, word.channel, word.speaker)
        and -UTTERANCE_GAP_S <= word.start_s - last.end_s <= UTTERANCE_GAP_S
        and word.end_s - first.start_s <= UTTERANCE_S
    )
