"""The task that transcribes one split with one model: it hands what is not done yet to a compute backend."""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from contextvars import ContextVar
from threading import Lock

from pydantic import BaseModel

from acento.core.callbacks import Callbacks
from acento.core.errors import AcentoError, InputError, may_pass
from acento.core.progress import report
from acento.core.settings import settings
from acento.core.store import Store, open_store
from acento.inference.benchmark import Transcription, jobs, unfinished
from acento.inference.jobs import JobResult
from infra.compute import Compute, open_compute
from tasks.artifacts import artifact_key
from tasks.policy import cached, say, step
from tasks.progress import progress_artifact

_log = logging.getLogger(__name__)


class Transcribed(BaseModel, frozen=True):
    """What a transcription came to."""

    title: str
    parts: int
    computed: int
    """Parts that were decoded now; the others were in the store."""
    failed: int
    """Clips that have no text."""


_shared: ContextVar[dict[str, Compute] | None] = ContextVar("shared compute", default=None)


@contextmanager
def shared_compute() -> Iterator[None]:
    """Let the transcriptions inside the block share a backend each, so that a model loaded for one serves the next."""
    opened: dict[str, Compute] = {}
    token = _shared.set(opened)
    try:
        yield
    finally:
        _shared.reset(token)
        for backend in opened.values():
            backend.close()


@contextmanager
def open_backend(name: str, store: Store) -> Iterator[Compute]:
    """Open a backend for one transcription, or take the shared one."""
    opened = _shared.get()
    if opened is not None:
        if name not in opened:
            opened[name] = open_compute(name, store)
        yield opened[name]
        return
    with closing(open_compute(name, store)) as backend:
        yield backend


@step("transcribe", run_name="transcribe {transcription.title}")
def transcribe(transcription: Transcription, workers: int, compute: str) -> Transcribed:
    """Decode every part that is not in the store yet; ``Cached`` when all of them are."""
    store = open_store(settings().store)
    everything = jobs(store, transcription)
    todo = unfinished(store, everything)
    if not todo:
        say(f"{transcription.title}: all {len(everything)} parts are in the store.")
        return cached(Transcribed(title=transcription.title, parts=len(everything), computed=0, failed=0))
    total = sum(job.seconds for job in todo)
    bar = _Bar(f"transcribe {transcription.title}", total)
    results: list[JobResult] = []
    errors: list[BaseException] = []
    key, what = artifact_key("transcribe", transcription.title), f"Transcribing {transcription.title}"
    with progress_artifact(key, what), open_backend(compute, store) as backend:
        bar.add(0.0)
        with closing(
            backend.run(todo, workers=min(workers, len(todo)), callbacks=Callbacks(on_progress=bar.add))
        ) as outcomes:
            for outcome in outcomes:
                if isinstance(outcome.result, JobResult):
                    results.append(outcome.result)
                    continue
                error = outcome.error or AcentoError(f"{outcome.job.title} ended without a result")
                _log.error("%s of %s failed: %s", outcome.job.title, transcription.title, error)
                errors.append(error)
                if isinstance(error, InputError):
                    break
    if errors:
        # what may not pass is raised first: trying again would only repeat it
        raise next((error for error in errors if not may_pass(error)), errors[0])
    done = Transcribed(
        title=transcription.title,
        parts=len(everything),
        computed=sum(not result.cached for result in results),
        failed=sum(result.failed for result in results),
    )
    say(f"{done.title}: {done.computed} of {done.parts} parts decoded now, {done.failed} clips without a text.")
    return done


class _Bar:
    """Adds up the audio that workers decoded, and reports it."""

    def __init__(self, step_name: str, total: float) -> None:
        self._step, self._total, self._done = step_name, total, 0.0
        self._lock = Lock()

    def add(self, seconds: float) -> None:
        """Count audio seconds; called by any thread."""
        with self._lock:
            self._done += seconds
            done = self._done
        report(self._step, min(done, self._total), self._total, "s of audio")
