"""Compute on Spark: a slice of the jobs is a Spark job of one task; jobs and outcomes go through the store."""

import logging
import os
import re
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from acento.core.errors import InputError, TransientError
from acento.core.store import Store
from acento.jobs.job import Job
from acento.models.devices import Elsewhere
from infra.compute.dispatch.compute import DispatchedCompute
from infra.compute.dispatch.engine import RunState, SliceEngine
from infra.compute.dispatch.worker import RunReport, SliceTask, do_slice
from infra.compute.reach import machines_of, passed_on
from infra.spark.session import Session, check_spark, current_master, is_alive, is_local, open_session, sentence

_log = logging.getLogger(__name__)


class SparkCompute(DispatchedCompute):
    """Slices in Spark's executors, on this machine or a cluster."""

    name = "spark"

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._session: Session | None = None
        self._lock = threading.Lock()

    def check(self, *, begin: bool = True) -> Elsewhere | None:
        """See :meth:`Compute.check`; starts nothing yet."""
        if begin:
            check_spark()
        master = current_master()
        return machines_of(self.name, master, self._store.url, local=is_local(master))

    def open_engine(self, jobs: Sequence[Job]) -> SliceEngine:
        """See :meth:`DispatchedCompute.open_engine`: take the Spark session, started when it is first needed."""
        self.check()
        gpu = any(job.options.device_type == "cuda" for job in jobs)
        with self._lock:
            if self._session is None or not is_alive(self._session.context):
                self._session = open_session(current_master(), gpu=gpu)
            context = self._session.context
        return SparkEngine(context, self._store.url, ", ".join(sorted({job.kind for job in jobs})))

    def close(self) -> None:
        """See :meth:`Compute.close`; a session that was there before stays."""
        super().close()
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()


class SparkEngine(SliceEngine):
    """Spark jobs of one task, each with a group and a thread of its own."""

    def __init__(self, context: Any, store_url: str, what: str) -> None:
        self._context, self._store_url, self._what = context, store_url, what
        self._threads: list[threading.Thread] = []
        self._ended: dict[str, RunState] = {}
        self._refused = ""
        self.title = f"Spark at {current_master()}"

    def submit(self, work: str, run: str, indices: Sequence[int], count: int) -> str | None:
        from pyspark import InheritableThread

        task = SliceTask(self._store_url, work, run, tuple(indices), "spark", count, passed_on())
        group = f"acento-{work}-{run}"
        thread = InheritableThread(target=self._run, args=(group, task), name=group, daemon=True)
        thread.start()
        self._threads.append(thread)
        return group

    def states(self, ids: Sequence[str]) -> Mapping[str, RunState] | None:
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
        for id in ids:
            try:
                self._context.cancelJobGroup(id)
            except Exception as error:  # whatever py4j makes of a process that is gone
                _log.warning("Could not end the Spark job %s: %s", id, sentence(error))

    def close(self) -> None:
        """See :meth:`SliceEngine.close`: wait until Spark's jobs have ended."""
        for thread in self._threads:
            thread.join()

    def _run(self, group: str, task: SliceTask) -> None:
        try:
            self._context.setJobGroup(group, f"acento: {self._what}, slice {int(task.run)}", interruptOnCancel=True)
            slices = self._context.parallelize([0], 1).mapPartitions(partial(run_task, task))
            done: RunReport = slices.collect()[0]
        except BaseException as error:
            said = sentence(error)
            if re.match("ModuleNotFoundError: No module named '(acento|infra)", said):
                self._refused = (
                    "The Python of Spark's executors has no Acento: install the same version on every machine, and "
                    "name its Python in PYSPARK_PYTHON, or as docs/how-to/spark.md says."
                )
            self._ended[group] = RunState("died", said)
        else:
            self._refused = self._refused or done.refused
            _log.info("Slice %s on %s (process %d): %d done.", done.run, done.host, done.pid, done.done)
            self._ended[group] = RunState("ended")


def run_task(task: SliceTask, _: Iterator[int]) -> Iterator[RunReport]:
    """Do a slice on an executor.

    Raises:
        AcentoError: the store fails; Spark then tries the task again.
    """
    from pyspark import TaskContext

    context = TaskContext.get()
    assert context is not None  # this is a task
    see_gpus(context.resources())
    yield do_slice(task)


def see_gpus(resources: Mapping[str, Any]) -> tuple[str, ...]:
    """Let this process see only the GPUs that Spark gave its task, and return their addresses; none: change nothing.

    Raises:
        RuntimeError: it has used another one already; Spark then tries the task in a new process.
    """
    if "gpu" not in resources:
        return ()
    addresses = tuple(str(address) for address in resources["gpu"].addresses)
    wanted = ",".join(addresses)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized() and os.environ.get("CUDA_VISIBLE_DEVICES") != wanted:
        raise RuntimeError(f"This Python process has used another GPU than {wanted}; a new one is needed.")
    os.environ["CUDA_VISIBLE_DEVICES"] = wanted
    return addresses
