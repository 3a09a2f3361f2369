"""Words with their times and who speaks when: what transcription, diarization, captions and scores hand on."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it was heard; times in seconds from the start of what was transcribed."""

    text: str
    """With its punctuation, and without spaces around it."""
    start: float
    end: float
    probability: float | None = None
    """How sure the model is of it, from 0 to 1: the geometric mean over its tokens; None: it does not say."""
    speaker: str | None = None
    joined: bool = False
    """Whether no space stands between it and the word before, as in scripts that put none between words."""


@dataclass(frozen=True, slots=True, order=True)
class Turn:
    """A stretch in which somebody speaks, in seconds; turns of several speakers may overlap."""

    start: float
    end: float
    speaker: str


def text_of(words: Iterable[Word]) -> str:
    """Return the text that words make.

    >>> text_of([Word("Hola,", 0, 0.4), Word("mundo.", 0.5, 0.9)])
    'Hola, mundo.'
    >>> text_of([Word("你", 0, 0.4), Word("好", 0.4, 0.9, joined=True)])
    '你好'
    """
    return "".join(word.text if word.joined else f" {word.text}" for word in words).strip()
