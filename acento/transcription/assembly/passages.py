"""Passages: what windows say, divided at pauses and ends of sentences, each of one speaker and of bounded length."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from acento.data.document import Passage
from acento.data.words import Word, text_of
from acento.inference.predictions import Segment
from acento.transcription.assembly.heard import languages_of, timed_words

PAUSE_S = 1.0
"""After a pause this long a passage ends, wherever that is."""
SENTENCE_PAUSE_S = 0.3
"""After one this long it ends if a sentence does."""
LONG_S = 15.0
"""A passage this long ends with its sentence, whatever the pause."""
LONGEST_S = 30.0
"""None is longer, unless a single word is."""
_SENTENCE = ".!?…。！？।؟"
_CLAUSE = ",;:，、；：—–"
_CLOSING = "\"'»”’)]」』"


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A word, and the window in which it was heard."""

    word: Word
    window: Segment


def passages_of(windows: Sequence[Segment], channel: int | None = None) -> list[Passage]:
    """Divide the stitched windows of one channel into passages, in their order.

    >>> words = (Word("Hola.", 0.0, 0.4), Word("¿Cómo", 0.8, 1.1), Word("va?", 1.1, 1.4), Word("Ya.", 3.0, 3.3))
    >>> [passage.text for passage in passages_of([Segment(0, 4, "", words)])]
    ['Hola.', '¿Cómo va?', 'Ya.']

    A passage goes on over the end of a window where nobody paused there. A window without times of words is a passage
    of its own; only one that is too long is divided, at times that follow from the place in the text.
    """
    passages: list[Passage] = []
    for timed, group in groupby(windows, lambda one: bool(one.words)):
        for chosen in [list(group)] if timed else [[window] for window in group]:
            spoken = [_Spoken(word, window) for window in chosen for word in timed_words(window)]
            parts = _divided(spoken) if timed else _bounded(spoken)
            passages += [_passage(part, timed, channel) for part in parts]
    return passages


def _passage(spoken: Sequence[_Spoken], timed: bool, channel: int | None) -> Passage:
    words = tuple(one.word for one in spoken)
    known = [one.window.logprob for one in spoken if one.window.logprob is not None]
    languages = languages_of({id(one.window): one.window for one in spoken}.values())
    return Passage(
        start=words[0].start,
        end=max(word.end for word in words),
        text=text_of(words),
        words=words if timed else (),
        speaker=words[0].speaker,
        language=languages[0] if languages else None,
        logprob=sum(known) / len(known) if known else None,
        channel=channel,
    )


def _divided(spoken: Sequence[_Spoken]) -> list[list[_Spoken]]:
    """Divide words where speaker or language changes, at pauses and at ends of sentences; then what is too long."""
    groups: list[list[_Spoken]] = []
    for one in spoken:
        if groups and not _ends(groups[-1], one):
            groups[-1].append(one)
        else:
            groups.append([one])
    return [part for group in groups for part in _bounded(group)]


def _ends(group: Sequence[_Spoken], one: _Spoken) -> bool:
    """Tell whether a passage ends before a word."""
    first, last = group[0].word, group[-1].word
    pause = one.word.start - last.end
    languages = {group[-1].window.language, one.window.language} - {None}
    if one.word.speaker != last.speaker or len(languages) > 1 or pause >= PAUSE_S:
        return True
    return _mark(last) == _SENTENCE and (pause >= SENTENCE_PAUSE_S or last.end - first.start >= LONG_S)


def _bounded(group: list[_Spoken]) -> list[list[_Spoken]]:
    """Divide what is too long at the end of a sentence, else clause, else at the longest pause."""
    start, end = group[0].word.start, group[-1].word.end
    if end - start <= LONGEST_S or len(group) == 1:
        return [group]

    def quality(number: int) -> tuple[bool, float]:
        before, after = group[number - 1].word, group[number].word
        inner = 0.2 <= (before.end - start) / (end - start) <= 0.8
        return inner, after.start - before.end + {_SENTENCE: 2.0, _CLAUSE: 1.0}.get(_mark(before), 0.0)

    best = max(range(1, len(group)), key=quality)
    return _bounded(group[:best]) + _bounded(group[best:])


def _mark(word: Word) -> str:
    """Return the marks among which a word's last one is; "" if it has none."""
    last = word.text.rstrip(_CLOSING)[-1:]
    return next((marks for marks in (_SENTENCE, _CLAUSE) if last and last in marks), "")
