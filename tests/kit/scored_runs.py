"""Finished runs whose texts are given: no model decodes anything."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from acento.core.store import Store
from acento.core.text import normalizer
from acento.registry.runs import begin
from acento.requests import BenchmarkRequest
from acento.scoring.entry import Conditions, Entry, Speed
from acento.scoring.score import UtteranceResult, score_utterances, summarize

CPU = Conditions(device="cpu", dtype="float32", threads=2, batch_size=8, backend="inline", placements=1)
START = datetime(2026, 11, 20, 12, tzinfo=UTC)


def clip(uid: str, reference: str | None = "uno dos tres", **changes: Any) -> UtteranceResult:
    """Return a clip whose hypothesis is its reference."""
    made = UtteranceResult(uid, reference, reference, None, "test", None, None, 1.0)
    return replace(made, **changes)


def heard(clips: Sequence[UtteranceResult], texts: Mapping[str, str | None]) -> list[UtteranceResult]:
    """Return the clips with other hypotheses by id; None is a clip that failed."""
    return [
        one
        if one.id not in texts
        else replace(one, hypothesis=texts[one.id], error="out of memory" if texts[one.id] is None else None)
        for one in clips
    ]


def entry_of(results: Sequence[UtteranceResult], rule: str = "basic", **changes: Any) -> tuple[Entry, pa.Table]:
    """Return an entry of some results, and their table."""
    table = score_utterances(results, normalizer(rule))
    facts: dict[str, Any] = {
        "model": "mini",
        "revision": None,
        "model_hash": "a" * 64,
        "dataset": "demo v1",
        "dataset_fingerprint": "d" * 64,
        "split": "test",
        "limit": None,
        "score": summarize(table, normalizer(rule), resamples=200),
        "speed": Speed(rtfx=50.0, low=45.0, high=55.0, inference_s=2.0, conditions=CPU),
        "run": "run-1",
        "when": START,
    }
    return Entry(**(facts | changes)), table


def scored_run(
    store: Store,
    run: str,
    models: Mapping[str, Sequence[UtteranceResult]],
    *,
    rule: str = "basic",
    after: int = 0,
    body: Mapping[str, Any] | None = None,
    **changes: Any,
) -> list[Entry]:
    """Write a finished run, of the models' results, so many minutes after the first; return its entries."""
    when = START + timedelta(minutes=after)
    begin(store, BenchmarkRequest(models=list(models), datasets=["demo"]), {}, run, when)
    listed, entries = [], []
    for number, (model, results) in enumerate(models.items()):
        entry, table = entry_of(results, rule, model=model, model_hash=f"{number:064}", run=run, when=when, **changes)
        key = f"scores/{run}-{number}"
        with store.publish(key) as draft:
            pq.write_table(table, draft.folder / "utterances.parquet")
            _write(draft.folder / "score.json", entry.score.model_dump(mode="json"))
        listed.append({"entry": entry.model_dump(mode="json"), "score": key})
        entries.append(entry)
    with store.publish(f"runs/{run}") as draft:
        _write(draft.folder / "entries.json", listed)
        _write(draft.folder / "run.json", {"id": run, "finished": when.isoformat(), "results": [], **(body or {})})
    return entries


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
