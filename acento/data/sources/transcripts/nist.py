"""NIST's formats, a line an utterance (STM) or a word (CTM).

STM: ``recording channel speaker begin end <labels> text``. Of the text are removed: the label (``<o,f0,female>``),
what stands in ``<…>``, ``[…]`` or ``{…}`` without alternatives, hesitations (``%hesitation``), numbers of
pronunciations (``word(2)``), and the brackets of a word that a recognizer may leave out. Of alternatives
(``{ a / b }``) the first is taken.

CTM: ``recording channel begin duration word [confidence [type [speaker]]]``. Words are joined into utterances.
Words without letters (``<eps>``, ``[noise]``, ``(…)``, ``%hesitation``), and all but the first of alternatives
(``<ALT_BEGIN>`` to ``<ALT_END>``) are left out.
"""

import re
from collections.abc import Iterator

from acento.data.sources.base import RejectReason
from acento.data.sources.transcripts.segments import (
    UTTERANCE_GAP_S,
    UTTERANCE_S,
    Segment,
    TimedSegment,
    TranscriptFile,
    Unusable,
    checked,
    utterances,
)

IGNORED = "ignore_time_segment_in_scoring"
_LABEL = re.compile(r"<[^<>\s]*,[^<>]*>\s*")
_ALTERNATIVES = re.compile(r"\{\s*([^{}/]*?)\s*/[^{}]*\}")
_REMOVED = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|\{[^{}]*\}|\(\s*%[^()]*\)|(?<!\S)%\w+|\(\d+\)")
_MAY_LACK = re.compile(r"(?<!\S)\(([^()]*)\)(?!\S)")
_NO_WORD = re.compile(r"<.*>|\[.*\]|\{.*\}|\(.*\)|%.*|@")


def read_stm(text: str) -> TranscriptFile:
    """Return the utterances of an STM file."""
    found = (_utterance(line.split(None, 5), number) for number, line in _lines(text))
    return TranscriptFile([segment for segment in found if segment is not None])


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines that are neither blank nor comments."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.lstrip().startswith(";;"):
            yield number, line


def _utterance(values: list[str], number: int) -> Segment | None:
    try:
        recording, channel, speaker = values[:3]
        start, end = float(values[3]), float(values[4])
    except (ValueError, IndexError):
        detail = f"Line {number} should hold a recording, a channel, a speaker, begin and end in seconds, and a text."
        return Unusable(number, detail)
    text = "".join(values[5:])
    text = _LABEL.sub("", text, count=1) if text.startswith("<") else text
    if "inter_segment_gap" in (speaker, text.strip()):
        return None
    if text.strip().lower() == IGNORED or speaker.lower() == "excluded_region":
        return Unusable(number, f"Line {number} is marked as not to be scored.", RejectReason.NO_TRANSCRIPT)
    known = None if speaker.lower() == "<na>" else speaker
    return checked(TimedSegment(start, end, clean(text), number, known, recording, channel))


def clean(text: str) -> str:
    """Return the words of an STM's text; see the module.

    >>> clean("{ hola / ola } [laughter] mundo(2) (eh) (%hesitation) <unk> %uh sí")
    'hola mundo eh sí'
    """
    text = _ALTERNATIVES.sub(lambda found: found[1] if found[1] != "@" else " ", text)
    return " ".join(_MAY_LACK.sub(r"\1", _REMOVED.sub(" ", text)).split())


def read_ctm(text: str) -> TranscriptFile:
    """Return the utterances of a CTM file, after them the lines that cannot be used."""
    words: list[TimedSegment] = []
    bad: list[Segment] = []
    alternative = 0
    for number, line in _lines(text):
        values = line.split()
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


def _word(values: list[str], number: int) -> Segment:
    try:
        start, length = float(values[2]), float(values[3])
        word = values[4]
    except (ValueError, IndexError):
        detail = f"Line {number} should hold a recording, a channel, begin and duration in seconds, and a word."
        return Unusable(number, detail)
    speaker = values[7] if len(values) > 7 and values[7].lower() not in ("unknown", "<na>") else None
    return checked(TimedSegment(start, start + (length or 0.001), word, number, speaker, values[0], values[1]))
