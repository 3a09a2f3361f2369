"""What a run puts on the leaderboard, and the two CSV files that users of the Chilean leaderboard know.

``results_summaries/results_summary_{job_id}.csv`` has a row for each model and data set, and
``results/results_{job_id}.csv`` a row for each utterance. Names are those of aastroza/open_asr_leaderboard_cl, with
more columns behind theirs; WER in percent with two decimals, times in seconds. What is not known is an empty cell; a
failed utterance is one whose ``status`` says so, not one with an empty transcription. UTF-8, quoted as RFC 4180 says.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel

from acento.core.errors import InputError
from acento.scoring.counting.counts import ErrorCounts
from acento.scoring.errors.summary import BatchCheck, error_columns
from acento.scoring.score import COUNTS, Score
from acento.scoring.speakers.score import SpeakerScore
from acento.scoring.speakers.table import speaker_columns
from acento.scoring.table import percent

Value = str | int | float | bool | None
"""What a cell of a CSV file holds."""

_BATCH = 4096
_FORBIDDEN = frozenset('/\\:*?"<>|') | {chr(code) for code in range(32)}


class Conditions(BaseModel, frozen=True):
    """What an RTFx was measured on and with; two RTFx compare only when all of it is equal."""

    device: str
    """As the machine names it, such as ``NVIDIA L40S``."""
    dtype: str
    threads: int | None
    batch_size: int | None
    backend: str
    placements: int
    window: str | None = None
    """What clips were encoded in, such as ``clip + 1 s``; None: the model's own window."""
    decoding: str | None = None
    """How it decoded, such as ``5 beams``; None: greedily."""


class Speed(BaseModel, frozen=True):
    """How fast a model decoded, as audio seconds over inference seconds."""

    rtfx: float
    low: float | None
    high: float | None
    """The interval over batches; None with fewer than two."""
    inference_s: float
    """Inference seconds of all workers together: the decode loops less their waits for audio to be read (one pass)."""
    conditions: Conditions | None
    """None when parts were measured under different conditions, as when a run was resumed elsewhere."""
    repeats: int = 1
    """How often all was decoded for the clock; from 2 on the RTFx is the median, its interval over all of them."""
    changed: int | None = None
    """Texts that were others when decoded again, all repeats together; None where nothing was decoded again."""
    load_s: float | None = None
    """Seconds until a worker can decode, loading and warm-up, the longest that was measured; None: not known."""


class Cost(BaseModel, frozen=True):
    """What a transcription cost, by measured seconds and the price of the devices."""

    dollars: float
    """Of every measured second, loading and warm-up too, whether in this run or an earlier one."""
    per_audio_hour: float
    """Dollars for an hour of audio: of the inference seconds, as the RTFx counts them."""
    usd_per_hour: float
    """Of one device (a processor: of the cores that a worker uses); the mean where there were several types."""
    device_type: str
    """As the price table names it, such as ``L40S``."""
    source: str
    """Where the price is from, and when it was read."""


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
    cost: Cost | None = None
    """None where a device has no price, or nothing was measured; runs of versions before 0.2 have none."""
    family: str | None = None
    """The model's family; runs of versions before 0.2 do not say it."""
    batch_check: BatchCheck | None = None
    """Whether the batch size changes texts; None when that was not asked."""
    window: str | None = None
    """What clips were encoded in, such as ``clip + 1 s``; None: the model's own window."""
    taught: bool = True
    """False: the window is short, and the model was not taught such."""
    decoding: str | None = None
    """How it decoded, such as ``int8, 5 beams``; None: greedily, in the usual precision of its device."""
    runaways: int = 0
    """Windows that were decoded again in the model's own, as their text ran away in a short one."""
    speakers: SpeakerScore | None = None
    """Who speaks when and says what, where both sides tell it."""

    @property
    def system(self) -> tuple[str, str, str | None, str | None]:
        """What is once on a board, where its latest run stands: the model, its content, its windows, its decoding."""
        return self.model, self.model_hash, self.window, self.decoding

    @property
    def conditions(self) -> Conditions | None:
        """What the RTFx was measured on and with, or None."""
        return None if self.speed is None else self.speed.conditions


def measured_columns(entry: Entry) -> dict[str, Value]:
    """Return an entry's rates in percent, its counts and its RTFx, under the names that CSV files use."""
    score = entry.score.overall
    columns: dict[str, Value] = {}
    for name in ("wer", "cer", "macro_wer"):
        rate = getattr(score, name)
        columns |= {name: percent(rate.value), f"{name}_low": percent(rate.low), f"{name}_high": percent(rate.high)}
    columns |= {name: getattr(score.words, name) for name in ("substitutions", "deletions", "insertions")}
    columns["reference_words"] = score.words.reference_length
    columns |= {name: getattr(score, name) for name in ("scored", "failed", "without_reference")}
    for name, field in {"rtfx": "rtfx", "rtfx_low": "low", "rtfx_high": "high"}.items():
        value = getattr(entry.speed, field, None)
        columns[name] = None if value is None else round(value, 2)
    return columns


