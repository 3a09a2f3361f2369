"""Finished runs in a store without a model behind them: entries and scores as a benchmark leaves them."""

import json
import random
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq

from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.core.text import normalizer
from acento.inference.benchmark import UTTERANCES
from acento.scoring.entry import Conditions, Entry, Speed
from acento.scoring.score import UtteranceResult, score_utterances, summarize

WORDS = "uno dos tres cuatro cinco seis siete ocho"
START = datetime(2026, 11, 1, tzinfo=UTC)
L40S = Conditions(device="NVIDIA L40S", dtype="bfloat16", threads=1, batch_size=16, backend="modal", placements=1)


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
    """Publish a run of one model on one data set; return its entry."""
    noise = random.Random(seed)
    results = [
        UtteranceResult(
            id=f"clip-{index:03d}",
            reference=WORDS,
            hypothesis=None
            if index < failed
            else " ".join("po" if noise.random() < wer else word for word in WORDS.split()),
            error="out_of_memory" if index < failed else None,
            split="test",
            speaker=f"speaker-{index % 12}",
            accent=("chilean", "neutral")[index % 2],
            duration_s=3.0,
        )
        for index in range(clips)
    ]
    table = score_utterances(results, normalizer(rule))
    entry = Entry(
        model=model,
        revision=None,
        model_hash=fingerprint(model),
        dataset=dataset,
        dataset_fingerprint=fingerprint(dataset),
        split="test",
        limit=None,
        score=summarize(table, normalizer(rule), resamples=200),
        speed=None
        if conditions is None
        else Speed(rtfx=rtfx, low=rtfx * 0.9, high=rtfx * 1.1, inference_s=3 * clips / rtfx, conditions=conditions),
        run=run,
        when=START + timedelta(minutes=minutes),
    )
    key = f"scores/{fingerprint([run, model, dataset, rule])}"
    with store.publish(key) as draft:
        pq.write_table(table, draft.folder / UTTERANCES)
        (draft.folder / "score.json").write_text(entry.score.model_dump_json(), encoding="utf-8")
    with store.publish(f"runs/{run}") as draft:
        listed = [{"entry": entry.model_dump(mode="json", exclude={"cost"}), "score": key}]
        (draft.folder / "entries.json").write_text(json.dumps(listed), encoding="utf-8")
    return entry
