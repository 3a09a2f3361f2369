"""Compute backends as tasks use them: seen to be ready before work is planned, shared by the tasks of a flow."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from contextvars import ContextVar
from threading import Lock

from acento.core.callbacks import NO_CALLBACKS, Callbacks
from acento.core.errors import AcentoError, InputError, may_pass
from acento.core.settings import settings
from acento.core.store import Store, open_store
from acento.jobs.job import Job, Result
from acento.models.devices import Elsewhere
from acento.training.job import FinetuneJob, FinetuneResult
from infra.compute import Compute, open_compute

_log = logging.getLogger(__name__)
_shared: ContextVar[dict[str, Compute] | None] = ContextVar("shared compute", default=None)
_opening = Lock()
"""Held while a shared backend is opened: two tasks that begin together take the same one."""


def check_compute(name: str | None, *, begin: bool = True) -> Elsewhere | None:
    """Return what is known of a backend's machines, None where they are this one, after seeing that it could begin.

    Without a name it is the settings' backend; without ``begin`` it is only seen that the work could be planned.

    Raises:
        InputError: it could not; the sentence says what to set up.
    """
    with closing(open_compute(name or settings().compute, open_store())) as backend:
        return backend.check(begin=begin)


def asked_compute(name: str | None) -> tuple[Elsewhere | None, InputError | None]:
    """Return what is known of a backend's machines, and why they could not begin now, which what is done needs not.

    Raises:
        InputError: not even the plan could be made.
    """
    try:
        return check_compute(name), None
    except InputError as hindrance:
        elsewhere = check_compute(name, begin=False)
        _log.warning("%s What is in the store already does without.", hindrance)
        return elsewhere, hindrance


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
    """Open a backend for one task, or take the shared one."""
    opened = _shared.get()
    if opened is not None:
        with _opening:
            if name not in opened:
                opened[name] = open_compute(name, store)
        yield opened[name]
        return
    with closing(open_compute(name, store)) as backend:
        yield backend


def do_jobs(
    backend: Compute, jobs: Sequence[Job], workers: int, title: str, callbacks: Callbacks = NO_CALLBACKS
) -> tuple[list[Result], dict[str, BaseException]]:
    """Execute jobs by so many workers, and return the results, and the errors of those that failed by their keys.

    A failure is logged, and the other jobs go on, unless it is one that all of them would meet.
    """
    results: list[Result] = []
    errors: dict[str, BaseException] = {}
    with closing(backend.run(jobs, workers=workers, callbacks=callbacks)) as outcomes:
        for outcome in outcomes:
            if outcome.result is not None:
                results.append(outcome.result)
                continue
            error = outcome.error or AcentoError(f"{outcome.job.title} ended without a result")
            _log.error("%s of %s failed: %s", outcome.job.title, title, error)
            errors[outcome.job.key] = error
            if isinstance(error, InputError):
                break
    return results, errors


def first_to_say(errors: Sequence[BaseException]) -> BaseException:
    """Return the error to raise of several: one that may not pass, as trying again would only repeat it."""
    return next((error for error in errors if not may_pass(error)), errors[0])


def train_on(backend: Compute, job: FinetuneJob, callbacks: Callbacks = NO_CALLBACKS) -> FinetuneResult:
    """Execute a training.

    Raises:
        AcentoError: it failed.
    """
    # to the end of the generator: it waits for what was called off, which leaves a checkpoint
    (outcome,) = list(backend.run([job], workers=1, callbacks=callbacks))
    if outcome.error is not None:
        raise outcome.error
    if not isinstance(outcome.result, FinetuneResult):
        raise AcentoError(f"The training {job.title} ended without a result.")
    return outcome.result
