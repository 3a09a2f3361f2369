"""What a gate looks at, made by hand: clips with so many errors each."""

from collections.abc import Sequence

import pyarrow as pa

from acento.core.text import normalizer
from acento.registry.gate.evidence import Evidence
from acento.scoring.score import UtteranceResult, score_utterances

NONE = normalizer("none")
WORDS = 10


def table(errors: Sequence[int | None], speakers: int = 0, words: int = WORDS) -> pa.Table:
    """Return a score in which each clip of ``words`` words has so many errors; None: the model failed on it."""
    return score_utterances(
        [
            UtteranceResult(
                id=f"c{place:03d}",
                reference=" ".join(["sí"] * words),
                hypothesis=None if count is None else " ".join(["sí"] * words + ["no"] * count),
                error="out_of_memory: no room" if count is None else None,
                split="test",
                speaker=f"s{place % speakers}" if speakers else None,
                accent="chilean",
                duration_s=2.0,
            )
            for place, count in enumerate(errors)
        ],
        NONE,
    )


def evidence(
    before: Sequence[int | None], after: Sequence[int | None], name: str = "demo", **facts: object
) -> Evidence:
    speakers = int(facts.pop("speakers", 0))  # type: ignore[call-overload]
    return Evidence(name, table(before, speakers), table(after, speakers), **facts)  # type: ignore[arg-type]
