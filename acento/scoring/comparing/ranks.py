"""Ranks of many models on the same clips: each is tested against the best of its rank, corrected for all comparisons.

Who is best is read off the same clips, so that a test against the best is one of all pairs, the one that looks
clearest: n models make n (n - 1) / 2 comparisons, however few are carried out. The p-values, of exact sign-flip tests,
are corrected by Holm's step-down method (Scandinavian Journal of Statistics 6(2), 1979), over all ranks of a board
together: whatever the models are worth, all ranks are right with a chance of at least 95 %. With a correction for the
n - 1 tests alone ten equal models would have more than one rank on far more than 5 % of boards, and without any on half
of them (``benchmarks/gate.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from acento.scoring.comparing.compare import Comparison, compare
from acento.scoring.score import scored
from acento.scoring.statistics.bootstrap import LEVEL
from acento.scoring.statistics.units import units_of


@dataclass(frozen=True, slots=True)
class Place:
    """What rank a model has, and by which test."""

    rank: int
    """From 1; models that share one are followed by as many places without a number."""
    tied: bool | None
    """Whether the clips cannot tell it from the best of its rank; None for that one, or where it was not tested."""
    against: Comparison | None
    """This model less the one it was tested against: the best of its rank, or for the best that of the rank above."""


def place(tables: Sequence[pa.Table | None], level: float = LEVEL) -> list[Place]:
    """Return the places of models that are given best first, as tables of ``score_utterances``, in the same order.

    The best and all that cannot be told from it share a rank; the next rank is formed among those that are left. A
    model's rank may so lie above that of one with a lower WER, where its own clips tell less. Where there are fewer
    than ten unseen speakers nothing is told apart. Without tables ranks are places in the order given.
    """
    places: dict[int, Place] = {}
    left, told, above = list(range(len(tables))), 0, None
    comparisons = len(tables) * (len(tables) - 1) // 2
    tested: dict[int, Comparison] = {}
    while left:
        best, *others = left
        rank = len(places) + 1
        places[best] = Place(rank, None if above is None else False, tested.get(best))
        known = tables[best]
        if known is None:
            left = others
            continue
        few = units_of(scored(known)).few
        tested = {}
        for other in others:
            if (table := tables[other]) is not None:
                tested[other] = compare(table, known)
        apart = set() if few else _apart(tested, 1 - level, comparisons - told)
        told += len(apart)
        for other in others:
            if other in tested and other not in apart:
                places[other] = Place(rank, True, tested[other])
        left, above = [other for other in others if other not in places], best
    return [places[index] for index in range(len(tables))]


def _apart(tested: dict[int, Comparison], alpha: float, comparisons: int) -> set[int]:
    """Return who differs from the best by Holm's method: the smallest p-value first, then with one comparison less."""
    p_values = {
        index: found.difference.p_value
        for index, found in tested.items()
        if found.difference is not None and found.difference.p_value is not None
    }
    apart: set[int] = set()
    for index, p_value in sorted(p_values.items(), key=lambda item: item[1]):
        if p_value > alpha / (comparisons - len(apart)):
            break
        apart.add(index)
    return apart
