"""Runaways: texts that a model could not end, or in which it repeats itself; told by the text alone."""

import zlib
from typing import Final

from acento.models.base import Transcript
from acento.scoring.errors.hallucinations import has_loop

MOST_COMPRESSED: Final = 2.4
"""What zlib makes so many times smaller repeats itself (source: Whisper's own ``compression_ratio_threshold``)."""


def compression_ratio(text: str) -> float:
    """Return how many times smaller zlib makes a text, by its UTF-8 bytes; 0 for an empty one.

    >>> round(compression_ratio("la cazuela quedó muy blanda"), 1), compression_ratio("no sé " * 40) > MOST_COMPRESSED
    (0.8, True)
    """
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def is_runaway(transcript: Transcript, *, characters: bool = False) -> bool:
    """Tell whether a text was cut off where no more may be written, or repeats itself.

    A person may have said it so: what is done about it must not make a text that was right a wrong one.

    >>> [is_runaway(Transcript(text)) for text in ("sí po", "sí po sí po sí po sí po", "jajajajajajajajajajaja")]
    [False, True, True]
    >>> is_runaway(Transcript("sí", ended=False)), is_runaway(Transcript("好好好好"), characters=True)
    (True, True)

    Args:
        transcript: what a model wrote.
        characters: whether its script has no spaces, so that loops are of characters.
    """
    words = list(transcript.text.replace(" ", "")) if characters else transcript.text.lower().split()
    return not transcript.ended or compression_ratio(transcript.text) > MOST_COMPRESSED or has_loop([], words)
