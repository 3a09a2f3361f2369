"""Finished runs whose texts are given: no model decodes anything."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.core.text import normalizer
from acento.registry.runs.records import begin
from acento.requests import BenchmarkRequest
from acento.scoring.entry import Conditions, Entry, Speed
from acento.scoring.score import UtteranceResult, score_utterances, summarize
from acento.scoring.stored import UTTERANCES

CPU = Conditions(device="cpu", dtype="float32", threads=2, batch_size=8, backend="inline", placements=1)
L40S = Conditions(device="NVIDIA L40S", dtype="bfloat16", threads=1, batch_size=16, backend="modal", placements=1)
START = datetime(2026, 11, 1, tzinfo=UTC)
WORDS = "uno dos tres cuatro cinco seis siete ocho"


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
    entries = [
        entry_of(results, rule, model=model, model_hash=f"{number:064}", run=run, when=when, **changes)
        for number, (model, results) in enumerate(models.items())
    ]
    _publish(store, run, entries, {"id": run, "finished": when.isoformat(), "results": [], **(body or {})})
    return [entry for entry, _ in entries]


def listed_run(
    store: Store,
    run: str,
    model: str = "org/small",
    *,
    dataset: str = "mine v1",
    wer: float = 0.1,
    seed: int = 0,
    clips: int = 30,
    failed: int = 0,
    rtfx: float = 100.0,
    conditions: Conditions | None = L40S,
    rule: str = "basic",
    minutes: int = 0,
) -> Entry:
    """Publish what the leaderboard reads of a run: one model on one data set, with errors drawn; return its entry."""
    noise = random.Random(seed)
    said = [
        " ".join("po" if noise.random() < wer else word for word in WORDS.split()) if index >= failed else None
        for index in range(clips)
    ]
    facts = ({"speaker": f"speaker-{n % 12}", "accent": ("chilean", "neutral")[n % 2]} for n in range(clips))
    results = [clip(f"clip-{n:03d}", WORDS, duration_s=3.0, **one) for n, one in enumerate(facts)]
    speed = None
    if conditions is not None:
        times = {"low": rtfx * 0.9, "high": rtfx * 1.1, "inference_s": 3 * clips / rtfx}
        speed = Speed(rtfx=rtfx, conditions=conditions, **times)
    entry, table = entry_of(
        heard(results, {f"clip-{n:03d}": text for n, text in enumerate(said)}),
        rule,
        model=model,
        model_hash=fingerprint(model),
        dataset=dataset,
        dataset_fingerprint=fingerprint(dataset),
        speed=speed,
        run=run,
        when=START + timedelta(minutes=minutes),
    )
    _publish(store, run, [(entry, table)], None)
    return entry


def _publish(store: Store, run: str, entries: Sequence[tuple[Entry, pa.Table]], body: Mapping[str, Any] | None) -> None:
    listed = []
    for number, (entry, table) in enumerate(entries):
        key = f"scores/{run}-{number}"
        with store.publish(key) as draft:
            pq.write_table(table, draft.folder / UTTERANCES)
            (draft.folder / "score.json").write_text(entry.score.model_dump_json())
        listed.append({"entry": entry.model_dump(mode="json"), "score": key})
    with store.publish(f"runs/{run}") as draft:
        (draft.folder / "entries.json").write_text(json.dumps(listed))
        if body is not None:
            (draft.folder / "run.json").write_text(json.dumps(body))
