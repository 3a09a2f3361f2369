"""NIST STM: ``recording channel speaker begin end <labels> text``, a line an utterance.

Left out are comments (``;;``), gaps (``inter_segment_gap``), and segments that are not to be scored
(``ignore_time_segment_in_scoring``). Of the text are removed: the label (``<o,f0,female>``), what stands in ``<…>``,
``[…]`` or ``{…}`` without alternatives, hesitations (``%hesitation``), numbers of pronunciations (``word(2)``), and the
brackets of a word that a recognizer may leave out. Of alternatives (``{ a / b }``) the first is taken.
"""

import re

from acento.data.sources.base import Reason
from acento.data.sources.transcripts.segments import TimedSegment, TranscriptFile, Unusable, checked

IGNORED = "ignore_time_segment_in_scoring"
_LABEL = re.compile(r"<[^<>\s]*,[^<>]*>\s*")
_ALTERNATIVES = re.compile(r"\{\s*([^{}/]*?)\s*/[^{}]*\}")
_REMOVED = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|\{[^{}]*\}|\(\s*%[^()]*\)|(?<!\S)%\w+|\(\d+\)")
_MAY_LACK = re.compile(r"(?<!\S)\(([^()]*)\)(?!\S)")


def read_stm(text: str) -> TranscriptFile:
    """Return the utterances of an STM file."""
    lines = [(n, line) for n, line in enumerate(text.split("\n"), start=1) if line.strip()]
    found = (_segment(line, number) for number, line in lines if not line.lstrip().startswith(";;"))
    return TranscriptFile([segment for segment in found if segment is not None])


def _segment(line: str, number: int) -> TimedSegment | Unusable | None:
    values = line.split(None, 5)
    try:
        recording, channel, speaker = values[:3]
        start, end = float(values[3]), float(values[4])
    except (ValueError, IndexError):
        detail = f"Line {number} should hold a recording, a channel, a speaker, begin and end in seconds, and a text."
        return Unusable(number, Reason.BAD_ROW, detail)
    said = _LABEL.sub("", values[5], count=1) if len(values) > 5 and values[5].startswith("<") else "".join(values[5:])
    if speaker == "inter_segment_gap" or said.strip() == "inter_segment_gap":
        return None
    if said.strip().lower() == IGNORED or speaker.lower() == "excluded_region":
        return Unusable(number, Reason.NO_TRANSCRIPT, f"Line {number} is marked as not to be scored.")
    return checked(TimedSegment(start, end, clean(said), number, speaker, recording, channel))


def clean(text: str) -> str:
    """Return the words of an STM's text; see the module.

    >>> clean("{ hola / ola } [laughter] mundo(2) (eh) (%hesitation) <unk> %uh sí")
    'hola mundo eh sí'
    """
    text = _ALTERNATIVES.sub(lambda found: found[1] if found[1] != "@" else " ", text)
    return " ".join(_MAY_LACK.sub(r"\1", _REMOVED.sub(" ", text)).split())
