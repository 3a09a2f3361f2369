"""Benchmark models on data sets: plan, transcribe, score, publish."""

import flows.rooms  # noqa: F401  (before tasks: it says so when those are a stranger's)
from acento.api.benchmarking import measure
from acento.requests import BenchmarkRequest
from flows.requested import flow_of
from tasks.plan import plan_run
from tasks.policy import take
from tasks.score import PublishedRun, publish_run, score
from tasks.transcribe import shared_compute, transcribe


def _title(request: BenchmarkRequest) -> str:
    """Return the name of a run: what it measures, and the run's own name if it was given one."""
    return f"benchmark {request.title}" + (f" ({request.job_id})" if request.job_id else "")


@flow_of(BenchmarkRequest, "benchmark", title=_title)
def benchmark(request: BenchmarkRequest) -> PublishedRun:
    """Transcribe a split of each data set with each model, score the texts, and publish a leaderboard."""
    planned = take(plan_run, request)
    with shared_compute():
        scored, left_out = measure(
            planned,
            lambda one: take(transcribe, one, planned.workers, planned.compute),
            lambda one, transcribed: take(score, one, transcribed, request.normalizer),
        )
    return take(publish_run, planned.run, scored, left_out)
