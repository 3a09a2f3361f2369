"""Two models on the same clips: their rates with intervals, and the paired difference."""

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel

from acento.registry.gate.evidence import Evidence, pair
from acento.scoring.bootstrap import paired
from acento.scoring.score import FAILED, Rate, count_column, scored, word_rate


class WerDifference(BaseModel, frozen=True, extra="forbid"):
    """How much more the tuned model errs than its base on the same clips, fractions of WER; below 0 it is better."""

    delta: float
    low: float | None
    high: float | None
    p_value: float | None


class ComparisonRow(BaseModel, frozen=True, extra="forbid"):
    """Base and tuned model on the same clips."""

    clips: int
    """Scored for the tuned model."""
    words: int
    """Words of their references."""
    failed: int
    """Clips that the tuned model has no text for; they are in no rate."""
    base: Rate | None
    """None where the base was not measured."""
    tuned: Rate
    difference: WerDifference | None


def compare(base: pa.Table | None, tuned: pa.Table) -> ComparisonRow:
    """Return two models' rates on the same clips and their paired difference, of tables of ``score_utterances``.

    Clips are drawn, as on the leaderboard; the gate, which decides, may draw speakers.

    Raises:
        InputError: the tables are not of the same clips.
    """
    rows = scored(tuned)
    difference = None
    if base is not None:
        pairs = pair(Evidence(name="these clips", incumbent=base, candidate=tuned))
        found = paired(pairs.candidate, pairs.lengths, pairs.incumbent)
        if found is not None:
            difference = WerDifference(delta=found.delta, low=found.low, high=found.high, p_value=found.p_value)
    return ComparisonRow(
        clips=len(rows),
        words=int(count_column(rows, "word_length").sum()),
        failed=tuned["status"].to_pylist().count(FAILED),
        base=None if base is None else word_rate(base),
        tuned=word_rate(tuned),
        difference=difference,
    )


def by_accent(base: pa.Table | None, tuned: pa.Table) -> dict[str, ComparisonRow]:
    """Compare the two by accent where there is more than one."""
    accents = sorted({accent for accent in tuned["accent"].to_pylist() if accent is not None})
    if len(accents) < 2:
        return {}
    return {
        accent: compare(*(table and table.filter(pc.equal(table["accent"], accent)) for table in (base, tuned)))
        for accent in accents
    }
