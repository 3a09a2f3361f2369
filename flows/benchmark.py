"""Benchmark models on data sets: plan, transcribe, score, publish."""

from acento.api.benchmarking import measure
from acento.registry.runs.records import Finished
from acento.requests import BenchmarkRequest
from flows.runtime.request_flow import flow_of
from tasks.benchmark import estimate_run, plan_run, publish_run, score, transcribe
from tasks.compute import shared_compute
from tasks.policy import run_task


@flow_of(BenchmarkRequest, "benchmark")
def benchmark(request: BenchmarkRequest) -> Finished:
    """Transcribe a split of each data set with each model, score the texts, and publish a leaderboard.

    Of a dry run nothing is done, and an estimate is shown.
    """
    if request.dry_run:
        return run_task(estimate_run, request)  # type: ignore[return-value]  # no other flow asks for one
    planned = run_task(plan_run, request)
    with shared_compute():
        scored, left_out = measure(
            planned,
            lambda one: run_task(
                transcribe, one, one.workers or planned.workers, planned.compute, planned.run, planned.repeats
            ),
            lambda one, transcribed: run_task(score, one, transcribed, planned.normalizer),
        )
    return run_task(publish_run, planned.run, scored, left_out)
