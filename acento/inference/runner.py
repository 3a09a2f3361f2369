"""Executes jobs in this process, one after another, keeping the model of transcriptions loaded between them."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol, TypeVar, overload

from acento.core import plugins
from acento.core.callbacks import NO_CALLBACKS, Callbacks
from acento.core.errors import DamagedError
from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.inference.alignment import load_recognizer
from acento.inference.jobs import JobResult, TranscribeJob
from acento.models.base import Recognizer
from acento.models.checkpoints.resolver import resolve


class AnyJob(Protocol):
    """A job of any kind."""

    @property
    def kind(self) -> str:
        """What executes it."""


Job = TypeVar("Job", bound=AnyJob)


@dataclass(frozen=True, slots=True)
class Worker:
    """The thread or process that executes jobs: whom it tells of its progress, and what measurements say of it."""

    backend: str = "inline"
    count: int = 1
    """How many workers share the work."""
    callbacks: Callbacks = NO_CALLBACKS
    cancelled: threading.Event = field(default_factory=threading.Event)
    """Once it is set, a job ends after the batch it is at, and nothing of it is kept."""
    name: str = ""
    """Which worker this is, where they have names."""

    def should_stop(self) -> str | None:
        """Say why a training is to end at its next step, with a checkpoint; None: it goes on."""
        return "stopped" if self.cancelled.is_set() else self.callbacks.should_stop()

    def after_batch(self, seconds: float) -> None:
        """Say how far decoding is, and end it if it was called off."""
        self.callbacks.on_progress(seconds)
        if self.cancelled.is_set():
            raise CancelledError


def execute_together(
    execute: Callable[[Job, Worker], Any], jobs: Sequence[Job], worker: Worker
) -> Generator[tuple[Job, Any, BaseException | None], None, None]:
    """Execute jobs in as many threads as the worker counts; yield each with its result or its error, in any order.

    Closing the iterator ends what is under way after its batch.
    """
    pool = ThreadPoolExecutor(worker.count, thread_name_prefix="worker")
    try:
        running = {pool.submit(execute, job, worker): job for job in jobs}
        for future in as_completed(running):
            error = future.exception()
            yield running[future], None if error else future.result(), error
    finally:
        worker.cancelled.set()
        pool.shutdown(wait=True, cancel_futures=True)


class Runner:
    """Executes jobs one after another in this process, keeping the model of transcriptions loaded between them.

    Several threads may execute jobs of one Runner at a time: they share the loaded model.
    """

    def __init__(self, store: Store, *, keep: int = 1) -> None:
        """Take the store of plans, data and results; ``keep`` models stay loaded."""
        self.store, self._keep = store, keep
        self.decoding = threading.Lock()
        """Held while a model decodes that no two threads may use at a time, and while one is trained."""
        self._loaded: OrderedDict[str, tuple[Recognizer, float, float]] = OrderedDict()
        self._lock = threading.Lock()

    @overload
    def execute(self, job: TranscribeJob, worker: Worker | None = None) -> JobResult: ...

    @overload
    def execute(self, job: AnyJob, worker: Worker | None = None) -> Any: ...

    def execute(self, job: AnyJob, worker: Worker | None = None) -> Any:
        """Do what a job asks; what of it is in the store already is not done again.

        A transcription decodes what the job's earlier attempts left without a text, and publishes it as one more
        attempt. A training goes on from its last checkpoint.

        Raises:
            ModelError: the model cannot be loaded, or is no longer the one that was planned.
            StoreError: the result cannot be written, or the plan or the data are gone.
        """
        return plugins.load(plugins.EXECUTORS[job.kind])(self, job, worker or Worker())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Free every loaded model, and let nothing decode meanwhile."""
        self.close()
        with self.decoding:
            yield

    def close(self) -> None:
        """Free every loaded model."""
        with self._lock:
            while self._loaded:
                self._loaded.popitem()[1][0].close()

    def recognizer(self, job: TranscribeJob) -> tuple[Recognizer, float, float]:
        """Return the loaded model, with the seconds that loading and warm-up took if this call did it."""
        name = fingerprint({"model": job.model.digest, "options": job.options.model_dump()})
        with self._lock:
            if name in self._loaded:
                self._loaded.move_to_end(name)
                return self._loaded[name][0], 0.0, 0.0
            while len(self._loaded) >= self._keep:
                self._loaded.popitem(last=False)[1][0].close()
            started = perf_counter()
            checkpoint = resolve(job.model.id, job.model.revision)
            if checkpoint.digest != job.model.digest:
                raise DamagedError(f"Model {job.model.id} has changed since the benchmark began; start it again.")
            recognizer = load_recognizer(checkpoint, job.options)
            loaded = perf_counter()
            recognizer.warm_up(job.batch_size)
            self._loaded[name] = (recognizer, loaded - started, perf_counter() - loaded)
            return self._loaded[name]
