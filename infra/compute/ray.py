"""Compute on Ray: a slice of the jobs is a Ray task; jobs and outcomes go through the store."""

import logging
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from acento.core.errors import InputError, TransientError, own_line
from acento.core.extras import require
from acento.core.settings import settings
from acento.core.store import Store
from acento.jobs.job import Job
from acento.models.devices import Elsewhere
from infra.compute.dispatch.compute import DispatchedCompute
from infra.compute.dispatch.engine import RunState, SliceEngine
from infra.compute.dispatch.worker import SliceTask, do_slice
from infra.compute.reach import machines_of, passed_on

_log = logging.getLogger(__name__)

LOCAL = "local"


class RayCompute(DispatchedCompute):
    """Slices in Ray's worker processes, on this machine or a cluster."""

    name = "ray"

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._owned = False
        self._lock = threading.Lock()

    def check(self, *, begin: bool = True) -> Elsewhere | None:
        """See :meth:`Compute.check`; starts nothing yet."""
        if begin:
            require("ray", "The backend ray")
        address = settings().ray_address
        return machines_of(self.name, address, self._store.url, local=address.startswith(LOCAL))

    def open_engine(self, jobs: Sequence[Job]) -> SliceEngine:
        """See :meth:`DispatchedCompute.open_engine`: connect to the cluster, or start Ray on this machine."""
        self.check()
        self._connect()
        return RayEngine(self._store.url, gpu=jobs[0].options.device_type == "cuda")

    def close(self) -> None:
        """See :meth:`Compute.close`; a session that was there before stays."""
        import ray

        super().close()
        with self._lock:
            owned, self._owned = self._owned, False
        if owned:
            ray.shutdown()

    def _connect(self) -> None:
        import ray

        with self._lock:
            if ray.is_initialized():
                return
            address = settings().ray_address
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            local = {"num_cpus": _local_workers(address), "include_dashboard": False, "logging_level": logging.ERROR}
            try:
                if address.startswith(LOCAL):
                    ray.init(address=LOCAL, log_to_driver=False, **local)
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


class RayEngine(SliceEngine):
    """Ray tasks, each with one CPU, or on GPU work with one GPU; Ray is the queue."""

    title = "Ray"

    def __init__(self, store_url: str, *, gpu: bool) -> None:
        import ray

        self._remote: Any = ray.remote(num_cpus=1, num_gpus=int(gpu), max_retries=0)(do_slice)
        self._store_url = store_url
        self._tasks: dict[str, Any] = {}

    def submit(self, work: str, run: str, indices: Sequence[int], count: int) -> str | None:
        task = SliceTask(self._store_url, work, run, tuple(indices), "ray", count, passed_on())
        self._tasks[run] = self._remote.options(name=f"acento slice {int(run)}").remote(task)
        return run

    def states(self, ids: Sequence[str]) -> Mapping[str, RunState] | None:
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
        import ray

        for id in ids:
            try:
                ray.cancel(self._tasks[id], force=True)
            except Exception as error:
                _log.warning("Could not end the Ray task of slice %s: %s", id, error)


def _local_workers(address: str) -> int:
    """Return how many processes a local Ray is to have.

    >>> _local_workers("local[3]")
    3
    """
    given = address.removeprefix(LOCAL).strip("[]")
    return int(given) if given.isdigit() and int(given) else os.cpu_count() or 1
