"""Compute on a Prefect work pool: a placement is a run of the deployment ``run-placement``, wherever the pool's is.

The parent posts the jobs on a board in the store, submits placements, and hands on outcomes. It watches two things: the
board, where placements beat, and the Prefect server, which knows of those that never began or crashed. What a dead
placement had taken goes to others. A server that is away for a while stops nothing: board and placements need it not.
"""

import contextvars
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from acento.core.errors import InputError, StoreError
from acento.core.settings import settings
from acento.core.store import Store
from acento.jobs.job import Job
from acento.models.devices import Elsewhere, cores
from acento.training.loop.state import Row
from infra.compute import pool as prefect_pool
from infra.compute.base import Compute, Outcome
from infra.compute.board import BEAT_S, Board
from infra.compute.crew import Crew
from infra.compute.pool import Pool
from infra.compute.portable import model_folder, passed_on, portable
from infra.compute.reach import check_reach, kind_of
from infra.compute.sizing import Sizer

QUIT_S = 15.0
"""Seconds that placements may take to end by themselves, once they are told or nothing is left for them."""
_LOOK_S = (0.2, 2.0)
"""Seconds between two looks at the board: at first and after news, and at most."""


class WorkPoolCompute(Compute):
    """Placements as flow runs of the work pool that the settings name."""

    name = "work-pool"
    beat_s = BEAT_S
    """Seconds between two signs of life of a placement; after six that are missing it is given up."""

    def __init__(self, store: Store) -> None:
        """Take the store that jobs read from and write to; the current Prefect run will be the placements' parent."""
        self._store = store
        self._context = contextvars.copy_context()  # trials of a search run in threads that have none
        self._leaving: list[Crew] = []
        self._sizer = Sizer()

    def check(self, *, begin: bool = True) -> Elsewhere:
        """See :meth:`Compute.check`: a server, the pool, a worker to begin, and a store that placements reach."""
        pool = prefect_pool.find_pool(settings().work_pool, at_work=begin)
        self._environment(pool)
        return Elsewhere(_gpu(pool), cores() if pool.type == "process" else Elsewhere().cores)

    def run(
        self,
        jobs: Sequence[Job],
        *,
        placements: int,
        heard: Callable[[float], None] = lambda _: None,
        noted: Callable[[Row], None] = lambda _: None,
        stop: Callable[[], str | None] = lambda: None,
    ) -> Generator[Outcome, None, None]:
        """See :meth:`Compute.run`.

        Raises:
            InputError: as :meth:`check` says, before anything is submitted; or a job needs what placements do not see.
            AcentoError: placements end one after another, or none begins.
            TransientError: the Prefect server stayed away for too long.
        """
        pool = self._pool()
        variables = self._variables(pool)
        sent = [_portable(job, pool) for job in jobs]
        pool = prefect_pool.deployed(pool)
        board = Board.post(self._store, sent, beat_s=self.beat_s)
        board.jobs = list(jobs)  # outcomes are of what the caller knows
        crew = Crew(board, pool, variables, self._context, self._title(jobs))
        called_off = True
        try:
            yield from self._watch(board, crew, jobs, placements, heard, noted, stop)
            called_off = False
        finally:
            self._end(board, crew, called_off)

    def close(self) -> None:
        """See :meth:`Compute.close`: placements that are ending have ended, or are called off."""
        leaving, self._leaving = self._leaving, []
        deadline = time.monotonic() + QUIT_S
        for crew in leaving:
            crew.leave(deadline)

    def _watch(
        self,
        board: Board,
        crew: Crew,
        jobs: Sequence[Job],
        most: int,
        heard: Callable[[float], None],
        noted: Callable[[Row], None],
        stop: Callable[[], str | None],
    ) -> Generator[Outcome, None, None]:
        """Submit placements, keep as many alive as the work justifies, and hand on what the board says."""
        audio, told, pause = 0.0, False, _LOOK_S[0]
        while True:
            outcomes = board.outcomes()
            rows = board.rows()
            for row in rows:
                noted(row)
            beats, before = board.beats(), audio
            audio = board.progress()
            if audio > before:
                heard(audio - before)
            if not told and (reason := stop()) is not None:
                board.stop(reason)
                told = True
            news = bool(outcomes or rows or audio > before)
            yield from outcomes
            self._sizer.learn(jobs, crew.paces)
            if board.left == 0:
                return
            wanted = self._sizer.wanted(jobs, board.left, most, audio)
            if wanted.placements > crew.wanted:
                crew.say(f"{wanted.why}.")
            crew.look(beats, max(crew.wanted, wanted.placements), news)
            pause = _LOOK_S[0] if news else min(pause * 1.3, _LOOK_S[1])
            time.sleep(pause)

    def _end(self, board: Board, crew: Crew, called_off: bool) -> None:
        """Leave nothing behind: no placement that goes on, no board."""
        try:
            if called_off:
                with suppress(Exception):  # what ended the work is to be said, and not that this failed as well
                    board.cancel()
                crew.leave(time.monotonic() + QUIT_S)
            else:
                crew.call_off_waiting()
                self._leaving.append(crew)
        finally:
            try:
                board.clear()
            except StoreError as error:  # the work is done all the same
                crew.say(f"The board {board.id} could not be removed: {error}", warn=True)

    def _pool(self) -> Pool:
        return prefect_pool.find_pool(settings().work_pool)

    def _title(self, jobs: Sequence[Job]) -> str:
        """Return what placements are named for: the task they work for, else the work."""
        return self._context.copy().run(prefect_pool.current_title) or (jobs[0].title if jobs else "nothing")

    def _variables(self, pool: Pool) -> dict[str, Any]:
        """Return the job variables of a placement: the settings' ones, a GPU if one was asked for, the environment."""
        given = dict(settings().job_variables)
        given["env"] = {**dict(given.get("env") or {}), **self._environment(pool)}
        if settings().gpu_type:
            given = _gpu_variables(pool, settings().gpu_type) | given
        return given

    def _environment(self, pool: Pool) -> dict[str, str]:
        """Return the environment variables of a placement: where the store is, what is trusted, no secret.

        Raises:
            InputError: placements could not reach the store.
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
    """Return the type of GPU that placements will have; "" if any; None if none is asked for."""
    if settings().gpu_type:
        return settings().gpu_type.partition(",")[0].strip()
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
        InputError: the model is a folder of this machine, which placements of this pool do not see.
    """
    folder = model_folder(job)
    if folder is not None and pool.type != "process":
        raise InputError(
            f"Placements of work pool {pool.name!r} do not see {folder}, a model in a folder of this machine: name one "
            "of the hub, or one of the registry, which is in the store."
        )
    return portable(job)
