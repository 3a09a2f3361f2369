"""What each step of a normalizer takes away from the error rate: how much of a score is writing and not hearing."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from acento.core.text import Normalizer
from acento.scoring.counting.counts import ErrorCounts
from acento.scoring.counting.headline import counter
from acento.scoring.score import scored

AS_WRITTEN = "as-written"
"""The row before any step."""
CLIPS = 2_000
"""Clips that are looked at, at most: steps are applied one by one to each."""


@dataclass(frozen=True, slots=True)
class StepEffect:
    """The error rate of some clips after a step of a normalizer, all steps before it applied."""

    step: str
    """The name of the step; ``as-written`` is the first row, before any."""
    about: str
    """What it does, in a sentence."""
    clips: int
    """How many were looked at: a sample where there are many."""
    rate: float | None
    """WER after it, a fraction, or CER where that is the normalizer's headline; None where no reference is left."""
    change: float | None
    """How much it moved the rate: -0.05 took 5 points away; None in the first row."""


def step_effects(utterances: pa.Table, rule: Normalizer, *, clips: int = CLIPS, seed: int = 0) -> list[StepEffect]:
    """Return the error rate before a normalizer and after each of its steps.

    What a step takes away depends on the steps before it. Where more clips are scored than are looked at, they are
    drawn at random, the same for the same seed.

    Args:
        utterances: a table of ``score_utterances``, by whatever normalizer: the texts as they were given are read.
        rule: the normalizer whose steps are looked at.
        clips: how many clips are looked at, at most.
        seed: of the clips that are drawn.

    >>> table = pa.table({"status": ["scored"], "reference": ["¡Sí, po!"], "hypothesis": ["sí po"]})
    >>> from acento.core.text import normalizer
    >>> effects = step_effects(table, normalizer("basic"))
    >>> [(one.step, one.rate) for one in effects if one.change]
    [('symbols-to-spaces', 0.0)]
    """
    rows = scored(utterances)
    if len(rows) > clips:
        drawn = np.random.default_rng(seed).choice(len(rows), clips, replace=False)
        rows = rows.take(pa.array(np.sort(drawn)))
    references, hypotheses = rows["reference"].to_pylist(), rows["hypothesis"].to_pylist()
    if rule.drop_empty_references:
        kept = [pair for pair in zip(references, hypotheses, strict=True) if rule(pair[0]).strip()]
        references, hypotheses = [one for one, _ in kept], [other for _, other in kept]
    count = counter(rule)

    def rate() -> float | None:
        return sum(map(count, references, hypotheses), ErrorCounts()).rate

    effects = [StepEffect(AS_WRITTEN, "The texts as they are.", len(references), rate(), None)]
    for step in rule.steps:
        after = [step(text) for text in references], [step(text) for text in hypotheses]
        before = effects[-1].rate
        if after == (references, hypotheses):
            now = before
        else:
            references, hypotheses = after
            now = rate()
        change = None if now is None or before is None else now - before
        effects.append(StepEffect(step.name, step.about, len(references), now, change))
    return effects
