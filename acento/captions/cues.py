"""A document as captions: every word once, in order, none too short, too long or too fast, none over another.

Passages of one speaker in a row are cut into cues together. Where two speak at once, or one says so little that it
would only flash, both share a cue, a line with a dash each, if there is room; else what begins later is shown later.
So the words of each passage are in order, and cues follow each other by when they begin.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from acento.captions.breaks import wrapped
from acento.captions.cue import Cue, Line
from acento.captions.segmenting import cut
from acento.captions.style import CaptionStyle, Settled
from acento.captions.timing import timed
from acento.captions.words import shown, words_of
from acento.core.text.width import width
from acento.data.document import Document
from acento.data.words import Word

DASH = "- "
_UNNAMED: Final = re.compile(r"SPEAKER_(\d+)")
"""What diarization calls those whose names nobody gave."""
_OVERLAP_S = 0.2
"""Seconds by which one may speak into another's words without being shown beside them."""


def cues(document: Document, style: CaptionStyle | None = None) -> list[Cue]:
    """Return a document's captions.

    Cues are in the order of time, do not overlap, and are shown for at least ``style.min_s``; where more is said than
    can be shown in time they run late, and after the recording's end where there is no other way.

    >>> from acento.data.document import Passage
    >>> document = Document("talk.wav", 4.0, (Passage(0.5, 3.0, "No sé, pero creo que mañana llueve en Valdivia."),))
    >>> [(cue.start, cue.end, [line.text for line in cue.lines]) for cue in cues(document)]
    [(0.5, 3.206, ['No sé, pero creo', 'que mañana llueve en Valdivia.'])]

    Args:
        document: with or without times of words.
        style: how they look; by default as is usual in the document's language.
    """
    style = style or CaptionStyle()
    settled = style.in_language(_language(document))
    drafts = _joined(_drafts(document, style, settled), settled)
    columns = [sum(width(line.text) for line in draft.lines(settled)) for draft in drafts]
    times = timed([(draft.start, draft.end) for draft in drafts], columns, settled, document.duration_s)
    return [Cue(start, end, draft.lines(settled)) for draft, (start, end) in zip(drafts, times, strict=True)]


def _language(document: Document) -> str | None:
    """Return the document's language, or else that in which most passages are."""
    if document.language is not None:
        return document.language
    told = [passage.language for passage in document.passages if passage.language is not None]
    return max(sorted(set(told)), key=told.count, default=None)


@dataclass(frozen=True, slots=True)
class _Draft:
    """What a cue shows: the words of one speaker after the other."""

    parts: tuple[tuple[Word, ...], ...]

    @property
    def start(self) -> float:
        return min(part[0].start for part in self.parts)

    @property
    def end(self) -> float:
        return max(word.end for part in self.parts for word in part)

    def lines(self, style: Settled, most: int | None = None) -> tuple[Line, ...]:
        """Return its lines; none if there are more than ``most`` of them."""
        dash = DASH if len(self.parts) > 1 else ""
        found: list[Line] = []
        for part in self.parts:
            texts = wrapped(part, style.line_length, style.lines, len(dash))
            if texts is None:
                return ()
            found += [Line((dash if not number else "") + text, part[0].speaker) for number, text in enumerate(texts)]
        return tuple(found) if most is None or len(found) <= most else ()


def _drafts(document: Document, style: CaptionStyle, settled: Settled) -> list[_Draft]:
    """Return the cues of each run of one speaker, by their starts."""
    words = [word for _, spoken in words_of(document) for word in spoken]
    runs = [list(run) for _, run in groupby(words, key=lambda word: word.speaker)]
    begins = sorted(run[0].start for run in runs)
    named = len({run[0].speaker for run in runs}) > 1
    found = []
    for run in runs:
        if named and (label := speaker_label(run[0].speaker, style)) is not None:
            run[0] = replace(run[0], text=f"{label} {run[0].text}")
        found += [_Draft((tuple(some),)) for some in cut(_monotonic(run), settled, begins)]
    return sorted(found, key=lambda draft: draft.start)


def _monotonic(words: Sequence[Word]) -> list[Word]:
    """Return words none of which begins before the one before it: of passages that overlap."""
    found: list[Word] = []
    latest = 0.0
    for word in words:
        latest = max(latest, word.start)
        found.append(replace(word, start=latest, end=max(latest, word.end)))
    return found


def speaker_label(speaker: str | None, style: CaptionStyle) -> str | None:
    """Return what stands before the first words of a speaker, if anything does.

    >>> speaker_label("SPEAKER_00", CaptionStyle(speakers="bracket")), speaker_label("Ana", CaptionStyle())
    ('[Speaker 1]', None)
    """
    if speaker is None or not (name := shown(speaker)):
        return None
    if unnamed := _UNNAMED.fullmatch(name):  # people count from one, and read capitals slowly
        name = f"Speaker {int(unnamed[1]) + 1}"
    return {"prefix": f"{name}:", "bracket": f"[{name}]"}.get(style.speakers)


def _joined(drafts: Sequence[_Draft], style: Settled) -> list[_Draft]:
    """Return drafts with those put together that would overlap, or only flash, where there is room."""
    found: list[_Draft] = []
    for draft in drafts:
        crowded = bool(found) and (_crowded(found[-1], draft, style) or _late(found, draft, style))
        if crowded and (both := _together(found[-1], draft, style)):
            found[-1] = both
        elif crowded and len(found) > 1 and (both := _together(found[-2], found[-1], style)):
            found[-2:] = [both, draft]
        else:
            found.append(draft)
    return found


def _crowded(before: _Draft, after: _Draft, style: Settled) -> bool:
    room = after.start - style.gap_s - before.start
    return room < style.min_s or after.start < before.end - _OVERLAP_S


def _late(found: Sequence[_Draft], after: _Draft, style: Settled) -> bool:
    """Tell whether the last draft has to wait for the one before it, so that it may as well be shown with the next."""
    if len(found) < 2:
        return False
    free = max(found[-1].start, found[-2].end) + style.gap_s
    return found[-2].end > found[-1].start + _OVERLAP_S and after.start < free + 2 * style.min_s


def _together(before: _Draft, after: _Draft, style: Settled) -> _Draft | None:
    """Return two drafts as one, if it is not too long in time and lines."""
    if max(before.end, after.end) - before.start > style.max_s:
        return None
    if before.parts[-1][0].speaker == after.parts[0][0].speaker:
        parts = (*before.parts[:-1], before.parts[-1] + after.parts[0], *after.parts[1:])
    else:
        parts = before.parts + after.parts
    both = _Draft(parts)
    return both if both.lines(style, style.lines) else None
