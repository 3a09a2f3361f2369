"""The headline of a score: the number that models are ranked and judged by, WER, or CER where a script has no spaces.

A table of utterances says in the metadata of its schema which normalizer made it and what its headline is, so that
whoever sums it up or compares it counts the same units.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal

from acento.core.text import Normalizer
from acento.scoring.counting.counts import ErrorCounts, count_characters, count_words

if TYPE_CHECKING:
    import pyarrow as pa

Headline = Literal["word", "character"]
"""Whose errors are counted for it."""
RATE_NAMES: dict[Headline, str] = {"word": "WER", "character": "CER"}
_HEADLINE, _NORMALIZER = b"headline", b"normalizer"


def rate_title(headline: Headline, normalizer: str | None) -> str:
    """Return what a rate is and by which rule, as it stands over a number.

    >>> rate_title("word", "spanish-1"), rate_title("character", None)
    ('WER (spanish-1)', 'CER')
    """
    return RATE_NAMES[headline] + (f" ({normalizer})" if normalizer else "")


def headline_of(normalizer: Normalizer) -> Headline:
    """Return whose errors are the headline of the scores of a normalizer."""
    return "character" if normalizer.characters else "word"


def counter(normalizer: Normalizer, unit: Headline | None = None) -> Callable[[str, str], ErrorCounts]:
    """Return what counts the errors of a normalized hypothesis against its reference, by default of the headline.

    Spaces are no characters in a script that does not part words by them.
    """
    if (unit or headline_of(normalizer)) == "word":
        return count_words
    return partial(count_characters, spaces=not normalizer.characters)


def described(schema: "pa.Schema", normalizer: Normalizer) -> "pa.Schema":
    """Return a schema of tables of utterances that says by which normalizer they are scored."""
    return schema.with_metadata({_NORMALIZER: normalizer.identity, _HEADLINE: headline_of(normalizer)})


def headline(utterances: "pa.Table") -> Headline:
    """Return whose errors are the headline of a table of utterances; words where it does not say it."""
    return "character" if (utterances.schema.metadata or {}).get(_HEADLINE) == b"character" else "word"


def normalizer_of(utterances: "pa.Table") -> str | None:
    """Return the name and version of the normalizer of a table of utterances; None where it does not say it."""
    identity = (utterances.schema.metadata or {}).get(_NORMALIZER)
    return None if identity is None else identity.decode()
