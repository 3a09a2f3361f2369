"""Compute on Spark: a slice of the jobs is a Spark job of one task; jobs and outcomes go through the store."""

import logging
import re
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from acento.core.callbacks import NO_CALLBACKS, Callbacks
from acento.core.errors import InputError, TransientError, own_line
from acento.core.store import Store
from acento.jobs.job import Job
from acento.models.devices import Elsewhere
from infra.compute.base import Compute, Outcome
from infra.compute.dispatch import Dispatcher, Engine, RunState
from infra.compute.portable import passed_on, portable
from infra.compute.reach import machines_of
from infra.compute.sizing import Sizer
from infra.compute.slice_task import SliceDone, SliceTask
from infra.compute.worklist import HEARTBEAT_S
from infra.spark.session import Session, check_spark, current_master, is_alive, is_local, open_session
from infra.spark.task import run_task

_log = logging.getLogger(__name__)

GRACE_S = 120.0
"""Seconds that runs have for a checkpoint, once their parent is called off, before Spark kills their processes."""


class SparkCompute(Compute):
    """Slices in Spark's executors, on this machine or a cluster."""

    name = "spark"
    heartbeat_s = HEARTBEAT_S
    """Seconds between two signs of life of a run."""

    def __init__(self, store: Store) -> None:
        """Take the store that jobs read from and write to; every executor must reach it by the same URL."""
        self._store = store
        self._session: Session | None = None
        self._lock = threading.Lock()
        self._sizer = Sizer()

    def check(self, *, begin: bool = True) -> Elsewhere | None:
        """See :meth:`Compute.check`; starts nothing yet."""
        if begin:
            check_spark()
        master = current_master()
        return machines_of(self.name, master, self._store.url, local=is_local(master))

    def run(
        self,
        jobs: Sequence[Job],
        *,
        workers: int,
        callbacks: Callbacks = NO_CALLBACKS,
    ) -> Generator[Outcome, None, None]:
        """See :meth:`Compute.run`; audio and rows are told from this thread.

        Raises:
            InputError: pyspark or Java is missing, or the executors cannot reach the store.
            AcentoError: runs end one after another and finish nothing.
            TransientError: the cluster does not answer.
        """
        if not jobs:
            return
        self.check()
        context = self._context(gpu=any(job.options.device_type == "cuda" for job in jobs))
        engine = SparkEngine(context, self._store.url, ", ".join(sorted({job.kind for job in jobs})))
        dispatcher = Dispatcher(
            self._store, [portable(job) for job in jobs], jobs, engine, self._sizer, self.heartbeat_s
        )
        try:
            yield from dispatcher.run(workers, callbacks, patience_s=GRACE_S)
        finally:
            engine.join()
            if not is_alive(context):
                self.close()  # it has ended by itself, and the next run starts another one

    def close(self) -> None:
        """See :meth:`Compute.close`; a session that was there before stays."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()

    def _context(self, *, gpu: bool) -> Any:
        """Return the Spark context, started when it is first needed."""
        with self._lock:
            if self._session is None:
                self._session = open_session(current_master(), gpu=gpu)
            return self._session.context


class SparkEngine(Engine):
    """Spark jobs of one task, each with a group and a thread of its own."""

    def __init__(self, context: Any, store_url: str, what: str) -> None:
        """Take Spark's context, the store's URL as executors know it, and what the work is."""
        self._context, self._store_url, self._what = context, store_url, what
        self._threads: dict[str, threading.Thread] = {}
        self._ended: dict[str, RunState] = {}
        self._refused = ""
        self.title = f"Spark at {current_master()}"

    def submit(self, work: str, run: str, indices: Sequence[int], count: int) -> str | None:
        """See :meth:`Engine.submit`."""
        from pyspark import InheritableThread

        task = SliceTask(self._store_url, work, run, tuple(indices), "spark", count, passed_on())
        group = f"acento-{work}-{run}"
        thread = InheritableThread(target=self._run, args=(group, task), name=group, daemon=True)
        thread.start()
        self._threads[group] = thread
        return group

    def states(self, ids: Sequence[str]) -> Mapping[str, RunState] | None:
        """See :meth:`Engine.states`.

        Raises:
            InputError: executors cannot do this work.
            TransientError: the session has ended by itself.
        """
        if self._refused:
            raise InputError(self._refused)
        if not is_alive(self._context):
            said = next((state.why for state in self._ended.values() if state.why), "nothing")
            raise TransientError(
                f"The Spark session at {current_master()} ended by itself: its master does not answer, or it was "
                f"stopped. Spark says: {said}"
            )
        return {id: self._ended.get(id, RunState("waiting")) for id in ids}

    def cancel(self, ids: Iterable[str]) -> None:
        """See :meth:`Engine.cancel`."""
        for id in ids:
            try:
                self._context.cancelJobGroup(id)
            except Exception as error:  # whatever py4j makes of a process that is gone
                _log.warning("Could not end the Spark job %s: %s", id, _sentence(error))

    def give_up(self, id: str, why: str) -> None:
        """See :meth:`Engine.give_up`."""
        _log.warning("The Spark job %s is ended: %s", id, why)
        self.cancel([id])

    def join(self) -> None:
        """Wait until Spark's jobs have ended."""
        for thread in self._threads.values():
            thread.join()

    def _run(self, group: str, task: SliceTask) -> None:
        try:
            self._context.setJobGroup(group, f"acento: {self._what}, slice {int(task.run)}", interruptOnCancel=True)
            slices = self._context.parallelize([0], 1).mapPartitions(partial(run_task, task))
            done: SliceDone = slices.collect()[0]
        except BaseException as error:
            said = _sentence(error)
            if re.match("ModuleNotFoundError: No module named '(acento|infra)", said):
                self._refused = (
                    "The Python of Spark's executors has no Acento: install the same version on every machine, and "
                    "name its Python in PYSPARK_PYTHON, or as docs/how-to/spark.md says."
                )
            self._ended[group] = RunState("died", said)
        else:
            self._refused = self._refused or done.refused
            _log.info("Slice %s on %s (process %d): %d done.", task.run, done.host, done.pid, done.done)
            self._ended[group] = RunState("ended")


def _sentence(error: BaseException) -> str:
    """Return what is worth reading of an error that Spark wraps several times."""
    java = getattr(error, "java_exception", None)
    return own_line(str(java.getMessage() if java is not None else error)) or type(error).__name__
