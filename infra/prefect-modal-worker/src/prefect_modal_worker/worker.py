"""The worker: work pools of type ``modal``, each flow run in a Modal sandbox.

Prefect finds it by the entry-point group ``prefect.collections``: ``prefect work-pool create NAME --type modal``, then
``prefect worker start --pool NAME`` on any machine with a Modal token. README.md of this package says the rest.

The tags of a sandbox name its flow run and its pool. So nothing is lost with a worker that was killed: the next one
goes on reading what the sandboxes print, and reports how they end; those that no flow run needs any more are
terminated. Modal's client is imported by a worker that starts, so that no other command of Prefect waits for it.
"""

from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any
from uuid import UUID

import anyio.abc
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import InfrastructureError, ObjectNotFound
from prefect.workers.base import BaseWorker, BaseWorkerResult

from prefect_modal_worker.addresses import check_api_url
from prefect_modal_worker.configuration import ModalConfiguration, ModalVariables
from prefect_modal_worker.errors import ModalWorkerError
from prefect_modal_worker.output import OutputFilter

if TYPE_CHECKING:
    import modal

    from prefect_modal_worker.reconcile import Reconciler
    from prefect_modal_worker.sandbox import End


class ModalWorkerResult(BaseWorkerResult):
    """How a flow run's sandbox ended."""


class ModalWorker(BaseWorker[ModalConfiguration, ModalVariables, ModalWorkerResult]):
    """Runs flow runs in Modal sandboxes."""

    type = "modal"
    job_configuration = ModalConfiguration
    job_configuration_variables = ModalVariables
    _display_name = "Modal"
    _description = "Run flow runs in Modal sandboxes: any image, any GPU, up to 24 hours, billed by the second."
    _documentation_url = "https://modal.com/docs/guide/sandboxes"
    _logo_url = "https://modal.com/assets/favicon.svg"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.following: set[UUID] = set()
        """Flow runs whose sandbox this worker starts or follows."""
        self.ended: deque[str] = deque(maxlen=1000)
        """The sandboxes that this worker last saw end: Modal may list them for a while."""
        self._reasons: dict[UUID, str] = {}
        """Why a flow run's sandbox did not end well."""
        self._reconciler: Reconciler | None = None
        self._reconciling = False

    async def start(self, *args: Any, **kwargs: Any) -> None:
        """Work until stopped; say at once if there is no token or it is wrong."""
        from prefect_modal_worker.client import check_token

        try:
            await check_token()
        except ModalWorkerError as error:
            raise SystemExit(f"No worker was started. {error}") from None
        await super().start(*args, **kwargs)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ModalConfiguration,
        task_status: anyio.abc.TaskStatus[str] | None = None,  # type: ignore[override]  # what Prefect takes in fact
    ) -> ModalWorkerResult:
        """Run a flow run in a sandbox and wait for its end.

        Raises:
            InfrastructureError: no sandbox was started; the sentence says why.
        """
        from prefect_modal_worker.sandbox import start

        self.following.add(flow_run.id)
        try:
            try:
                self.check(configuration)
                sandbox = await start(configuration)
            except ModalWorkerError as error:
                self._reasons[flow_run.id] = str(error)
                raise InfrastructureError(str(error)) from None
            self.get_flow_run_logger(flow_run).info("Modal sandbox %s runs the flow run.", sandbox.object_id)
            if task_status is not None:
                task_status.started(sandbox.object_id)
            output = OutputFilter() if configuration.stream_output else None
            end = await self.follow(flow_run, sandbox, output, configuration.timeout)
            return ModalWorkerResult(identifier=sandbox.object_id, status_code=end.code)
        finally:
            self.following.discard(flow_run.id)

    def check(self, configuration: ModalConfiguration) -> None:
        """Check a configuration before its sandbox is started; a subclass may check more.

        Raises:
            SetupError: the flow run could not work in a sandbox.
        """
        if configuration.check_api_url:
            check_api_url(configuration.env.get("PREFECT_API_URL"))

    async def kill_infrastructure(
        self,
        infrastructure_pid: str,
        configuration: ModalConfiguration,  # noqa: ARG002 - a sandbox is known by its id
        grace_seconds: int = 30,  # noqa: ARG002 - Modal has no grace
    ) -> None:
        """Terminate a sandbox; raises what :func:`prefect_modal_worker.sandbox.terminate` raises."""
        from prefect_modal_worker.sandbox import terminate

        await terminate(infrastructure_pid)

    async def sync_with_backend(self) -> None:
        """Exchange heartbeats with Prefect, and reconcile the pool's sandboxes meanwhile."""
        await super().sync_with_backend()
        if not self._reconciling and self._runs_task_group is not None and self._work_pool is not None:
            self._reconciling = True
            self.start_soon(self._reconcile)

    async def _propose_crashed_state(
        self, flow_run: FlowRun, message: str, client: PrefectClient | None = None
    ) -> None:
        """Report a sandbox's own sentence in place of what its exit code means in general."""
        await super()._propose_crashed_state(flow_run, self._reasons.pop(flow_run.id, message), client)

    async def follow(
        self, flow_run: FlowRun, sandbox: "modal.Sandbox", output: OutputFilter | None, timeout: int | None
    ) -> "End":
        """Log what a sandbox prints until it ends, and return how it ended."""
        from prefect_modal_worker.sandbox import End, follow

        end = await follow(sandbox, self.get_flow_run_logger(flow_run), output, timeout)
        self.ended.append(sandbox.object_id)
        try:
            now = (await self.client.read_flow_run(flow_run.id)).state
        except ObjectNotFound:
            now = None
        state = None if now is None else now.type
        if state == StateType.CANCELLING:
            await self._mark_flow_run_as_cancelled(flow_run, {"message": "The Modal sandbox was terminated."})
            return End(0, None)
        if end.code == 0 and state in (StateType.RUNNING, StateType.PENDING):
            end = End(
                1, "The sandbox ended and the flow run had not: Modal took its machine away; start the run again."
            )
        if end.sentence is not None:
            self._reasons[flow_run.id] = end.sentence
        return end

    async def _reconcile(self) -> None:
        from prefect_modal_worker.reconcile import Reconciler

        self._reconciler = self._reconciler or Reconciler(self, self._logger)
        try:
            await self._reconciler.reconcile()
        finally:
            self._reconciling = False

    def start_soon(self, task: Callable[..., Coroutine[Any, Any, None]], *arguments: Any) -> None:
        """Start a task beside everything else."""
        if self._runs_task_group is not None:
            self._runs_task_group.start_soon(task, *arguments)

    async def acquire(self, flow_run: UUID) -> None:
        """Count a flow run among those that this worker may run at a time."""
        if self._limiter is not None:
            await self._limiter.acquire_on_behalf_of(flow_run)

    def release(self, flow_run: UUID) -> None:
        """Count a flow run no more."""
        self._release_limit_slot(flow_run)
        self.following.discard(flow_run)

    async def report_crash(self, flow_run: FlowRun, sentence: str) -> None:
        """Tell Prefect that a flow run's sandbox did not end well."""
        await self._propose_crashed_state(flow_run, sentence)
