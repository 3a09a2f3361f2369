"""Tables of utterances made of counts of errors alone: quick to make by the hundred, for simulations."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from acento.scoring.score import SCHEMA, SCORED

WORDS = 10
"""Reference words of each clip."""


def table(errors: npt.ArrayLike, speakers: int = 0) -> pa.Table:
    """Return a table in which each clip of ten words has so many substitutions; ``speakers`` take turns, if any."""
    counts = np.asarray(errors, dtype=np.int64)
    clips = len(counts)
    columns = {
        "id": [f"c{index:04d}" for index in range(clips)],
        "status": [SCORED] * clips,
        "split": ["test"] * clips,
        "speaker": [f"s{index % speakers}" if speakers else None for index in range(clips)],
        "normalized_reference": ["x"] * clips,
        "normalized_hypothesis": [f"{count} errors" for count in counts],
        "word_substitutions": counts,
        "word_insertions": np.zeros_like(counts),
        "word_deletions": np.zeros_like(counts),
        "word_hits": WORDS - counts,
    }
    return pa.table({one.name: pa.array(columns.get(one.name, [None] * clips), one.type) for one in SCHEMA}, SCHEMA)


def drawn(
    rng: np.random.Generator, rates: list[float], clips: int = 100, speakers: int = 0, taste: float = 0.0
) -> list[pa.Table]:
    """Return tables of models that err at these rates on clips that are as hard for each of them.

    ``taste`` is how differently well a model hears different speakers, the standard deviation of the rate's logarithm.
    """
    hard = rng.gamma(1.0, 1.0, clips)
    tables = []
    for rate in rates:
        suits = np.exp(rng.normal(0, taste, max(1, speakers)))[np.arange(clips) % max(1, speakers)]
        tables.append(table(rng.binomial(WORDS, np.clip(rate * hard * suits, 0, 1)), speakers))
    return tables
