"""Sentences among words, and the speakers of a sentence's words made one where turns are off by a word or two."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby

from acento.data.words import Word

PAUSE_S = 1.0
"""A longer pause ends a sentence, whatever the punctuation: many models write none."""
CLEAR_S = 1.0
"""Another speaker's words in a row that take so long are a turn and no error of the turns' edges."""

_END = re.compile(r"[.!?…。！？｡؟।]+[\"'”’»」』)\]]*$")


def sentences(words: Sequence[Word]) -> Iterator[slice]:
    """Yield the place of each sentence: up to a word that ends one by its punctuation, or to a pause of over a second.

    >>> words = [Word("Sí.", 0, 1), Word("¿Y", 1, 2), Word("tú?", 2, 3), Word("bien", 3, 4), Word("pues", 6, 7)]
    >>> [(one.start, one.stop) for one in sentences(words)]
    [(0, 1), (1, 3), (3, 4), (4, 5)]
    """
    start = 0
    for place, word in enumerate(words, start=1):
        if place == len(words) or words[place].start - word.end > PAUSE_S or _END.search(word.text):
            yield slice(start, place)
            start = place


def smoothed(words: Sequence[Word], speakers: Sequence[str | None]) -> list[str | None]:
    """Return the speakers with those of a sentence's few words made the one who says more than half of its time.

    Words in a row of another speaker that go on for a second or longer stay: somebody clearly speaks in between. So
    does a sentence of which nobody says more than half.

    >>> words = [Word(text, at, at + 0.4) for at, text in enumerate(["Eso", "ya", "lo", "sé."])]
    >>> smoothed(words, ["ana", "ana", "ana", "luis"])
    ['ana', 'ana', 'ana', 'ana']
    """
    found = list(speakers)
    for sentence in sentences(words):
        said: dict[str | None, float] = defaultdict(float)
        for word, speaker in zip(words[sentence], speakers[sentence], strict=True):
            said[speaker] += max(0.0, word.end - word.start)
        most = max(said, key=lambda name: said[name])
        if len(said) == 1 or most is None or 2 * said[most] <= sum(said.values()):
            continue
        places = range(*sentence.indices(len(words)))
        for speaker, group in groupby(places, key=lambda place: speakers[place]):
            run = list(group)
            if speaker != most and words[run[-1]].end - words[run[0]].start < CLEAR_S:
                found[run[0] : run[-1] + 1] = [most] * len(run)
    return found
