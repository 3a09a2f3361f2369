"""What changed between two tables of utterances: which clips, and which errors appeared or went away.

The two need not be scored by one rule: an error is a pair of words, and a clip has as many as it has in each. Whether
the difference of the rates is real is a matter of :mod:`acento.scoring.comparing.compare`, on the same references only.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from acento.scoring.comparing.compare import common_clips
from acento.scoring.comparing.confusions import TOP, error_pairs
from acento.scoring.counting.headline import Headline
from acento.scoring.score import count_column


@dataclass(frozen=True, slots=True)
class ClipChange:
    """A clip that has not the same errors, or not the same number of reference words, in A and B."""

    id: str
    errors_a: int
    errors_b: int
    length_a: int
    """Words (or characters) of the reference as A is scored; B's differ where another normalizer scored it."""
    length_b: int

    @property
    def difference(self) -> int:
        """Errors of A less errors of B."""
        return self.errors_a - self.errors_b


@dataclass(frozen=True, slots=True)
class ErrorChange:
    """An error that A makes more or less often than B; "" as ``reference``: inserted, as ``hypothesis``: deleted."""

    reference: str
    hypothesis: str
    count_a: int
    count_b: int

    @property
    def difference(self) -> int:
        """Times in A less times in B."""
        return self.count_a - self.count_b


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs on the clips that both have a score for; the largest differences first, at most ``top`` of each."""

    clips: int
    fewer: int
    """Clips in which A has fewer errors than B."""
    more: int
    equal: int
    other_text: int
    """Clips whose normalized hypothesis is another, whatever the number of errors."""
    other_reference: int
    """Clips whose normalized reference is another: scored by another rule."""
    changed: tuple[ClipChange, ...]
    errors: tuple[ErrorChange, ...]
    changed_errors: int
    """Different errors that one of the two makes more often."""


def changes(a: pa.Table, b: pa.Table, unit: Headline = "word", *, top: int = TOP) -> Changes:
    """Return which clips and which errors differ between two tables of ``score_utterances``."""
    both_a, both_b = common_clips(a, b)
    errors = [count_column(table, f"{unit}_errors") for table in (both_a, both_b)]
    lengths = [count_column(table, f"{unit}_length") for table in (both_a, both_b)]
    difference = errors[0] - errors[1]
    other = lengths[0] - lengths[1]
    ids = both_a["id"].to_numpy(zero_copy_only=False).astype(np.str_)
    order = np.lexsort((ids, -np.abs(other), -np.abs(difference)))[:top]
    pairs = error_pairs(both_a, unit), error_pairs(both_b, unit)
    moved = [
        ErrorChange(*pair, pairs[0][pair], pairs[1][pair])
        for pair in pairs[0].keys() | pairs[1].keys()
        if pairs[0][pair] != pairs[1][pair]
    ]
    return Changes(
        clips=len(ids),
        fewer=int(np.count_nonzero(difference < 0)),
        more=int(np.count_nonzero(difference > 0)),
        equal=int(np.count_nonzero(difference == 0)),
        other_text=_different(both_a, both_b, "normalized_hypothesis"),
        other_reference=_different(both_a, both_b, "normalized_reference"),
        changed=tuple(
            ClipChange(str(ids[at]), *(int(column[at]) for column in (*errors, *lengths)))
            for at in order
            if difference[at] or other[at]
        ),
        errors=tuple(
            sorted(moved, key=lambda one: (-abs(one.difference), one.difference, one.reference, one.hypothesis))[:top]
        ),
        changed_errors=len(moved),
    )


def _different(a: pa.Table, b: pa.Table, column: str) -> int:
    return int(pc.sum(pc.cast(pc.not_equal(a[column], b[column]), pa.int64())).as_py() or 0)
