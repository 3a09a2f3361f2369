"""The tasks of a benchmark: plan everything, transcribe with a compute backend what is not done, score, publish."""

import logging
from dataclasses import dataclass

from acento.api.benchmarking import PlannedRun, plan_benchmark, rounds
from acento.api.estimate import Estimate
from acento.api.estimating import estimate_benchmark
from acento.api.recordings.speaker_benchmark import Measured, publish_speaker_run
from acento.core.callbacks import Callbacks
from acento.core.errors import AcentoError
from acento.core.progress import audio_meter
from acento.core.store import Store, open_store
from acento.inference.benchmark import Scored, Transcription, jobs, load_score, score_transcription
from acento.inference.jobs import JobResult, TranscribeJob
from acento.registry.report.summary import run_summary
from acento.registry.runs.comparing import compare_with_previous
from acento.registry.runs.records import REPORT, Finished, finish, utc_now
from acento.requests import BenchmarkRequest
from tasks.artifacts import artifact_key, in_run, page_link, progress_artifact, show_markdown
from tasks.compute import asked_compute, do_jobs, first_to_say, open_backend
from tasks.policy import cached, log, step

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Transcribed:
    """What a transcription came to."""

    parts: int
    computed: int
    """Parts that were decoded now; the others were in the store."""
    failed: int
    """Clips that have no text."""


@step("plan", run_name="plan {request.title}")
def plan_run(request: BenchmarkRequest) -> PlannedRun:
    """Find every model and data set, plan each transcription, and write down that the run was asked for."""
    elsewhere, hindrance = asked_compute(request.compute)
    return plan_benchmark(open_store(), request, elsewhere, hindrance)


@step("estimate", run_name="estimate {request.title}")
def estimate_run(request: BenchmarkRequest) -> Estimate:
    """Show what the run would take and cost; nothing of it is begun."""
    found = estimate_benchmark(open_store(), request, asked_compute(request.compute)[0])
    show_markdown(artifact_key("estimate", request.title), found.to_markdown(), f"Estimate of {request.heading}")
    return found


@step("transcribe", run_name="transcribe {transcription.title}")
def transcribe(
    transcription: Transcription, workers: int, compute: str, run: str = "", repeats: int = 1
) -> Transcribed:
    """Decode every part that is not in the store yet, and all again for each repeat; ``Cached`` when none is left."""
    store = open_store()
    parts = len(jobs(store, transcription))
    first, *again = (
        _decode(store, transcription, todo, workers, compute, parts)
        for todo in rounds(store, transcription, run, repeats)
    )
    return cached(first) if not first.computed and not again else first


def _decode(
    store: Store, transcription: Transcription, todo: list[TranscribeJob], workers: int, compute: str, parts: int
) -> Transcribed:
    """Do the jobs of one round."""
    title = f"{transcription.title}, again for the clock" if todo and todo[0].repeat else transcription.title
    if not todo:
        log(f"{title}: all {parts} parts are in the store.")
        return Transcribed(parts, 0, 0)
    meter = audio_meter(f"transcribe {title}", sum(job.seconds for job in todo))
    workers = min(workers, len(todo))
    with (
        progress_artifact(artifact_key("transcribe", transcription.title), f"Transcribing {title}"),
        open_backend(compute, store) as backend,
    ):
        meter(0.0)
        results, errors = do_jobs(backend, todo, workers, title, Callbacks(on_progress=meter))
    if errors:
        raise first_to_say([*errors.values()])
    found = [one for one in results if isinstance(one, JobResult)]
    computed, failed = sum(not one.cached for one in found), sum(one.failed for one in found)
    log(f"{title}: {computed} of {parts} parts decoded now, {failed} clips without a text.")
    return Transcribed(parts, computed, failed)


@step("score", run_name="score {transcription.title}")
def score(transcription: Transcription, transcribed: Transcribed, normalizer: str | None) -> Scored:  # noqa: ARG001
    """Count the errors of every clip and sum them up; ``Cached`` when these texts were scored so before.

    By ``transcribed`` Prefect knows which task this one waited for, and draws it.
    """
    store = open_store()
    scored = score_transcription(store, transcription, normalizer)
    found = load_score(store, scored.key)
    shown = "no reference to score against"
    if found.rate.value is not None:
        shown = f"{found.rate_name} {100 * found.rate.value:.2f} % (normalizer {found.normalizer})"
    log(f"{transcription.title}: {shown} over {transcription.clips} clips.")
    return cached(scored) if scored.cached else scored


@step("publish", run_name="publish {run}")
def publish_run(run: str, scored: list[tuple[Transcription, Scored]], left_out: dict[str, str]) -> Finished:
    """Write the run's files and show its leaderboard, and what is not on it."""
    finished = finish(open_store(), run, scored, utc_now(), left_out)
    _show(finished)
    return finished


@step("publish-speakers", run_name="publish the speakers' scores")
def publish_speakers(request: BenchmarkRequest, measured: list[Measured], left_out: dict[str, str]) -> Finished:
    """Score words and speakers of recordings, write the run's files and show its leaderboard."""
    finished = publish_speaker_run(open_store(), request, measured, left_out)
    _show(finished)
    return finished


def _show(finished: Finished) -> None:
    """Show a run's leaderboards, what is not on them, and where the report is."""
    left_out = finished.leaderboard.left_out
    notes = "".join(f"\n\nLeft out: {name}. {why}" for name, why in left_out.items())
    for board in finished.leaderboard.boards:
        key = artifact_key("leaderboard", board.dataset.rpartition(" v")[0] or board.dataset, board.split)
        show_markdown(key, board.to_markdown() + notes, f"Leaderboard of {finished.run}")
    if in_run():
        show_report(finished)


def show_report(finished: Finished) -> None:
    """Show where the report is, the leaderboards, and what moved since the run before on the same clips."""
    store, run = open_store(), finished.run
    try:
        before = compare_with_previous(store, run)
    except AcentoError as error:
        _log.warning("Run %s cannot be compared with the run before: %s", run, error)
        before = []
    where = page_link(store, finished.artifact.key, REPORT)
    show_markdown("report", run_summary(run, where, finished.leaderboard, before), f"Report of {run}")
