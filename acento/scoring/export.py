"""The two CSV files that users of the Chilean leaderboard know, with more columns behind theirs.

``results_summaries/results_summary_{job_id}.csv`` has a row for each model and data set, and
``results/results_{job_id}.csv`` a row for each utterance. Names are those of aastroza/open_asr_leaderboard_cl; WER in
percent with two decimals, times in seconds. What is not known is an empty cell, and a failed utterance is one whose
``status`` says so, not one with an empty transcription. UTF-8, quoted as RFC 4180 says.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from acento.core.errors import InputError
from acento.scoring.counts import ErrorCounts
from acento.scoring.entry import Entry, Value, condition_columns, origin_columns, rate_columns, speed_columns
from acento.scoring.table import percent

_BATCH = 4096
_FORBIDDEN = frozenset('/\\:*?"<>|') | {chr(code) for code in range(32)}


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
    _write(summary, (_summary(job_id, run) for run in runs))
    _write(details, _details(job_id, runs))
    return summary, details


def _summary(job_id: str, run: ScoredRun) -> dict[str, Value]:
    entry, score = run.entry, run.entry.score.overall
    rates, speed = rate_columns(score), speed_columns(entry)
    known: dict[str, Value] = {
        "num_samples": score.utterances,
        "wer": rates.pop("wer"),
        "rtfx": speed.pop("rtfx"),
        "total_time": None if entry.speed is None else round(entry.speed.inference_s, 3),
        "total_audio_length": score.audio_s,
        "job_id": job_id,
        "model_id": entry.model,
        "total_runtime": run.total_runtime_s,
        "dataset": entry.dataset,
        "split": entry.split,
    }
    return known | rates | speed | condition_columns(entry) | origin_columns(entry)


def _details(job_id: str, runs: Sequence[ScoredRun]) -> Iterator[dict[str, Value]]:
    for run in runs:
        summary = _summary(job_id, run)
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
                }


def _utterance_counts(row: dict[str, int | None]) -> dict[str, Value]:
    names = ("substitutions", "insertions", "deletions", "hits")
    words, characters = (
        ErrorCounts(**{name: row[f"{unit}_{name}"] or 0 for name in names}) for unit in ("word", "character")
    )
    scored = row["word_hits"] is not None
    return {
        "utterance_wer": percent(words.rate),
        "utterance_cer": percent(characters.rate),
        **{f"utterance_{name}": getattr(words, name) if scored else None for name in names},
    }


def _write(path: Path, rows: Iterable[dict[str, Value]]) -> None:
    """Write rows that all have the same columns; the first says which."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The line end stays CRLF: with "\n" Python's csv module would not quote a lone carriage return inside a text.
    with path.open("w", encoding="utf-8", newline="") as file:
        writer: csv.DictWriter[str] | None = None
        for row in rows:
            if writer is None:
                writer = csv.DictWriter(file, fieldnames=list(row))
                writer.writeheader()
            writer.writerow(row)
