"""Compute on Modal: jobs are mapped over the containers of a class that keeps its model loaded.

The app lives as long as the iterator over its outcomes: when that is closed, or this process dies, Modal ends its
containers. A store in a folder of this machine is not reachable from there: then what the jobs need is uploaded to a
volume first, what they leave is brought back, verified, and the upload is deleted, also when the work failed.
"""

import json
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import modal
from modal.exception import FunctionTimeoutError
from prefect_modal_worker.client import last_line
from prefect_modal_worker.image import build

from acento.core.callbacks import NO_CALLBACKS, Callbacks
from acento.core.errors import AcentoError, InputError, TransientError
from acento.core.store import Store
from acento.jobs.job import Job
from acento.models.checkpoints.references import parse as parse_model
from acento.models.devices import Elsewhere
from infra.compute.base import Compute, Outcome
from infra.compute.reach import check_reach, kind_of
from infra.compute.serialization import read_outcome
from infra.modal.container import NEWS, stop_of
from infra.modal.errors import check_token, explain, explained
from infra.modal.mapping import Mapping, Over
from infra.modal.options import options_asked
from infra.modal.upload import Upload

_LOOK_S = 1.0
_LAST_S = 300.0
"""Seconds that trainings may take to leave a checkpoint when they are called off."""


class ModalCompute(Compute):
    """``Function.map`` over warm containers."""

    name = "modal"

    def __init__(self, store: Store) -> None:
        """Take the store that jobs read from and write to; Modal is not asked yet."""
        self._store = store

    def check(self, *, begin: bool = True) -> Elsewhere:
        """See :meth:`Compute.check`: a token that counts, options that can be, a store that can be reached."""
        options = options_asked()
        check_reach(self.name, None, self._store.url)
        if begin:
            check_token()
        with explained("describe the image"):
            build(options)
        cores = max(1, int(options.cpu_limit or options.cpu or Elsewhere().cores))
        return Elsewhere(options.gpus[0] if options.gpus else None, cores)

    def run(
        self,
        jobs: Sequence[Job],
        *,
        workers: int,
        callbacks: Callbacks = NO_CALLBACKS,
    ) -> Generator[Outcome, None, None]:
        """See :meth:`Compute.run`.

        Raises:
            InputError: there is no token, or what Modal is asked for cannot be.
            TransientError: Modal does not answer.
        """
        for job in jobs:
            _portable(job)
        check_token()
        with ExitStack() as stack:
            try:
                upload = None
                if kind_of(self._store.url) == "folder":
                    upload = stack.enter_context(Upload(self._store, jobs))
                news = stack.enter_context(modal.Queue.ephemeral())
                url = self._store.url if upload is None else upload.store.url
                mapped = stack.enter_context(Mapping(jobs, workers, url, news.object_id))
            except Exception as error:
                raise explain(error, "start containers") from error
            done = False
            try:
                for outcome in _watch(mapped, news, callbacks):
                    yield self._home(upload, outcome)
                done = True
            finally:
                if not done:
                    _call_off(mapped, news)

    def close(self) -> None:
        """See :meth:`Compute.close`: containers end with each run."""

    def _home(self, upload: Upload | None, outcome: Outcome) -> Outcome:
        """Bring home what a job left, if it was made in an upload."""
        try:
            if upload is None:
                self._store.refresh()
            else:
                upload.bring(outcome.job)
        except AcentoError as error:
            return outcome if outcome.error else Outcome(outcome.job, None, error)
        return outcome


def _watch(mapped: Mapping, news: modal.Queue, callbacks: Callbacks) -> Generator[Outcome, None, None]:
    """Hand on results and news until all jobs have an outcome."""
    told = False
    while mapped.left:
        try:
            found = mapped.take(_LOOK_S)
        except Over as over:
            _tell(news, callbacks)
            yield from _lost(mapped, over.error)
            return
        _tell(news, callbacks)
        if found is not None:
            index, what = found
            result, error = read_outcome(mapped.jobs[index], what)
            yield Outcome(mapped.jobs[index], result, error)
        if not told and (reason := callbacks.should_stop()) is not None:
            _stop(mapped, news, reason)
            told = True


def _lost(mapped: Mapping, error: BaseException | None) -> Iterator[Outcome]:
    """Say of each job without a result why it has none."""
    reasons = [*mapped.failures] or [error or RuntimeError("no result came")]
    for index in sorted(mapped.left):
        reason = reasons.pop(0) if len(reasons) > 1 else reasons[0]
        yield Outcome(mapped.jobs[index], None, _meaning(mapped.jobs[index], reason))
    mapped.left.clear()


def _meaning(job: Job, reason: BaseException) -> AcentoError:
    """Return what it means that a container gave no answer."""
    if isinstance(reason, FunctionTimeoutError):
        return TransientError(
            f"{job.title} reached the time limit of its container on Modal: what is done of it is kept, and the same "
            "command goes on from there; or raise timeout in ACENTO_JOB_VARIABLES."
        )
    text = last_line(reason)
    if isinstance(reason, modal.exception.InternalFailure | modal.exception.RemoteError):
        return TransientError(
            f"The containers of {job.title} on Modal ended one after another ({text}): memory may be short, which "
            "memory in ACENTO_JOB_VARIABLES raises."
        )
    return explain(reason, f"do {job.title}")


def _tell(news: modal.Queue, callbacks: Callbacks) -> None:
    """Hand on what containers told."""
    with suppress(modal.exception.Error, OSError):
        end = time.monotonic() + _LOOK_S  # they may come faster than they are read
        # one read brings as many as Modal likes
        while time.monotonic() < end and (texts := news.get_many(1000, block=False, partition=NEWS)):
            for text in texts:
                message = json.loads(text)
                if "heard" in message:
                    callbacks.on_progress(float(message["heard"]))
                if "row" in message:
                    callbacks.on_metrics(message["row"])


def _stop(mapped: Mapping, news: modal.Queue, reason: str) -> None:
    """Ask what still runs to end with a checkpoint."""
    with suppress(modal.exception.Error, OSError):
        for index in mapped.left:
            news.put(reason, partition=stop_of(index))


def _call_off(mapped: Mapping, news: modal.Queue) -> None:
    """Let trainings leave a checkpoint before the containers are ended; transcriptions are ended as they are."""
    if not any(mapped.jobs[index].kind == "finetune" for index in mapped.left):
        return
    _stop(mapped, news, "called off")
    waited = 0.0
    with suppress(Over):
        while mapped.left and waited < _LAST_S:
            if mapped.take(_LOOK_S) is None:
                waited += _LOOK_S


def _portable(job: Job) -> None:
    """See that a container finds the model of a job.

    Raises:
        InputError: it is a folder of this machine.
    """
    model = job.base if job.kind == "finetune" else job.model
    base = parse_model(model.id).base
    if Path(base).expanduser().exists():
        raise InputError(
            f"Containers on Modal do not see {base}, a model in a folder of this machine: name one of the hub, or one "
            "of the registry, which is in the store."
        )
