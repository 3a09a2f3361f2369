"""What scorers read: NIST's STM, CTM and RTTM.

STM: ``recording channel speaker begin end text``, a line a passage. CTM: ``recording channel begin duration word
[confidence]``, a line a word. RTTM: a line a turn. The recording is called what its file is called, without suffix;
white space in names becomes ``_``. A speaker that is not known is ``<NA>``. Channels count from 1.
"""

from pathlib import PurePosixPath

from acento.captions.style import CaptionStyle
from acento.captions.words import shown, title_of, words_of
from acento.data.document import Document, Passage
from acento.data.rttm import rttm_of
from acento.data.words import Turn

_SHORTEST_S = 0.001


def write_stm(document: Document, style: CaptionStyle) -> str:  # noqa: ARG001 - the format fixes how it looks
    """Return a document's passages as STM; those without a text are left out."""
    recording, lines = _recording(document), []
    for passage in sorted(document.passages, key=lambda one: (_channel(one), one.start)):
        if text := shown(passage.text):
            start = max(0.0, passage.start)
            end = max(passage.end, start + _SHORTEST_S)
            speaker = _one_word(passage.speaker or "<NA>")
            lines.append(f"{recording} {_channel(passage)} {speaker} {start:.3f} {end:.3f} {text}\n")
    return "".join(lines)


def write_ctm(document: Document, style: CaptionStyle) -> str:  # noqa: ARG001 - the format fixes how it looks
    """Return a document's words as CTM; where the model gives none, a passage's time is shared by its characters."""
    recording = _recording(document)
    words = [(_channel(passage), word) for passage, found in words_of(document) for word in found]
    lines = []
    for channel, word in sorted(words, key=lambda one: (one[0], one[1].start)):
        start, length = round(word.start, 3), max(0.0, round(word.end, 3) - round(word.start, 3))
        confidence = "" if word.probability is None else f" {word.probability:.4f}"
        lines.append(f"{recording} {channel} {start:.3f} {length:.3f} {word.text}{confidence}\n")
    return "".join(lines)


def write_rttm(document: Document, style: CaptionStyle) -> str:  # noqa: ARG001 - the format fixes how it looks
    """Return a document's turns as RTTM; where there are none, its passages that have speakers."""
    spoken = [Turn(one.start, max(one.start, one.end), one.speaker) for one in document.passages if one.speaker]
    return rttm_of(_recording(document), document.turns or spoken)


def _recording(document: Document) -> str:
    return _one_word(PurePosixPath(title_of(document)).stem)


def _channel(passage: Passage) -> int:
    return 1 if passage.channel is None else passage.channel + 1


def _one_word(name: str) -> str:
    return "_".join(shown(name).split()) or "_"
