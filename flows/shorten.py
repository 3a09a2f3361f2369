"""The flow ``shorten``: teach a model short windows by itself, on recordings that need no transcripts."""

from collections.abc import Callable
from typing import Any, Final

from acento.api import shortening
from acento.api.shortening import PlannedTeacher, Shortened, run_steps
from acento.api.training import train_here
from acento.core.store import open_store
from acento.requests import ShortenRequest
from flows.finetune import train_in_sittings
from flows.judge_windows import judge_windows
from flows.runtime.request_flow import carried_by, flow_of
from tasks.benchmark import transcribe
from tasks.compute import shared_compute
from tasks.policy import run_task
from tasks.shorten import conclude, plan_shortening, plan_teacher


def write_texts(teacher: PlannedTeacher) -> None:
    """Transcribe what is not in the store."""
    with shared_compute():
        for one in teacher.transcriptions:
            run_task(transcribe, one, teacher.workers, teacher.compute)


STEPS: Final[dict[Callable[..., Any], Callable[..., Any]]] = {
    shortening.plan_teacher: lambda request: run_task(plan_teacher, request),
    shortening.write_texts: write_texts,
    shortening.plan_shortening: lambda *args: run_task(plan_shortening, *args),
    train_here: train_in_sittings,
    shortening.conclude: lambda *args: run_task(conclude, *args),
    shortening.question_of: lambda *args: shortening.question_of(open_store(), *args),
    shortening.judge: lambda asked: judge_windows(**asked.parameters()),
}
"""The flow or task that carries out each step of a shortening."""


@flow_of(ShortenRequest, "shorten")
def shorten(request: ShortenRequest) -> Shortened:
    """Transcribe train and dev at the full window, learn to write and hold the same in short ones, ask the gate."""
    return run_steps(request, carried_by(STEPS))
