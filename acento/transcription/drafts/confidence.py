"""How sure a model is of what it heard in a passage; a list of passages to review begins with the least sure."""

from math import exp, log
from statistics import fmean
from typing import Final

from acento.data.document import Passage

UNSURE: Final = 0.5
"""Below this probability a word is named as one that the model is unsure of."""
LEAST_SURE: Final = 0.3
"""What the least likely word counts beside all of them together."""
_LEAST: Final = 1e-3
_NAMED: Final = 5


def confidence_of(passage: Passage) -> float | None:
    """Return from 0 to 1 how sure the model is of a passage's words; None: it does not say.

    It is the geometric mean of the words' probabilities, in which the least likely word counts again by
    ``LEAST_SURE``, as one wrong word spoils an utterance; or, where the model gives none, of its tokens'. What it is
    good for is the order of passages: it is no share of right words.

    >>> from acento.data.words import Word
    >>> confidence_of(Passage(0, 1, "ya po", (Word("ya", 0, 0.4, 0.9), Word("po", 0.5, 1, 0.4))))
    0.5464
    """
    known = [word.probability for word in passage.words if word.probability is not None]
    if known:
        logs = [log(max(one, _LEAST)) for one in known]
        return round(exp((fmean(logs) + LEAST_SURE * min(logs)) / (1 + LEAST_SURE)), 4)
    return None if passage.logprob is None else round(exp(min(passage.logprob, 0.0)), 4)


def reason_of(passage: Passage) -> str:
    """Return which words of a passage the model is unsure of; nothing where it is sure of all, or does not say.

    >>> from acento.data.words import Word
    >>> reason_of(Passage(0, 1, "ya po", (Word("ya", 0, 0.4, 0.9), Word("po", 0.5, 1, 0.4))))
    'unsure of: po'
    """
    unsure = [word.text for word in passage.words if word.probability is not None and word.probability < UNSURE]
    more = f" and {len(unsure) - _NAMED} more" if len(unsure) > _NAMED else ""
    return f"unsure of: {', '.join(unsure[:_NAMED])}{more}" if unsure else ""
