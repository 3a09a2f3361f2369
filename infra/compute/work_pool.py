"""Compute on a Prefect work pool: a slice of the jobs is a run of its deployment, and Prefect is the queue.

A server that is away for a while stops nothing: runs that have begun and their parent talk through the store.
"""

import contextvars
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from acento.core.callbacks import NO_CALLBACKS, Callbacks
from acento.core.errors import InputError
from acento.core.settings import settings
from acento.core.store import Store
from acento.jobs.job import Job
from acento.models.devices import Elsewhere, cores
from infra.compute import pool as prefect_pool
from infra.compute.base import Compute, Outcome
from infra.compute.dispatch import Dispatcher
from infra.compute.pool import Pool
from infra.compute.pool_engine import PoolEngine
from infra.compute.portable import model_folder, passed_on, portable
from infra.compute.reach import check_reach, first_gpu, kind_of
from infra.compute.sizing import Sizer
from infra.compute.worklist import HEARTBEAT_S

QUIT_S = 15.0
"""Seconds that runs may take to end by themselves, once they are told or nothing is left for them."""


class WorkPoolCompute(Compute):
    """Slices as flow runs of the work pool that the settings name."""

    name = "work-pool"
    heartbeat_s = HEARTBEAT_S
    """Seconds between two signs of life of a run; after six that are missing it is given up."""

    def __init__(self, store: Store) -> None:
        """Take the store that jobs read from and write to; the current Prefect run will be the parent of runs."""
        self._store = store
        self._context = contextvars.copy_context()  # trials of a search run in threads that have none
        self._ending: list[Dispatcher] = []
        self._sizer = Sizer()

    def check(self, *, begin: bool = True) -> Elsewhere:
        """See :meth:`Compute.check`: a server, the pool, a worker to begin, and a store that runs reach."""
        pool = prefect_pool.find_pool(settings().work_pool, at_work=begin)
        self._environment(pool)
        return Elsewhere(_gpu(pool), cores() if pool.type == "process" else Elsewhere().cores)

    def run(
        self,
        jobs: Sequence[Job],
        *,
        workers: int,
        callbacks: Callbacks = NO_CALLBACKS,
    ) -> Generator[Outcome, None, None]:
        """See :meth:`Compute.run`.

        Raises:
            InputError: as :meth:`check` says, before anything is submitted; or a job needs what runs do not see.
            AcentoError: runs end one after another and finish nothing, or none begins.
            TransientError: the Prefect server stayed away for too long.
        """
        pool = prefect_pool.find_pool(settings().work_pool)
        variables = self._variables(pool)
        sent = [_portable(job, pool) for job in jobs]
        engine = PoolEngine(prefect_pool.deployed(pool), variables, self._context, self._title(jobs))
        dispatcher = Dispatcher(self._store, sent, jobs, engine, self._sizer, self.heartbeat_s)
        yield from dispatcher.run(workers, callbacks, patience_s=QUIT_S)
        self._ending.append(dispatcher)

    def close(self) -> None:
        """See :meth:`Compute.close`: runs that are ending have ended, or are called off."""
        ending, self._ending = self._ending, []
        deadline = time.monotonic() + QUIT_S
        for dispatcher in ending:
            dispatcher.wait(deadline)

    def _title(self, jobs: Sequence[Job]) -> str:
        """Return what runs are named for: the task they work for, else the work."""
        return self._context.copy().run(prefect_pool.current_title) or (jobs[0].title if jobs else "nothing")

    def _variables(self, pool: Pool) -> dict[str, Any]:
        """Return the job variables of a run: the settings' ones, a GPU if one was asked for, the environment."""
        given = dict(settings().job_variables)
        given["env"] = {**dict(given.get("env") or {}), **self._environment(pool)}
        if settings().gpu_type:
            given = _gpu_variables(pool, settings().gpu_type) | given
        return given

    def _environment(self, pool: Pool) -> dict[str, str]:
        """Return the environment variables of a run: where the store is, what is trusted, no secret.

        Raises:
            InputError: runs could not reach the store.
        """
        prefect_pool.check_secrets(settings().job_variables)
        check_reach(self.name, pool.type, self._store.url, prefect_pool.api_url())
        env = {"ACENTO_STORE": self._store.url, "ACENTO_COMPUTE": "inline", "DO_NOT_TRACK": "1"}
        if kind_of(self._store.url) == "folder":
            folder = str(Path(self._store.url.removeprefix("file://")).absolute())
            env["ACENTO_STORE"] = folder
            if pool.type == "docker":
                env["ACENTO_STORE"] = _mounted(pool, folder)
        if pool.type == "process" and settings().cache:
            env["ACENTO_CACHE"] = settings().cache
        return env | passed_on()


def _gpu(pool: Pool) -> str | None:
    """Return the type of GPU that runs will have; "" if any; None if none is asked for."""
    if (wanted := first_gpu()) is not None:
        return wanted
    asked = Pool(pool.name, pool.type, (), settings().job_variables, None).has_gpu
    return "" if asked or pool.has_gpu else None


def _gpu_variables(pool: Pool, gpu_type: str) -> dict[str, Any]:
    """Return the job variables by which a pool of this type gives a GPU.

    Raises:
        InputError: the pool's template has none of them.
    """
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
    """Return where a pool's containers have the store.

    Raises:
        InputError: no volume of theirs holds it.
    """
    volumes = list(settings().job_variables.get("volumes", pool.defaults.get("volumes", [])))
    inside = prefect_pool.container_path(volumes, folder)
    if inside is None:
        raise InputError(
            f"The containers of work pool {pool.name!r} do not see the store {folder}: mount it, such as by "
            f'ACENTO_JOB_VARIABLES=\'{{"volumes": ["{folder}:/store"]}}\', or set ACENTO_STORE to s3://bucket/prefix.'
        )
    return inside


def _portable(job: Job, pool: Pool) -> Job:
    """Return a job whose model is found from another folder; that changes its name and not what is computed.

    Raises:
        InputError: the model is a folder of this machine, which runs of this pool do not see.
    """
    folder = model_folder(job)
    if folder is not None and pool.type != "process":
        raise InputError(
            f"Runs of work pool {pool.name!r} do not see {folder}, a model in a folder of this machine: name one "
            "of the hub, or one of the registry, which is in the store."
        )
    return portable(job)
