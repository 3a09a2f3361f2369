"""Compute on Modal: jobs are mapped over the containers of a class that keeps its model loaded.

The app is ephemeral and lives as long as the iterator over its outcomes: when that is closed, or this process dies and
its heartbeats end, Modal ends its containers. A store in a folder of this machine is not reachable from there: what the
jobs need is uploaded to a volume first, what they leave is brought back and verified, and the upload is deleted.
"""

import json
import queue
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import Any

import modal
from modal.exception import FunctionTimeoutError
from prefect_modal_worker.client import last_line
from prefect_modal_worker.image import build, secrets, volumes

from acento.core.callbacks import NO_CALLBACKS, Callbacks
from acento.core.errors import AcentoError, InputError, TransientError
from acento.jobs.job import Job
from acento.models.devices import Elsewhere
from infra.compute.base import Compute, Outcome
from infra.compute.dispatch.serialization import load_outcome
from infra.compute.reach import check_reach, kind_of, passed_on, refuse_folders
from infra.modal.container import COUNT, NEWS, QUEUE, Container, stop_of
from infra.modal.errors import check_token, explain, explained
from infra.modal.options import options_asked
from infra.modal.store import MOUNTS, SCHEME, parse
from infra.modal.upload import Upload

APP = "acento-jobs"
"""The name of the app, as Modal's page lists it."""
_LOOK_S = 1.0
_LAST_S = 300.0
"""Seconds that trainings may take to leave a checkpoint when they are called off."""
_IDLE_S = 60
_RETRIES = 3


class ModalCompute(Compute):
    """``Function.map`` over warm containers."""

    name = "modal"

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
        self, jobs: Sequence[Job], *, workers: int, callbacks: Callbacks = NO_CALLBACKS
    ) -> Generator[Outcome, None, None]:
        """See :meth:`Compute.run`.

        Raises:
            InputError: there is no token, or what Modal is asked for cannot be.
            TransientError: Modal does not answer.
        """
        refuse_folders(jobs, "Containers on Modal")
        check_token()
        with ExitStack() as stack:
            try:
                upload = None
                if kind_of(self._store.url) == "folder":
                    upload = stack.enter_context(Upload(self._store, jobs))
                news = stack.enter_context(modal.Queue.ephemeral())
                url = self._store.url if upload is None else upload.store.url
                mapped = stack.enter_context(_Mapping(jobs, workers, url, news))
            except Exception as error:
                raise explain(error, "start containers") from error
            try:
                for outcome in mapped.outcomes(callbacks):
                    yield self._home(upload, outcome)
            except BaseException:
                mapped.call_off()
                raise

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


