"""Benchmark models on data sets: plan, transcribe, score, publish."""

from collections.abc import Callable
from typing import Any, Final

from acento.api.benchmarking import measure
from acento.api.recordings.speaker_benchmark import publish_speaker_run, run_speaker_benchmark
from acento.registry.runs.records import Finished
from acento.requests import BenchmarkRequest
from flows.runtime.request_flow import carried_by, flow_of
from flows.transcribe import STEPS as TRANSCRIPTION
from tasks.benchmark import estimate_run, plan_run, publish_run, publish_speakers, score, transcribe
from tasks.compute import shared_compute
from tasks.policy import run_task

STEPS: Final[dict[Callable[..., Any], Callable[..., Any]]] = {
    **TRANSCRIPTION,
    publish_speaker_run: lambda *args: run_task(publish_speakers, *args),
}
"""The task that carries out each step where recordings are transcribed and diarized."""


@flow_of(BenchmarkRequest, "benchmark")
def benchmark(request: BenchmarkRequest) -> Finished:
    """Transcribe a split of each data set with each model, score the texts, and publish a leaderboard.

    Of a dry run nothing is done, and an estimate is shown. With ``diarize`` whole recordings are transcribed, and who
    speaks in them is scored too.
    """
    if request.dry_run:
        return run_task(estimate_run, request)  # type: ignore[return-value]  # no other flow asks for one
    if request.diarize:
        with shared_compute():
            return run_speaker_benchmark(request, carried_by(STEPS))
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
