"""A Prefect work pool as runs of slices need it: is it there, does anybody work for it, submit, watch and cancel runs.

Every call asks the server once and raises ``httpx.HTTPError`` when it does not answer: whoever calls knows how long to
be patient.
"""

import contextvars
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, cast
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, WorkerFilter, WorkerFilterStatus
from prefect.client.schemas.objects import FlowRun, State, WorkerStatus, WorkPool
from prefect.context import FlowRunContext
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Cancelled, Cancelling, Crashed

from acento.core.errors import InputError, TransientError

FLOW = "run-placement"
ENTRYPOINT = "flows.run_placement.run_placement"
TAGS = ("acento", "placement")
EMBEDDED = "ACENTO_EMBEDDED_SERVER"
"""The environment variable with the URL of the server that a command started for itself alone."""

_ONLINE = WorkerFilter(status=WorkerFilterStatus(any_=[WorkerStatus.ONLINE.value]))
_ANSWER_S = 10.0
_RETRIES = 2
_SECRET = ("TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "ACCESS_KEY", "API_KEY")


@dataclass(frozen=True, slots=True)
class Pool:
    """A work pool that is there and has a worker."""

    name: str
    type: str
    variables: tuple[str, ...]
    """The job variables that its template knows."""
    defaults: dict[str, Any]
    """Values of job variables where nobody gives others."""
    deployment: UUID | None = None


def api_url() -> str:
    """Return the URL of the Prefect server that workers also know.

    Raises:
        InputError: there is none; a server that a command started for itself does not count.
    """
    url = PREFECT_API_URL.value()
    if not url or url == os.environ.get(EMBEDDED):
        raise InputError(
            "A work pool needs a Prefect server that its worker can reach: start one with `prefect server start`, and "
            "set PREFECT_API_URL, such as http://127.0.0.1:4200/api, here and for the worker."
        )
    return url


def find_pool(name: str, *, at_work: bool = True) -> Pool:
    """Find a work pool, unless ``at_work`` is False one with somebody who works for it.

    Raises:
        InputError: no server, no such pool, it is paused, no worker is online, or this run takes its only place.
        TransientError: the server does not answer now.
    """
    with _asking() as ask:
        try:
            pool = ask.read_work_pool(name)
        except ObjectNotFound:
            there = ", ".join(sorted(pool.name for pool in ask.read_work_pools())) or "none"
            raise InputError(
                f"There is no work pool {name!r} at the Prefect server {api_url()} (it has {there}): `prefect "
                f"work-pool create {name} --type process` makes one; ACENTO_WORK_POOL or --work-pool name another."
            ) from None
        # pools that a cloud serves by itself have no workers
        online = pool.type.endswith((":push", ":managed")) or bool(
            ask.read_workers_for_work_pool(name, worker_filter=_ONLINE, limit=1)
        )
    if at_work:
        _check_at_work(pool, online)
    properties = pool.base_job_template.get("variables", {}).get("properties", {})
    defaults = {key: value["default"] for key, value in properties.items() if value.get("default") is not None}
    return Pool(pool.name, pool.type, tuple(properties), defaults)


@contextmanager
def client(retries: int = 0) -> Iterator[SyncPrefectClient]:
    """Yield a client that does not wait long, and asks once, or so many times more."""
    with (
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: retries}),
        get_client(httpx_settings={"timeout": httpx.Timeout(_ANSWER_S)}, sync_client=True) as found,
    ):
        yield found


@contextmanager
def _asking() -> Iterator[SyncPrefectClient]:
    """Yield a client; a server that does not answer its questions is a ``TransientError``."""
    url = api_url()
    try:
        with client(_RETRIES) as ask:
            yield ask
    except httpx.HTTPError as error:
        raise TransientError(
            f"The Prefect server at {url} does not answer now ({error or type(error).__name__})."
        ) from error


def deployed(pool: Pool) -> Pool:
    """Return the pool with its deployment of ``run-placement``, made if it is not there or not what it should be.

    Raises:
        TransientError: the server does not answer now.
    """
    with _asking() as ask:
        try:
            found = ask.read_deployment_by_name(f"{FLOW}/{pool.name}")
        except ObjectNotFound:
            made = ask.create_deployment(
                flow_id=ask.create_flow_from_name(FLOW),
                name=pool.name,
                entrypoint=ENTRYPOINT,
                work_pool_name=pool.name,
                tags=list(TAGS),
                description="Does a slice of the parts of a benchmark, or a training.",
            )
            return replace(pool, deployment=made)
        wanted: dict[str, Any] = {"entrypoint": ENTRYPOINT, "work_pool_name": pool.name, "paused": False}
        # a deployment that an older version made may hold on to the parameters that its flow had
        wanted["enforce_parameter_schema"] = False
        if any(getattr(found, name) != value for name, value in wanted.items()):
            ask.update_deployment(found.id, DeploymentUpdate(pull_steps=[], **wanted))
        return replace(pool, deployment=found.id)


