"""Reconcile the sandboxes of a pool with its flow runs.

Sandboxes whose worker is gone are followed by this one; those that no flow run needs are terminated.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

import modal
from modal.exception import NotFoundError
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    LogFilter,
    LogFilterFlowRunId,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType, WorkerStatus
from prefect.client.schemas.sorting import LogSort
from prefect.exceptions import ObjectNotFound
from prefect.types._datetime import now

from prefect_modal_worker.client import explain
from prefect_modal_worker.configuration import FLOW_RUN_TAG, POOL_TAG, apps_of, pool_default
from prefect_modal_worker.errors import ModalWorkerError
from prefect_modal_worker.output import OutputFilter
from prefect_modal_worker.sandbox import Logger, running_in

if TYPE_CHECKING:
    from prefect_modal_worker.worker import ModalWorker

_GRACE_S = 60.0
"""Seconds that a sandbox has to end by itself when its flow run has ended or is to be cancelled."""
_PAGE = 200
_SANDBOX = "sb-"
"""How the ids of sandboxes begin."""


@dataclass
class Reconciler:
    """Reconciles the sandboxes of one worker's pool; the worker follows what is adopted."""

    _worker: "ModalWorker"
    _logger: Logger
    _flow_runs: dict[str, str | None] = field(default_factory=dict)
    """The flow run of each running sandbox, by the sandbox's id: as its tags say."""

    async def reconcile(self) -> None:
        """Adopt sandboxes whose worker is gone, terminate those that no flow run needs, report those that are lost."""
        try:
            running = set()
            for app in await self._apps():
                for sandbox in await running_in(app, {POOL_TAG: str(self._worker.work_pool.id)}):
                    running.add(sandbox.object_id)
                    await self._reconcile_one(sandbox)
            self._flow_runs = {one: flow_run for one, flow_run in self._flow_runs.items() if one in running}
            states = FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING, StateType.CANCELLING])
            begun = FlowRunFilter(state=FlowRunFilterState(type=states))
            for flow_run in await self._worker.client.read_flow_runs(
                flow_run_filter=begun, work_pool_filter=self._this_pool, limit=_PAGE
            ):
                pid = flow_run.infrastructure_pid or ""
                if pid in running or pid in self._worker.ended or not await self._abandoned(flow_run):
                    continue
                if pid.startswith(_SANDBOX):
                    self._adopt(flow_run, pid)
                elif not pid and is_stuck(flow_run):
                    await self._worker.report_crash(
                        flow_run, "Its worker ended before it had started a sandbox; run it again."
                    )
        except Exception as error:
            self._logger.warning("The sandboxes of this pool were not reconciled: %s", explain(error, "list them"))

    async def _apps(self) -> list[modal.App]:
        deployments = await self._worker.client.read_deployments(work_pool_filter=self._this_pool, limit=_PAGE)
        environment = pool_default(self._worker.work_pool, "modal_environment")
        found = []
        for name in sorted(apps_of(self._worker.work_pool, [one.job_variables or {} for one in deployments])):
            with suppress(NotFoundError):
                found.append(await modal.App.lookup.aio(name, environment_name=environment))
        return found

    @property
    def _this_pool(self) -> WorkPoolFilter:
        return WorkPoolFilter(name=WorkPoolFilterName(any_=[self._worker.work_pool.name]))

    async def _reconcile_one(self, sandbox: modal.Sandbox) -> None:
        """Adopt or terminate one sandbox, or leave it to the worker that follows it."""
        if sandbox.object_id in self._worker.ended:
            return
        if sandbox.object_id not in self._flow_runs:
            self._flow_runs[sandbox.object_id] = (await sandbox.get_tags.aio()).get(FLOW_RUN_TAG)
        try:
            flow_run = await self._worker.client.read_flow_run(UUID(self._flow_runs[sandbox.object_id] or ""))
        except (ObjectNotFound, ValueError):
            self._logger.info("Sandbox %s belongs to no flow run and is terminated.", sandbox.object_id)
            await sandbox.terminate.aio()
            return
        if is_overdue(flow_run) and await sandbox.poll.aio() is None:
            self._worker.get_flow_run_logger(flow_run).info(
                "Sandbox %s outlived its run; terminated.", sandbox.object_id
            )
            await sandbox.terminate.aio()
        final = flow_run.state is not None and flow_run.state.is_final()
        # Modal lists a sandbox for a while after its end
        if await self._abandoned(flow_run) and not (final and await sandbox.poll.aio() is not None):
            self._adopt(flow_run, sandbox.object_id)

    async def _abandoned(self, flow_run: FlowRun) -> bool:
        """Tell whether the worker that started a flow run is gone; one of this worker's name was its predecessor."""
        if flow_run.id in self._worker.following:
            return False
        worker = flow_run.labels.get("prefect.worker.name")
        if worker == self._worker.name:
            return True
        workers = await self._worker.client.read_workers_for_work_pool(self._worker.work_pool.name)
        return not any(one.name == worker and one.status == WorkerStatus.ONLINE for one in workers)

    def _adopt(self, flow_run: FlowRun, sandbox: str) -> None:
        """Follow a sandbox from where a worker that is gone left off."""
        self._worker.following.add(flow_run.id)
        self._worker.start_soon(self._go_on, flow_run, sandbox)

    async def _go_on(self, flow_run: FlowRun, pid: str) -> None:
        logger = self._worker.get_flow_run_logger(flow_run)
        try:
            await self._worker.acquire(flow_run.id)
            if flow_run.infrastructure_pid != pid:
                await self._worker.client.update_flow_run(flow_run.id, infrastructure_pid=pid)
            try:
                sandbox = await modal.Sandbox.from_id.aio(pid)
            except NotFoundError:
                await self._worker.report_crash(flow_run, f"Modal knows no sandbox {pid} any more.")
                return
            logger.info("Worker '%s' goes on with Modal sandbox %s.", self._worker.name, pid)
            streamed, timeout = await self._options(flow_run)
            output = OutputFilter(await self._sent(flow_run)) if streamed else None
            end = await self._worker.follow(flow_run, sandbox, output, timeout)
            if end.code:
                await self._worker.report_crash(flow_run, end.sentence or f"Exit code {end.code}.")
        except Exception as error:
            logger.warning("Sandbox %s is not followed any more: %s", pid, explain(error, "follow it"))
        finally:
            self._worker.release(flow_run.id)

    async def _options(self, flow_run: FlowRun) -> tuple[bool, int | None]:
        """Return whether a flow run's output is logged, and its time limit in seconds, where both are still known."""
        try:
            configuration = await self._worker.job_configuration.resolve_for_flow_run(
                flow_run,
                client=self._worker.client,
                work_pool=self._worker.work_pool,
                worker_name=self._worker.name,
                worker_id=self._worker.backend_id,
            )
        except (ObjectNotFound, ModalWorkerError, ValueError):
            return True, None
        return configuration.stream_output, configuration.timeout

    async def _sent(self, flow_run: FlowRun) -> list[str]:
        sent: list[str] = []
        wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[flow_run.id]))
        while True:
            page = await self._worker.client.read_logs(
                wanted, limit=_PAGE, offset=len(sent), sort=LogSort.TIMESTAMP_ASC
            )
            sent += [log.message for log in page]
            if len(page) < _PAGE:
                return sent


def is_overdue(flow_run: FlowRun) -> bool:
    """Tell whether a flow run has ended, or was to be cancelled, so long ago that its sandbox should be gone.

    One that was cancelled before it began has no process that would notice: its sandbox should be gone at once.
    """
    state = flow_run.state
    if state is None or not (state.is_final() or state.type == StateType.CANCELLING):
        return False
    unbegun = state.type == StateType.CANCELLING and flow_run.start_time is None
    return unbegun or _age_s(flow_run) > _GRACE_S


def is_stuck(flow_run: FlowRun) -> bool:
    """Tell whether a flow run has waited for its sandbox for longer than it takes to say that there is one."""
    return flow_run.state is not None and flow_run.state.type == StateType.PENDING and _age_s(flow_run) > _GRACE_S


def _age_s(flow_run: FlowRun) -> float:
    return 0.0 if flow_run.state is None else float((now("UTC") - flow_run.state.timestamp).total_seconds())
