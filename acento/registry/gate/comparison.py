"""Two models on the same clips: their rates with intervals, and the paired difference."""

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from acento.registry.gate.evidence import Evidence, pair
from acento.scoring.bootstrap import interval, paired
from acento.scoring.score import FAILED, SCORED, Rate, count_column


class Difference(BaseModel):
    """How much more the tuned model errs than its base on the same clips, fractions of WER; below 0 it is better."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delta: float
    low: float | None
    high: float | None
    p_value: float | None


class Row(BaseModel):
    """Base and tuned model on the same clips."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clips: int
    """Scored for the tuned model."""
    words: int
    """Words of their references."""
    failed: int
    """Clips that the tuned model has no text for; they are in no rate."""
    base: Rate | None
    """None where the base was not measured."""
    tuned: Rate
    difference: Difference | None


def compare(base: pa.Table | None, tuned: pa.Table) -> Row:
    """Return two models' rates on the same clips and their paired difference, of tables of ``score_utterances``.

    Clips are drawn, as on the leaderboard; the gate, which decides, may draw speakers.

    Raises:
        InputError: the tables are not of the same clips.
    """
    scored = tuned.filter(pc.equal(tuned["status"], SCORED))
    difference = None
    if base is not None:
        pairs = pair(Evidence(name="these clips", incumbent=base, candidate=tuned))
        found = paired(pairs.candidate, pairs.lengths, pairs.incumbent)
        if found is not None:
            difference = Difference(delta=found.delta, low=found.low, high=found.high, p_value=found.p_value)
    return Row(
        clips=len(scored),
        words=int(count_column(scored, "word_length").sum()),
        failed=tuned["status"].to_pylist().count(FAILED),
        base=None if base is None else _rate(base),
        tuned=_rate(tuned),
        difference=difference,
    )


def by_accent(base: pa.Table | None, tuned: pa.Table) -> dict[str, Row]:
    """Compare the two by accent where there is more than one."""
    accents = sorted({accent for accent in tuned["accent"].to_pylist() if accent is not None})
    if len(accents) < 2:
        return {}
    of = {
        accent: [table and table.filter(pc.equal(table["accent"], accent)) for table in (base, tuned)]
        for accent in accents
    }
    return {accent: compare(tables[0], tables[1]) for accent, tables in of.items()}


def _rate(table: pa.Table) -> Rate:
    """Return the corpus WER of the scored clips of a table."""
    scored = table.filter(pc.equal(table["status"], SCORED))
    errors, words = count_column(scored, "word_errors"), count_column(scored, "word_length")
    bounds = interval(errors, words)
    value = float(errors.sum() / words.sum()) if words.sum() else None
    return Rate(value=value, low=bounds and bounds.low, high=bounds and bounds.high)
