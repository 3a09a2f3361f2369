"""Word errors of one recording with several speakers, by meeteval: cpWER, tcpWER and ORC-WER."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

from acento.core.extras import require
from acento.scoring.counting.counts import ErrorCounts
from acento.scoring.speakers.spoken import Spoken

_EXACT = 100_000_000
"""Cells of the table that the exact search for ORC-WER fills; where there were more, it is searched greedily."""


@dataclass(frozen=True, slots=True)
class WordErrors:
    """The errors of a recording's words, counted three ways."""

    cp: ErrorCounts
    """Each speaker's words as one text (concatenated), the speakers matched so that errors are fewest."""
    tcp: ErrorCounts
    """The same, but words match only where their times do (time-constrained)."""
    orc: ErrorCounts
    """Each reference utterance goes to the hypothesis' speaker that suits it best (optimal reference combination): what
    words are wrong, whoever is said to have spoken them."""
    orc_exact: bool = True
    """False: the recording is long, and ``orc`` was searched greedily: the true number may be a little lower."""


def word_errors(
    reference: Sequence[Spoken],
    hypothesis: Sequence[Spoken],
    tokens: Callable[[str], list[str]],
    *,
    collar_s: float = 5.0,
) -> WordErrors:
    """Count the errors of words with their speakers.

    Args:
        reference: utterances with their texts; those without one count as empty.
        hypothesis: utterances or words of a system.
        tokens: makes the words that are compared out of a text.
        collar_s: seconds that a word of the hypothesis may lie off the reference's in ``tcp``.

    Raises:
        InputError: meeteval is not installed.
    """
    require("meeteval", "Scoring who says what")
    from meeteval.io import SegLST
    from meeteval.wer import (
        cp_word_error_rate,
        greedy_orc_word_error_rate,
        orc_word_error_rate,
        time_constrained_minimum_permutation_word_error_rate,
    )

    said, heard = _rows(reference, tokens), _rows(hypothesis, tokens)
    lengths = [sum(len(row["words"].split()) for row in rows) for rows in (said, heard)]
    if not said or not heard:
        only = ErrorCounts(deletions=lengths[0], insertions=lengths[1])
        return WordErrors(only, only, only)
    one, other = SegLST(said), SegLST(heard)
    streams: Counter[str] = Counter()
    for row in heard:
        streams[row["speaker"]] += len(row["words"].split())
    exact = lengths[0] * prod(count + 1 for count in streams.values()) <= _EXACT
    with _quietly():
        return WordErrors(
            cp=_counts(cp_word_error_rate(one, other)),
            tcp=_counts(time_constrained_minimum_permutation_word_error_rate(one, other, collar=collar_s)),
            orc=_counts((orc_word_error_rate if exact else greedy_orc_word_error_rate)(one, other)),
            orc_exact=exact,
        )


def _rows(spoken: Sequence[Spoken], tokens: Callable[[str], list[str]]) -> list[dict[str, Any]]:
    rows = [
        {
            "session_id": "",
            "speaker": one.speaker,
            "start_time": one.start,
            "end_time": one.end,
            "words": " ".join(words),
        }
        for one in spoken
        if (words := tokens(one.text or ""))
    ]
    return sorted(rows, key=lambda row: (row["start_time"], row["end_time"], row["speaker"]))


def _counts(found: Any) -> ErrorCounts:
    wrong, gone = int(found.substitutions), int(found.deletions)
    return ErrorCounts(wrong, int(found.insertions), gone, int(found.length) - wrong - gone)


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep back what meeteval logs of people who talk over themselves: annotators' segments often overlap a little."""
    logger = logging.getLogger("preprocess")  # as meeteval's module of that name calls it
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
