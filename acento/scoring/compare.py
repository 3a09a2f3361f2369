"""Two systems on the same clips: which errs less, and whether the clips suffice to say so."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from acento.core.errors import InputError
from acento.scoring.bootstrap import LEVEL, RESAMPLES, PairedDifference, paired
from acento.scoring.score import SCORED, count_column


@dataclass(frozen=True, slots=True)
class Comparison:
    """The difference in corpus WER of system A less system B over the clips that both have a score for."""

    clips: int
    left_out: int
    """Clips that one of the two failed on, or does not have."""
    difference: PairedDifference | None
    """None when no clip has a reference word."""


def compare(
    a: pa.Table,
    b: pa.Table,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
    by_speaker: bool = False,
) -> Comparison:
    """Compare two tables of utterances (of ``score_utterances``) by paired bootstrap over clips, or over speakers.

    Raises:
        InputError: a clip's reference has another length in the two: other data, or another normalizer.
    """
    scored_a, scored_b = (table.filter(pc.equal(table["status"], SCORED)) for table in (a, b))
    ids_a, ids_b = (table["id"].to_numpy(zero_copy_only=False).astype(object) for table in (scored_a, scored_b))
    ids, rows_a, rows_b = np.intersect1d(ids_a, ids_b, assume_unique=True, return_indices=True)
    lengths = count_column(scored_a, "word_length")[rows_a]
    other = np.flatnonzero(lengths != count_column(scored_b, "word_length")[rows_b])
    if len(other):
        raise InputError(
            f"Two runs cannot be compared: the reference of {ids[other[0]]} has not the same number of words in both; "
            "score both with the same normalizer on the same version of the data set."
        )
    groups: Sequence[str | None] | None = scored_a["speaker"].take(rows_a).to_pylist() if by_speaker else None
    difference = paired(
        count_column(scored_a, "word_errors")[rows_a],
        lengths,
        count_column(scored_b, "word_errors")[rows_b],
        resamples=resamples,
        seed=seed,
        level=level,
        groups=groups,
    )
    return Comparison(len(ids), len(np.union1d(a["id"].to_pylist(), b["id"].to_pylist())) - len(ids), difference)
