"""The tasks of a shortening that are not a benchmark's or a training's: plan the teacher, plan the pupil, conclude."""

from acento.api import shortening
from acento.api.shortening import PlannedTeacher, Shortened
from acento.api.training import PlannedTraining
from acento.core.store import open_store
from acento.requests import ShortenRequest
from acento.training.job import FinetuneResult
from tasks.artifacts import artifact_key, progress_artifact
from tasks.compute import asked_compute
from tasks.finetune import show_plan
from tasks.policy import log, step


@step("plan-teacher", run_name="plan what {request.base_model} transcribes of {request.dataset}")
def plan_teacher(request: ShortenRequest) -> PlannedTeacher:
    """Find the model and the data, and plan the transcription of train and dev at the full window."""
    return shortening.plan_teacher(open_store(), request, *asked_compute(request.compute))


@step("prepare", run_name="prepare {request.title}")
def plan_shortening(request: ShortenRequest, teacher: PlannedTeacher) -> PlannedTraining:
    """Prepare both splits with the teacher's texts, so that no GPU waits for it."""
    store = open_store()
    elsewhere, hindrance = asked_compute(request.compute)
    with progress_artifact(artifact_key("prepare", request.title), f"Preparing {request.title}"):
        planned = shortening.plan_shortening(store, request, teacher, elsewhere, hindrance)
    show_plan(store, planned)
    return planned


@step("conclude", run_name="conclude {planned.title}")
def conclude(planned: PlannedTraining, trained: FinetuneResult) -> Shortened:
    """Say what came of it, and what could not be learned from."""
    done = shortening.conclude(open_store(), planned, trained)
    log(f"{done.model}: {done.ended}")
    return done
