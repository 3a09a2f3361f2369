"""Loops: a phrase that a model repeats in a row though nobody does; it is cut to one.

People repeat themselves, too (*sí, sí, sí*; a refrain), so that repeats alone are no sign. They are taken for a loop
where they are said faster than anybody speaks, or so slowly that there is speech for much more; where the model is
unsure of the window; or where they are very many, and neither voice nor certainty speaks for them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Final

import numpy as np

from acento.data.document import Removed
from acento.data.words import Word, text_of
from acento.families.whisper.fallback import LEAST_LIKELY, MOST_SILENT
from acento.inference.predictions import Segment
from acento.scoring.errors.hallucinations import LETTER_REPEATS, LONGEST
from acento.transcription.assembly.heard import is_spaceless, plain, timed_words
from acento.transcription.assembly.voiced import Voice

REPEATED: Final = "repeated"
FASTEST: Final = 25.0
"""Letters a second of speech; the fastest talkers of the languages with the most syllables a second stay below 20
(Pellegrino et al., "A cross-language perspective on speech information rate", Language 2011)."""
FASTEST_SPACELESS: Final = 14.0
"""The same in scripts without spaces, where a character is a syllable or more."""
SLOWEST: Final = 1.5
"""Letters a second of speech, below which a repeated phrase does not account for what is said."""
LEAST: Final = 3
"""Fewer repeats are no loop."""
UNSURE_REPEATS: Final = 4
"""So many are one where the model is unsure."""
MANY: Final = 8
"""So many of a phrase, and half as many again of a word, need something that speaks for them."""
_SLACK_S: Final = 0.3
_VOICED: Final = 0.6
_SURE: Final = 0.4


@dataclass(frozen=True, slots=True)
class Run:
    """A phrase of ``size`` words that begins at the word ``first`` and comes ``times`` times in a row."""

    first: int
    size: int
    times: int

    @property
    def end(self) -> int:
        """The word after the last repeat."""
        return self.first + self.size * self.times


def runs_of(keys: Sequence[str]) -> list[Run]:
    """Return the phrases of at most ``LONGEST`` words that come ``LEAST`` times in a row or more; shorter ones first.

    >>> runs_of("a no sé no sé no sé no b".split())
    [Run(first=1, size=2, times=3)]
    """
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    units = np.array([numbers[key] for key in keys], np.int64)
    taken = np.zeros(len(keys), bool)
    found = []
    for size in range(1, min(LONGEST, len(keys) // LEAST) + 1):
        same = np.concatenate([[0], units[size:] == units[:-size], [0]]).astype(np.int8)
        edges = np.flatnonzero(np.diff(same)).reshape(-1, 2)
        for start, end in edges[edges[:, 1] - edges[:, 0] >= size * (LEAST - 1)].tolist():
            run = Run(start, size, (end - start) // size + 1)
            if not taken[run.first : run.end].any():
                taken[run.first : run.end] = True
                found.append(run)
    return sorted(found, key=lambda run: run.first)


def without_repeats(windows: Sequence[Segment], voice: Voice | None = None) -> tuple[list[Segment], list[Removed]]:
    """Return windows of one channel, in order, in which each loop is cut to one phrase; and what was taken out.

    >>> looped = Segment(0, 4, "ya no sé" + " no sé" * 40)
    >>> [window.text for window in without_repeats([looped])[0]]
    ['ya no sé']

    Args:
        windows: of one channel, in order; a loop may go over several of them.
        voice: tells the seconds of speech; None: nobody knows, and all of it counts as speech.
    """
    places = [(number, word) for number, window in enumerate(windows) for word in timed_words(window)]
    words = [word for _, word in places]
    keys = [plain(word.text) or word.text for word in words]
    removed: list[Removed] = []
    gone: set[int] = set()
    for run in runs_of(keys):
        chosen = range(run.first, run.end)
        unsure = any(_unsure(windows[places[place][0]]) for place in chosen)
        if not _is_loop([words[place] for place in chosen], run, voice, unsure=unsure):
            continue
        end = run.end
        while end < len(keys) and end - run.end < run.size and keys[end] == keys[end - run.size]:
            end += 1
        end = end if end == len(keys) else run.end  # what begins like another repeat, and goes on otherwise, stays
        cut = range(run.first + run.size, end)
        gone.update(cut)
        removed.append(_removed([words[place] for place in cut]))
    kept: list[list[Word]] = [[] for _ in windows]
    for place, (number, word) in enumerate(places):
        if place not in gone:
            shorter = _without_letters(word, voice)
            if shorter is not word:
                rest = word.text[len(shorter.text) :]
                removed.append(Removed(word.start, word.end, rest, REPEATED))
            kept[number].append(shorter)
    return [left for window, some in zip(windows, kept, strict=True) if (left := with_words(window, some))], removed


def with_words(window: Segment, words: Sequence[Word]) -> Segment | None:
    """Return a window of which only these words are left; None: none is."""
    if tuple(words) == timed_words(window):
        return window
    if not words:
        return None
    return replace(window, text=text_of(words), words=tuple(words) if window.words else ())


def too_fast(words: Sequence[Word], seconds: float) -> bool:
    """Tell whether nobody can say words in so many seconds of speech."""
    text = "".join(plain(word.text) for word in words)
    fastest = FASTEST_SPACELESS if is_spaceless(text) else FASTEST
    return len(text) > fastest * (seconds + _SLACK_S)


def seconds_of(words: Sequence[Word], voice: Voice | None) -> float:
    """Return the seconds of speech in which words are said; of all of their time where no voice is known."""
    start, end = words[0].start, words[-1].end
    return end - start if voice is None else voice(start - _SLACK_S / 2, end + _SLACK_S / 2)


def _is_loop(words: Sequence[Word], run: Run, voice: Voice | None, *, unsure: bool) -> bool:
    seconds = seconds_of(words, voice)
    letters = sum(len(plain(word.text)) for word in words)
    if too_fast(words, seconds) or (unsure and run.times >= UNSURE_REPEATS):
        return True
    if voice is not None and seconds >= 2 and letters < SLOWEST * seconds:
        return True
    if run.times < (MANY if run.size > 1 else MANY * 3 // 2):
        return False
    if run.times >= 3 * MANY or voice is None:
        return True
    known = [word.probability for word in words if word.probability is not None]
    voiced = seconds >= _VOICED * (words[-1].end - words[0].start)
    return not voiced or (bool(known) and fmean(known) < _SURE)


def _unsure(window: Segment) -> bool:
    return (window.logprob or 0.0) < LEAST_LIKELY or (window.no_speech or 0.0) > MOST_SILENT


_LETTERS = re.compile(rf"(.{{1,6}}?)\1{{{LETTER_REPEATS - 1},}}")


def _without_letters(word: Word, voice: Voice | None) -> Word:
    """Return a word whose letters repeat themselves faster than anybody speaks with one of them: *jajajaja…*."""
    if len(word.text) < 2 * LETTER_REPEATS or not too_fast([word], seconds_of([word], voice)):
        return word
    return replace(word, text=_LETTERS.sub(r"\1", word.text))


def _removed(words: Sequence[Word]) -> Removed:
    return Removed(words[0].start, words[-1].end, text_of(words), REPEATED)
