"""What was heard in a window of a recording: segments, whose times count from the recording's start, and words."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from acento.core.text.steps import compose, lowercase, symbols_to_spaces
from acento.data.words import Word
from acento.inference.predictions import Prediction, Segment
from acento.inference.spans import Spans, placed

_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uff60"
"""Thai, Lao, Burmese, Khmer, kana, Han, and their punctuation: scripts that put no spaces between words."""
_UNIT = re.compile(rf"[{_SPACELESS}]|[^\s{_SPACELESS}]+")
_IS_SPACELESS = re.compile(rf"[{_SPACELESS}]")


def heard_in(spans: Spans, prediction: Prediction) -> list[Segment]:
    """Return what was heard in a planned window, whose prediction has times relative to the window's start.

    It is one window, or several where the engine had to cut it; none where there is no text.

    >>> heard_in(((60.0, 80.0),), Prediction("w", "ya po"))
    [Segment(start=60.0, end=80.0, text='ya po', words=(), logprob=None, no_speech=None, language=None)]

    Args:
        spans: the stretches of the recording that the window has.
        prediction: what became of it.
    """
    if not prediction.segments:
        return [Segment(spans[0][0], spans[-1][1], prediction.text)] if prediction.text else []
    return [placed(one, spans) for one in prediction.segments if one.text]


def timed_words(window: Segment) -> tuple[Word, ...]:
    """Return a window's words; where the model gave no times, with times by the place of their letters in the text.

    In scripts without spaces each character is a word then.

    >>> [(word.text, word.start) for word in timed_words(Segment(10, 14, "si no"))]
    [('si', 10.0), ('no', 12.4)]
    >>> [word.joined for word in timed_words(Segment(0, 2, "你好 ok"))]
    [False, True, False]
    """
    return window.words or tuple(_by_letters(window))


def _by_letters(window: Segment) -> Iterator[Word]:
    scale = (window.end - window.start) / max(len(window.text), 1)
    before = -1
    for unit in _UNIT.finditer(window.text):
        first, last = unit.span()
        yield Word(unit[0], window.start + first * scale, window.start + last * scale, joined=first == before)
        before = last


def plain(text: str) -> str:
    """Return what two ways to write a word have in common: its letters and digits, in lower case.

    >>> plain("¡Está!"), plain("…")
    ('está', '')
    """
    return "".join(symbols_to_spaces(compose(lowercase(text))).split())


def is_spaceless(text: str) -> bool:
    """Tell whether a text is in a script that puts no spaces between words, by its first letter.

    >>> is_spaceless("«你好»"), is_spaceless("hola 你")
    (True, False)
    """
    return bool(_IS_SPACELESS.match(plain(text)[:1] or text[:1]))


def follows(before: Word | None, word: Word) -> Word:
    """Return the first word of a window as it follows another window's last one: joined only where a script does so."""
    joined = before is not None and bool(_IS_SPACELESS.match(before.text[-1:]) and _IS_SPACELESS.match(word.text[:1]))
    return word if word.joined == joined else replace(word, joined=joined)


def languages_of(windows: Iterable[Segment]) -> list[str]:
    """Return the languages of windows, the one with the most text first."""
    lengths: dict[str, int] = {}
    for window in windows:
        if window.language is not None:
            lengths[window.language] = lengths.get(window.language, 0) + len(window.text)
    return sorted(lengths, key=lambda code: -lengths[code])
