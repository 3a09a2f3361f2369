"""The two texts of an utterance as their words are counted: one reading of the reference, white space as forgiven."""

from dataclasses import dataclass, replace

from acento.core.text import Normalizer
from acento.scoring.counting.alternatives import best_reading
from acento.scoring.counting.compounds import counted_as_the_board_does
from acento.scoring.counting.counts import ErrorCounts, count_words


@dataclass(frozen=True, slots=True)
class CountedTexts:
    """Normalized texts, and the errors of their words."""

    reference: str
    hypothesis: str
    words: ErrorCounts


def count_texts(said: str, heard: str, normalizer: Normalizer, marked: str | None = None) -> CountedTexts:
    """Count the errors of the words of two normalized texts.

    >>> from acento.core.text import normalizer
    >>> count_texts("", "i am a", normalizer("basic"), "I am a (farmer) { um / @ }").words
    ErrorCounts(substitutions=0, insertions=0, deletions=0, hits=4)

    Args:
        said: the reference.
        heard: the hypothesis.
        normalizer: of both; under those of the Open ASR leaderboard words written apart or together are no errors.
        marked: the reference as it was given, where it has alternations and optional words as sclite's do.

    Raises:
        InputError: the reference's alternations are not balanced.
    """
    forgiven = 0
    if marked is not None:
        best = best_reading(marked, heard, normalizer)
        said, forgiven = best.text, best.forgiven
    found = counted_as_the_board_does(said, heard, normalizer) or (said, heard, count_words(said, heard))
    said, heard, words = found
    return CountedTexts(said, heard, replace(words, hits=words.hits + forgiven))
