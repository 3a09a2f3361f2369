"""NIST CTM: ``recording channel begin duration word [confidence [type [speaker]]]``, a line a word.

Words are joined into utterances of one recording and channel: a new one begins after a pause of more than 0.5 s, and
before one would be longer than 30 s. Comments (``;;``), words without letters (``<eps>``, ``[noise]``, ``(…)``,
``%hesitation``), and all but the first of alternatives (``<ALT_BEGIN>`` to ``<ALT_END>``) are left out.
"""

import re

from acento.data.sources.base import Reason
from acento.data.sources.transcripts.segments import (
    UTTERANCE_GAP_S,
    UTTERANCE_S,
    TimedSegment,
    TranscriptFile,
    Unusable,
    checked,
    utterances,
)

_NO_WORD = re.compile(r"<.*>|\[.*\]|\{.*\}|\(.*\)|%.*|@")


def read_ctm(text: str) -> TranscriptFile:
    """Return the utterances of a CTM file, after them the lines that cannot be used."""
    words: list[TimedSegment] = []
    bad: list[TimedSegment | Unusable] = []
    alternative = 0
    for number, line in enumerate(text.split("\n"), start=1):
        values = line.split()
        if not values or values[0].startswith(";;"):
            continue
        mark = values[4].upper() if len(values) > 4 else ""
        if mark in ("<ALT_BEGIN>", "<ALT>", "<ALT_END>"):
            alternative = {"<ALT_BEGIN>": 1, "<ALT>": alternative + 1, "<ALT_END>": 0}[mark]
            continue
        word = _word(values, number)
        if isinstance(word, Unusable):
            bad.append(word)
        elif alternative <= 1 and not _NO_WORD.fullmatch(word.text):
            words.append(word)
    words.sort(key=lambda word: (word.recording or "", word.channel or "", word.speaker or "", word.start_s))
    found = utterances(words)
    notes = [f"Words were joined into utterances at pauses over {UTTERANCE_GAP_S:g} s, of {UTTERANCE_S:g} s at most."]
    return TranscriptFile([*found, *bad], notes=notes if found else [])


def _word(values: list[str], number: int) -> TimedSegment | Unusable:
    try:
        start, length = float(values[2]), float(values[3])
        word = values[4]
    except (ValueError, IndexError):
        detail = f"Line {number} should hold a recording, a channel, begin and duration in seconds, and a word."
        return Unusable(number, Reason.BAD_ROW, detail)
    speaker = values[7] if len(values) > 7 and values[7].lower() not in ("unknown", "<na>") else None
    end = start + (length if length > 0 else 0.001 if length == 0 else length)
    return checked(TimedSegment(start, end, word, number, speaker, values[0], values[1]))
