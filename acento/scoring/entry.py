"""What a run puts on the leaderboard: a model, a data set, a score, and how its speed was measured."""

from datetime import datetime

from pydantic import BaseModel

from acento.scoring.score import GroupScore, Score
from acento.scoring.table import percent

Value = str | int | float | bool | None
"""What a cell of a CSV file holds."""


class Conditions(BaseModel, frozen=True):
    """What an RTFx was measured on and with; two RTFx compare only when all of it is equal."""

    device: str
    """As the machine names it, such as ``NVIDIA L40S``."""
    dtype: str
    threads: int | None
    batch_size: int | None
    backend: str
    placements: int


class Speed(BaseModel, frozen=True):
    """How fast a model decoded, as audio seconds over inference seconds."""

    rtfx: float
    low: float | None
    high: float | None
    """The bootstrap interval over batches; None with fewer than two."""
    inference_s: float
    """Inference seconds of all workers together: the decode loops less their waits for audio to be read."""
    conditions: Conditions | None
    """None when parts were measured under different conditions, as when a run was resumed elsewhere."""


class Entry(BaseModel, frozen=True):
    """One model measured on one data set in one run."""

    model: str
    revision: str | None
    model_hash: str
    dataset: str
    """As a person reads it, such as ``santiago v2``."""
    dataset_fingerprint: str
    split: str
    limit: int | None
    """How many clips of the split were asked for at most; None is all."""
    score: Score
    speed: Speed | None
    """None when nothing was measured."""
    run: str
    when: datetime

    @property
    def rtfx(self) -> float | None:
        """Audio seconds over inference seconds; None when nothing was measured."""
        return None if self.speed is None else self.speed.rtfx

    @property
    def conditions(self) -> Conditions | None:
        """What the RTFx was measured on and with, or None."""
        return None if self.speed is None else self.speed.conditions


def rate_columns(score: GroupScore) -> dict[str, Value]:
    """Return a score's rates in percent and its counts, under the names that CSV files use."""
    rates = {"wer": score.wer, "cer": score.cer, "macro_wer": score.macro_wer}
    columns: dict[str, Value] = {}
    for name, rate in rates.items():
        columns |= {name: percent(rate.value), f"{name}_low": percent(rate.low), f"{name}_high": percent(rate.high)}
    return columns | {
        "substitutions": score.words.substitutions,
        "deletions": score.words.deletions,
        "insertions": score.words.insertions,
        "reference_words": score.words.reference_length,
        "scored": score.scored,
        "failed": score.failed,
        "without_reference": score.without_reference,
    }


def condition_columns(entry: Entry) -> dict[str, Value]:
    """Return what an entry's RTFx was measured on and with, None where nothing was measured."""
    return entry.conditions.model_dump() if entry.conditions else dict.fromkeys(Conditions.model_fields)


def origin_columns(entry: Entry) -> dict[str, Value]:
    """Return what an entry was measured with, and in which run."""
    return {
        "normalizer": entry.score.normalizer,
        "revision": entry.revision,
        "model_hash": entry.model_hash,
        "dataset_fingerprint": entry.dataset_fingerprint,
        "limit": entry.limit,
        "run": entry.run,
        "when": entry.when.isoformat(),
    }


def speed_columns(entry: Entry) -> dict[str, Value]:
    """Return an entry's RTFx and its interval, None where nothing was measured."""
    speed = entry.speed
    values = (None, None, None) if speed is None else (speed.rtfx, speed.low, speed.high)
    names = ("rtfx", "rtfx_low", "rtfx_high")
    return {name: None if value is None else round(value, 2) for name, value in zip(names, values, strict=True)}