def submit(
    pool: Pool, name: str, parameters: dict[str, Any], job_variables: dict[str, Any], context: contextvars.Context
) -> UUID:
    """Submit a run of ``run-placement``, shown as a child of the run whose context that is, and return its id."""
    given: dict[str, Any] = {"parameters": parameters, "flow_run_name": name, "job_variables": job_variables}

    def ask() -> Any:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            return run_deployment(cast(UUID, pool.deployment), timeout=0, tags=list(TAGS), **given)

    return cast(FlowRun, context.copy().run(ask)).id


def states(runs: Iterable[UUID]) -> dict[UUID, State[Any]]:
    """Return the state of each run that the server knows."""
    with client() as ask:
        found = ask.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=list(runs))))
    return {run.id: run.state for run in found if run.state is not None}


def call_off(runs: Sequence[tuple[UUID, State[Any] | None]]) -> None:
    """Cancel runs: one that has not begun at once, one that runs by its worker, which lets it leave a checkpoint."""
    with client() as ask:
        for run, state in runs:
            begun = state is None or state.is_running() or state.is_cancelling()
            message = "The run that asked for this slice has ended."
            new: State[Any] = Cancelling(message=message) if begun else Cancelled(message=message)
            ask.set_flow_run_state(run, new, force=not begun)


def give_up(run: UUID, why: str) -> None:
    """Write down that a run whose process is gone has crashed, as nobody else will."""
    with client() as ask:
        ask.set_flow_run_state(run, Crashed(message=why), force=True)


def refusal(error: BaseException) -> str | None:
    """Return why the server refuses what it was asked; None where it may answer later."""
    if isinstance(error, ObjectNotFound):
        return str(error) or "it is not there"
    if not isinstance(error, httpx.HTTPStatusError):
        return None
    if error.response.status_code in (408, 425, 429) or error.response.status_code >= 500:
        return None
    try:
        said = error.response.json()
    except ValueError:
        return f"{error.response.status_code}"
    detail = said.get("detail", said) if isinstance(said, dict) else said
    return detail if isinstance(detail, str) else str(detail)


def container_path(volumes: Sequence[str], folder: str) -> str | None:
    """Return where containers see a folder: what a volume mounts, or the folder itself where this is such a container.

    >>> container_path(["/data/store:/store", "cache:/cache"], "/data/store/mine")
    '/store/mine'
    >>> container_path(["acento-store:/store:rw"], "/store")
    '/store'
    >>> container_path(["acento-store:/store"], "/home/me/.acento")
    """
    wanted = PurePosixPath(folder)
    for volume in volumes:
        source, _, rest = volume.partition(":")
        target = rest.partition(":")[0]
        for outside in (source, target):
            if outside.startswith("/") and wanted.is_relative_to(outside):
                return str(PurePosixPath(target) / wanted.relative_to(outside))
    return None


def check_secrets(job_variables: dict[str, Any]) -> None:
    """Refuse job variables that would lie in the server's database in clear.

    Raises:
        InputError: an environment variable that is named like a secret has a value.

    >>> check_secrets({"env": {"HF_TOKEN": "{{ prefect.blocks.secret.hf-token }}"}})
    """
    for name, value in dict(job_variables.get("env") or {}).items():
        if any(word in name.upper() for word in _SECRET) and value and "{{" not in str(value):
            raise InputError(
                f"ACENTO_JOB_VARIABLES would write {name} into the Prefect server for all to read: set it where the "
                f"worker runs, or keep it in a secret block and say {{{{ prefect.blocks.secret.NAME }}}}."
            )


def _check_at_work(pool: WorkPool, online: bool) -> None:
    """Refuse a pool in which runs would wait: for somebody, or for this very run, which has its last place."""
    if pool.is_paused:
        raise InputError(
            f"Work pool {pool.name!r} is paused: `prefect work-pool resume {pool.name}` lets it take work again."
        )
    if not online:
        raise InputError(
            f"No worker is online for work pool {pool.name!r}: start one where its work is to be done, with "
            f"`prefect worker start --pool {pool.name}`."
        )
    flow = FlowRunContext.get()
    mine = flow.flow_run.work_pool_name if flow is not None and flow.flow_run is not None else None
    if pool.concurrency_limit == 0 or (mine == pool.name and pool.concurrency_limit == 1):
        raise InputError(
            f"Work pool {pool.name!r} runs {pool.concurrency_limit} at a time"
            + (", and this run is that one: its slices would wait for ever" if mine == pool.name else "")
            + f"; `prefect work-pool set-concurrency-limit {pool.name} 4` lets more run."
        )
