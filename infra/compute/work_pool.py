"""Compute on a Prefect work pool: a slice of the jobs is a run of its deployment, and Prefect is the queue.

A server that is away for a while stops nothing: runs that have begun and their parent talk through the store.
"""

import contextvars
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect.runtime import flow_run, task_run

from acento.core.errors import InputError
from acento.core.settings import settings
from acento.core.store import Store
from acento.jobs.job import Job
from acento.models.devices import Elsewhere, cores
from infra.compute import pool as prefect_pool
from infra.compute.dispatch.compute import QUIT_S, DispatchedCompute
from infra.compute.dispatch.engine import SliceEngine
from infra.compute.pool import Pool
from infra.compute.pool_engine import PoolEngine
from infra.compute.reach import check_reach, first_gpu, kind_of, passed_on, refuse_folders

_GPU_VARIABLES = ("gpu", "gpus", "gpu_type", "gpu_count", "device_requests")


class WorkPoolCompute(DispatchedCompute):
    """Slices as flow runs of the work pool that the settings name."""

    name = "work-pool"
    patience_s = QUIT_S

    def __init__(self, store: Store) -> None:
        """Take the store that jobs read from and write to; where no task runs, the current Prefect run has the runs."""
        super().__init__(store)
        self._context = contextvars.copy_context()

    def check(self, *, begin: bool = True) -> Elsewhere:
        """See :meth:`Compute.check`: a server, the pool, a worker to begin, and a store that runs reach."""
        pool = prefect_pool.find_pool(settings().work_pool, at_work=begin)
        self._environment(pool)
        return Elsewhere(_gpu(pool), cores() if pool.type == "process" else Elsewhere().cores)

    def open_engine(self, jobs: Sequence[Job]) -> SliceEngine:
        """See :meth:`DispatchedCompute.open_engine`; runs are named for the task they work for, else for the work."""
        pool = prefect_pool.find_pool(settings().work_pool)
        variables = self._variables(pool)
        if pool.type != "process":
            refuse_folders(jobs, f"Runs of work pool {pool.name!r}")
        # trials of a search run in threads that have none; tasks that share this backend have one each
        context = contextvars.copy_context() if task_run.id else self._context
        title = context.copy().run(lambda: task_run.name or flow_run.name) or jobs[0].title
        return PoolEngine(prefect_pool.deployed(pool), variables, context, title)

    def _variables(self, pool: Pool) -> dict[str, Any]:
        """Return the job variables of a run: the settings' ones, a GPU if one was asked for, the environment."""
        given = dict(settings().job_variables)
        given["env"] = {**dict(given.get("env") or {}), **self._environment(pool)}
        if settings().gpu_type:
            given = _gpu_variables(pool, settings().gpu_type) | given
        return given

    def _environment(self, pool: Pool) -> dict[str, str]:
        """Return the environment variables of a run: a store that it reaches, what is trusted, no secret."""
        prefect_pool.check_secrets(settings().job_variables)
        check_reach(self.name, pool.type, self._store.url, prefect_pool.api_url())
        env = {"ACENTO_STORE": self._store.url, "ACENTO_COMPUTE": "inline", "DO_NOT_TRACK": "1"}
        if kind_of(self._store.url) == "folder":
            folder = str(Path(self._store.url.removeprefix("file://")).absolute())
            env["ACENTO_STORE"] = folder
            if pool.type == "docker":
                env["ACENTO_STORE"] = _mounted(pool, folder)
            if pool.type == "process" and settings().diarization:  # a machine that has this one's folders
                env["ACENTO_DIARIZATION"] = str(Path(settings().diarization).expanduser().absolute())
        if pool.type == "process" and settings().cache:
            env["ACENTO_CACHE"] = settings().cache
        return env | passed_on()


def _gpu(pool: Pool) -> str | None:
    """Return the type of GPU that runs will have; "" if any; None if none is asked for."""
    if (wanted := first_gpu()) is not None:
        return wanted
    asked = any(values.get(name) for values in (settings().job_variables, pool.defaults) for name in _GPU_VARIABLES)
    return "" if asked else None


def _gpu_variables(pool: Pool, gpu_type: str) -> dict[str, Any]:
    """Return the job variables by which a pool of this type gives a GPU; refuse a pool whose template has none."""
    if pool.type == "process":
        return {}  # the worker's machine has one, or has none
    if "gpu" in pool.variables:
        # Modal takes the second choice where there is none of the first
        return {"gpu": gpu_type if pool.type == "modal" else gpu_type.partition(",")[0].strip()}
    if "device_requests" in pool.variables:
        return {"device_requests": [{"count": -1, "capabilities": [["gpu"]]}]}
    raise InputError(
        f"Work pool {pool.name!r} has no job variable for a GPU that is known here: unset ACENTO_GPU_TYPE and say in "
        "ACENTO_JOB_VARIABLES what its template takes."
    )


def _mounted(pool: Pool, folder: str) -> str:
    """Return where a pool's containers have the store; refuse a pool none of whose volumes holds it."""
    volumes = list(settings().job_variables.get("volumes", pool.defaults.get("volumes", [])))
    inside = prefect_pool.container_path(volumes, folder)
    if inside is None:
        raise InputError(
            f"The containers of work pool {pool.name!r} do not see the store {folder}: mount it, such as by "
            f'ACENTO_JOB_VARIABLES=\'{{"volumes": ["{folder}:/store"]}}\', or set ACENTO_STORE to s3://bucket/prefix.'
        )
    return inside
