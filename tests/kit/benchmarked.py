"""A finished benchmark run, made in this process without an orchestrator."""

from datetime import UTC, datetime

from acento.core.store import Store
from acento.data.dataset import load_card
from acento.inference.benchmark import jobs, plan_transcription, score_transcription
from acento.inference.runner import Runner
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.registry.runs.records import begin, finish
from acento.requests import BenchmarkRequest


def asked(*models: str, **told: object) -> BenchmarkRequest:
    """Return the request of a benchmark of the set ``demo`` in batches of two, with what a test tells it beside."""
    request = {"datasets": ["demo"], "allow_invalid": True, "threads": 1, "gpu_batch_size": 2, "language": "es"}
    return BenchmarkRequest.of(models=[*models], **{**request, **told})


def benchmarked(
    store: Store, models: list[str], datasets: list[str], *, run: str = "run-1", normalizer: str = "basic"
) -> str:
    """Benchmark models on the test split of data sets; return the run's id."""
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    begin(store, BenchmarkRequest(models=models, datasets=datasets, normalizer=normalizer), {}, run, now)
    runner, scored = Runner(store), []
    for name in datasets:
        for model in models:
            card = load_card(store, name)
            what = plan_transcription(store, card, resolve(model), split="test", options=DecodeOptions())
            for job in jobs(store, what):
                runner.execute(job)
            scored.append((what, score_transcription(store, what, normalizer)))
    runner.close()
    finish(store, run, scored, now)
    return run