def origin_columns(entry: Entry) -> dict[str, Value]:
    """Return what an entry's RTFx was measured on and with (None where it was not), and where its score comes from."""
    conditions = entry.conditions.model_dump() if entry.conditions else dict.fromkeys(Conditions.model_fields)
    return conditions | {
        "window": entry.window,
        "decoding": entry.decoding,
        "runaways": entry.runaways,
        "normalizer": entry.score.normalizer,
        "headline": entry.score.rate_name,
        "revision": entry.revision,
        "model_hash": entry.model_hash,
        "dataset_fingerprint": entry.dataset_fingerprint,
        "limit": entry.limit,
        "run": entry.run,
        "when": entry.when.isoformat(),
        **money_columns(entry),
    }


def money_columns(entry: Entry) -> dict[str, Value]:
    """Return an entry's cost, how often it was decoded for the clock, and its coverage, as CSV files name them."""
    cost, speed, score = entry.cost, entry.speed, entry.score.overall
    asked = score.scored + score.failed
    return {
        "cost_usd": None if cost is None else round(cost.dollars, 6),
        "usd_per_audio_hour": None if cost is None else round(cost.per_audio_hour, 6),
        "usd_per_hour": None if cost is None else cost.usd_per_hour,
        "device_type": None if cost is None else cost.device_type,
        "price_source": None if cost is None else cost.source,
        "repeats": None if speed is None else speed.repeats,
        "changed_texts": None if speed is None else speed.changed,
        "coverage": percent(score.scored / asked) if asked else None,
    }


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """One model on one data set, ready to be written: its entry, its table of utterances, and what the clock said."""

    entry: Entry
    utterances: pa.Table
    """Of ``score_utterances``."""
    total_runtime_s: float | None
    """Seconds from start to end of the whole job, or None."""


def write_results(folder: Path, job_id: str, runs: Sequence[ScoredRun]) -> tuple[Path, Path]:
    """Write both files of a job below a folder; return the paths of the summary and of the detailed results.

    Raises:
        InputError: the job id cannot be part of a file name, or there is no run to write.
    """
    if not job_id or _FORBIDDEN.intersection(job_id) or len(job_id.encode()) > 200:
        raise InputError(
            f'A job id is part of a file name: {job_id!r} is empty, too long or has one of / \\ : * ? " < > |.'
        )
    if not runs:
        raise InputError(f"Job {job_id} has no results to write.")
    summary = folder / "results_summaries" / f"results_summary_{job_id}.csv"
    details = folder / "results" / f"results_{job_id}.csv"
    _write(summary, (_summary(job_id, run) | _errors(run) for run in runs))
    _write(details, _details(job_id, runs))
    return summary, details


def _summary(job_id: str, run: ScoredRun) -> dict[str, Value]:
    entry, score = run.entry, run.entry.score.overall
    first: dict[str, Value] = {
        "num_samples": score.utterances,
        "wer": None,
        "rtfx": None,
        "total_time": None if entry.speed is None else round(entry.speed.inference_s, 3),
        "total_audio_length": score.audio_s,
        "job_id": job_id,
        "model_id": entry.model,
        "total_runtime": run.total_runtime_s,
        "dataset": entry.dataset,
        "split": entry.split,
    }
    return first | measured_columns(entry) | origin_columns(entry)


def _errors(run: ScoredRun) -> dict[str, Value]:
    return {
        **error_columns(run.entry.score.other_errors, run.entry.batch_check),
        **speaker_columns(run.entry.speakers),
    }


def _details(job_id: str, runs: Sequence[ScoredRun]) -> Iterator[dict[str, Value]]:
    for run in runs:
        summary, errors = _summary(job_id, run), _errors(run)
        dataset = summary.pop("dataset")
        del summary["split"]
        for batch in run.utterances.to_batches(max_chunksize=_BATCH):
            for row in batch.to_pylist():
                yield summary | {
                    "transcriptions": row["hypothesis"],
                    "original_text": row["reference"],
                    "dataset": dataset,
                    "split": row["split"],
                    "id": row["id"],
                    "status": row["status"],
                    "error": row["error"],
                    "audio_length_s": row["duration_s"],
                    "speaker": row["speaker"],
                    "accent": row["accent"],
                    "normalized_transcription": row["normalized_hypothesis"],
                    "normalized_text": row["normalized_reference"],
                    **_utterance_counts(row),
                    **errors,
                }


def _utterance_counts(row: dict[str, int | None]) -> dict[str, Value]:
    known = row["word_hits"] is not None
    words, characters = (
        ErrorCounts(**{name: row[f"{unit}_{name}"] or 0 for name in COUNTS}) for unit in ("word", "character")
    )
    return {
        "utterance_wer": percent(words.rate),
        "utterance_cer": percent(characters.rate),
        **{f"utterance_{name}": getattr(words, name) if known else None for name in COUNTS},
    }


def _write(path: Path, rows: Iterator[dict[str, Value]]) -> None:
    """Write rows that all have the same columns; the first says which."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The line end stays CRLF: with "\n" Python's csv module would not quote a lone carriage return inside a text.
    with path.open("w", encoding="utf-8", newline="") as file:
        if first := next(rows, None):
            writer = csv.DictWriter(file, fieldnames=list(first))
            writer.writeheader()
            writer.writerows(chain([first], rows))