class _Mapping:
    """A running app and its one call of ``map``, whose results a thread collects."""

    def __init__(self, jobs: Sequence[Job], workers: int, store: str, news: modal.Queue) -> None:
        self._jobs, self._news = jobs, news
        self._left = set(range(len(jobs)))
        self._failures: list[BaseException] = []
        """What the map raised: for inputs that it does not name, or at its end."""
        self._over = False
        self._arrived: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._app, self._class = _describe(jobs, workers, store, news.object_id)
        self._stack = ExitStack()
        self._thread = threading.Thread(target=self._collect, name="modal-map", daemon=True)

    def __enter__(self) -> "_Mapping":
        self._stack.enter_context(self._app.run())
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(Exception):  # the app ends with its heartbeats, too
            self._stack.close()
        self._thread.join(_LOOK_S)

    def outcomes(self, callbacks: Callbacks) -> Iterator[Outcome]:
        """Hand on results and news until all jobs have an outcome."""
        stopped = False
        while self._left:
            outcome = self._next(_LOOK_S)
            self._hand_on_news(callbacks)
            if outcome is not None:
                yield outcome
            elif self._over:
                yield from self._lost()
                return
            if not stopped and (reason := callbacks.should_stop()) is not None:
                self._stop(reason)
                stopped = True

    def call_off(self) -> None:
        """Let trainings leave a checkpoint before the containers are ended; transcriptions are ended as they are."""
        if not any(self._jobs[index].kind == "finetune" for index in self._left):
            return
        self._stop("called off")
        waited = 0.0
        while self._left and not self._over and waited < _LAST_S:
            if self._next(_LOOK_S) is None:
                waited += _LOOK_S

    def _collect(self) -> None:
        try:
            indexes, specs = range(len(self._jobs)), [job.model_dump_json() for job in self._jobs]
            for result in self._class().execute.map(indexes, specs, order_outputs=False, return_exceptions=True):
                if isinstance(result, dict):
                    self._arrived.put(result)
                else:
                    self._failures.append(result)
        except BaseException as error:
            self._failures = self._failures or [error]
        self._arrived.put(None)

    def _next(self, timeout: float) -> Outcome | None:
        """Return the next job's outcome; None if there is nothing new within ``timeout`` seconds."""
        with suppress(queue.Empty):
            found = self._arrived.get(timeout=timeout)
            self._over = found is None
            if found and found["index"] in self._left:  # else a machine that was taken away had done it already
                self._left.discard(found["index"])
                return load_outcome(self._jobs[found["index"]], found)
        return None

    def _lost(self) -> Iterator[Outcome]:
        reasons = self._failures or [RuntimeError("no result came")]
        for index in sorted(self._left):
            reason = reasons.pop(0) if len(reasons) > 1 else reasons[0]
            yield Outcome(self._jobs[index], None, _meaning(self._jobs[index], reason))
        self._left.clear()

    def _hand_on_news(self, callbacks: Callbacks) -> None:
        with suppress(modal.exception.Error, OSError):
            end = time.monotonic() + _LOOK_S  # they may come faster than they are read
            # one read brings as many as Modal likes
            while time.monotonic() < end and (texts := self._news.get_many(1000, block=False, partition=NEWS)):
                for message in map(json.loads, texts):
                    if "heard" in message:
                        callbacks.on_progress(float(message["heard"]))
                    if "row" in message:
                        callbacks.on_metrics(message["row"])

    def _stop(self, reason: str) -> None:
        with suppress(modal.exception.Error, OSError):
            for index in self._left:
                self._news.put(reason, partition=stop_of(index))


def _meaning(job: Job, reason: BaseException) -> AcentoError:
    """Return what it means that a container gave no answer."""
    if isinstance(reason, FunctionTimeoutError):
        return TransientError(
            f"{job.title} reached the time limit of its container on Modal: what is done of it is kept, and the same "
            "command goes on from there; or raise timeout in ACENTO_JOB_VARIABLES."
        )
    if isinstance(reason, modal.exception.InternalFailure | modal.exception.RemoteError):
        return TransientError(
            f"The containers of {job.title} on Modal ended one after another ({last_line(reason)}): memory may be "
            "short, which memory in ACENTO_JOB_VARIABLES raises."
        )
    return explain(reason, f"do {job.title}")


def _describe(jobs: Sequence[Job], workers: int, store: str, news: str) -> tuple[modal.App, Any]:
    """Return the app, and the class in it that does the jobs."""
    options = options_asked()
    if not options.gpus and any(job.options.device_type == "cuda" for job in jobs):
        raise InputError("The work was planned for a GPU, and none is asked of Modal: set ACENTO_GPU_TYPE, such as L4.")
    if store.startswith(SCHEME) and (name := parse(store)[0]) not in options.volumes.values():
        options = options.model_copy(update={"volumes": {**options.volumes, f"/acento/{name}": name}})
    env = {
        "ACENTO_STORE": store,
        "ACENTO_COMPUTE": "inline",
        "DO_NOT_TRACK": "1",
        MOUNTS: json.dumps({name: path for path, name in options.volumes.items()}),
        QUEUE: news,
        COUNT: str(workers),
    }
    models = next((path for path, name in options.volumes.items() if name.endswith("-models")), None)
    if models is not None:
        env["HF_HOME"] = f"{models}/huggingface"
    app = modal.App(APP, include_source=False)
    decorate = app.cls(
        image=build(options),
        gpu=options.gpus or None,
        cpu=options.cores or float(max(job.options.threads for job in jobs)),  # Modal's default is an eighth
        memory=options.mebibytes,
        timeout=options.timeout,
        retries=modal.Retries(max_retries=_RETRIES, initial_delay=1.0),
        max_containers=min(workers, len(jobs)),
        scaledown_window=_IDLE_S,
        env=env | passed_on(),
        secrets=secrets(options),
        volumes=volumes(options),
        region=options.region or None,
        cloud=options.cloud,
    )
    return app, decorate(Container)
