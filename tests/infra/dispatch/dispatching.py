"""Jobs carried out by slices in processes of their own, by runners that do as they are told."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fake_recognizer import fake_model
from staged import staged

from acento.core.callbacks import NO_CALLBACKS, Callbacks
from acento.core.store import LocalStore, Store
from acento.data.dataset import load_card
from acento.inference.benchmark import Transcription, jobs, plan_transcription, predictions
from acento.inference.jobs import JobResult, TranscribeJob
from acento.inference.predictions import digest
from acento.inference.runner import Runner, Worker
from acento.jobs.job import Job, Result
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from infra.compute import InlineCompute
from infra.compute.base import Outcome
from infra.compute.dispatch.dispatcher import Dispatcher
from infra.compute.dispatch.sizing import Sizer
from infra.compute.dispatch.worklist import WorkList
from tests.infra.dispatch.local_engine import LocalEngine

BEAT_S = 0.2


def planned(
    tmp_path: Path, name: str = "store", clips: int = 12, **arguments: float
) -> tuple[LocalStore, Transcription]:
    store = LocalStore(tmp_path / name)
    card = staged(store, tmp_path / "clips", clips)
    model = resolve(str(fake_model(tmp_path / "model", **arguments)))
    return store, plan_transcription(store, load_card(store, card.name), model, split="test", options=DecodeOptions())


def inline_digest(tmp_path: Path, **arguments: float) -> str:
    alone, what = planned(tmp_path, "alone", **arguments)
    list(InlineCompute(alone).run(jobs(alone, what), workers=1))
    return digest(predictions(alone, what))


class Scripted(Runner):
    """A runner that does as it is told instead of decoding."""

    def __init__(self, store: Store, does: Callable[[Job, Worker], Result]) -> None:
        super().__init__(store)
        self._does = does

    def execute(self, job: Job, worker: Worker | None = None) -> Result:  # type: ignore[override]
        assert worker is not None
        return self._does(job, worker)


def scripted(does: Callable[[Job, Worker], Result]) -> Callable[[Store], Runner]:
    return lambda store: Scripted(store, does)


def done(job: Job, _: Worker) -> JobResult:
    assert isinstance(job, TranscribeJob)
    return JobResult(key=job.key, part=job.part, clips=job.clips, seconds=job.seconds, cached=False, failed=0)


def carry_out(
    store: Store,
    todo: list[TranscribeJob] | list[Job],
    engine: LocalEngine,
    workers: int,
    *,
    watch: Callable[[Dispatcher], None] = lambda _: None,
    callbacks: Callbacks = NO_CALLBACKS,
) -> list[Outcome]:
    """Do all jobs; ``watch`` is called at each look. What fails leaves no list of jobs behind either."""
    dispatcher = Dispatcher(WorkList.post(store, todo, heartbeat_s=BEAT_S), todo, engine, Sizer())

    def look() -> str | None:
        watch(dispatcher)
        return callbacks.should_stop()

    found = list(dispatcher.run(workers, replace(callbacks, should_stop=look), patience_s=10.0))
    dispatcher.wait(time.monotonic() + 10.0)
    assert list(store.list("worklists")) == []
    return found


def phases(local: LocalEngine) -> list[str]:
    return [state.phase for state in (local.states([*local.children]) or {}).values()]


def errors(outcomes: list[Outcome]) -> list[BaseException]:
    return [outcome.error for outcome in outcomes if outcome.error]
