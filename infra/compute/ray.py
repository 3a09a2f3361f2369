"""Compute on Ray: a slice of the jobs is a Ray task; jobs and outcomes go through the store."""

import logging
import os
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any

from acento.core.callbacks import NO_CALLBACKS, Callbacks
from acento.core.errors import InputError, TransientError, own_line
from acento.core.extras import require
from acento.core.settings import settings
from acento.core.store import Store
from acento.jobs.job import Job
from acento.models.devices import Elsewhere
from infra.compute.base import Compute, Outcome
from infra.compute.dispatch import Dispatcher, Engine, RunState
from infra.compute.portable import passed_on, portable
from infra.compute.reach import machines_of
from infra.compute.sizing import Sizer
from infra.compute.slice_task import SliceTask, do_slice
from infra.compute.worklist import HEARTBEAT_S

_log = logging.getLogger(__name__)

LOCAL = "local"
GRACE_S = 120.0
"""Seconds that runs have for a checkpoint, once their parent is called off, before Ray kills their processes."""


class RayCompute(Compute):
    """Slices in Ray's worker processes, on this machine or a cluster."""

    name = "ray"
    heartbeat_s = HEARTBEAT_S
    """Seconds between two signs of life of a run."""

    def __init__(self, store: Store) -> None:
        """Take the store that jobs read from and write to; every worker must reach it by the same URL."""
        self._store = store
        self._owned = False
        self._lock = threading.Lock()
        self._sizer = Sizer()

    def check(self, *, begin: bool = True) -> Elsewhere | None:
        """See :meth:`Compute.check`; starts nothing yet.

        Raises:
            InputError: Ray is missing, or its workers cannot reach the store.
        """
        if begin:
            require("ray", "The backend ray")
        address = settings().ray_address
        return machines_of(self.name, address, self._store.url, local=address.startswith(LOCAL))

    def run(
        self,
        jobs: Sequence[Job],
        *,
        workers: int,
        callbacks: Callbacks = NO_CALLBACKS,
    ) -> Generator[Outcome, None, None]:
        """See :meth:`Compute.run`; audio and rows are told from this thread.

        Raises:
            InputError: Ray is missing, or its workers cannot reach the store.
            AcentoError: runs end one after another and finish nothing.
            TransientError: the cluster does not answer.
        """
        if not jobs:
            return
        self.check()
        self._connect()
        engine = RayEngine(self._store.url, jobs[0])
        dispatcher = Dispatcher(
            self._store, [portable(job) for job in jobs], jobs, engine, self._sizer, self.heartbeat_s
        )
        yield from dispatcher.run(workers, callbacks, patience_s=GRACE_S)

    def close(self) -> None:
        """See :meth:`Compute.close`; a session that was there before stays."""
        import ray

        with self._lock:
            owned, self._owned = self._owned, False
        if owned:
            ray.shutdown()

    def _connect(self) -> None:
        """Connect to the cluster, or start Ray on this machine, if this process has not done so.

        Raises:
            InputError: the address is none.
            TransientError: nobody answers there.
        """
        import ray

        with self._lock:
            if ray.is_initialized():
                return
            address = settings().ray_address
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            try:
                if address.startswith(LOCAL):
                    ray.init(
                        address=LOCAL, num_cpus=_local_workers(address), include_dashboard=False, log_to_driver=False
                    )
                else:
                    ray.init(address=address, log_to_driver=False)
            except Exception as error:  # Ray raises plain ones, too
                said = own_line(str(error))
                if isinstance(error, ValueError) or "does not exist" in said:
                    raise InputError(
                        f"ACENTO_RAY_ADDRESS={address!r} is no address of Ray: use local[2], auto, or "
                        f"ray://host:10001. Ray says: {said}"
                    ) from None
                raise TransientError(f"Ray did not start or answer at {address}: {said}") from error
            self._owned = True


class RayEngine(Engine):
    """Ray tasks, each with one CPU, or on GPU work with one GPU; Ray is the queue."""

    title = "Ray"

    def __init__(self, store_url: str, job: Job) -> None:
        """Take the store's URL as workers know it, and a job, for what it needs."""
        import ray

        gpu = job.options.device_type == "cuda"
        options = {"num_cpus": 1, "num_gpus": 1 if gpu else 0, "max_retries": 0}
        self._remote: Any = ray.remote(**options)(do_slice)
        self._store_url = store_url
        self._tasks: dict[str, Any] = {}
        self._dead: dict[str, str] = {}

    def submit(self, work: str, run: str, indices: Sequence[int], count: int) -> str | None:
        """See :meth:`Engine.submit`."""
        task = SliceTask(self._store_url, work, run, tuple(indices), "ray", count, passed_on())
        self._tasks[run] = self._remote.options(name=f"acento slice {int(run)}").remote(task)
        return run

    def states(self, ids: Sequence[str]) -> Mapping[str, RunState] | None:
        """See :meth:`Engine.states`.

        Raises:
            InputError: workers cannot do this work.
        """
        import ray

        tasks = {self._tasks[id]: id for id in ids}
        ended, _ = ray.wait(list(tasks), num_returns=len(tasks), timeout=0) if tasks else ([], [])
        found = {id: RunState("waiting") for id in ids}
        for task in ended:
            try:
                done = ray.get(task)
            except Exception as error:  # of the task, or of Ray that lost its process
                said = own_line(str(error)) or type(error).__name__
                if "No module named 'acento" in said or "No module named 'infra" in said:
                    raise InputError(
                        "The Python of Ray's workers has no Acento: install the same version on every machine."
                    ) from None
                found[tasks[task]] = RunState("died", said)
                continue
            if done.refused:
                raise InputError(done.refused)
            found[tasks[task]] = RunState("ended")
        return found

    def cancel(self, ids: Iterable[str]) -> None:
        """See :meth:`Engine.cancel`."""
        import ray

        for id in ids:
            try:
                ray.cancel(self._tasks[id], force=True)
            except Exception as error:
                _log.warning("Could not end the Ray task of slice %s: %s", id, error)

    def give_up(self, id: str, why: str) -> None:
        """See :meth:`Engine.give_up`."""
        _log.warning("The Ray task of slice %s is ended: %s", id, why)
        self.cancel([id])


def _local_workers(address: str) -> int:
    """Return how many processes a local Ray is to have.

    >>> _local_workers("local[3]")
    3
    """
    given = address.removeprefix(LOCAL).strip("[]")
    return int(given) if given.isdigit() and int(given) else os.cpu_count() or 1
