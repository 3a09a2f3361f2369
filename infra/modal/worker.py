"""A Prefect worker that runs each flow run in a Modal sandbox: work pools of type ``modal``.

Prefect knows it by the entry-point group ``prefect.collections``: ``prefect work-pool create NAME --type modal``, then
``prefect worker start --pool NAME`` on any machine with a Modal token. README.md beside this file says the rest.

What a sandbox is for is written on it as tags. So nothing is lost with a worker that was killed: the next one goes on
reading what the sandboxes print, and says how they end; those that no flow run wants any more are terminated.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any
from uuid import UUID

import anyio
import anyio.abc
import modal
from modal.exception import NotFoundError
from prefect.client.schemas.objects import StateType
from prefect.exceptions import InfrastructureError, InfrastructureNotFound, ObjectNotFound
from prefect.workers.base import BaseWorker, BaseWorkerResult

from acento.core.errors import AcentoError, may_pass
from infra.modal.access import check_api_url, check_store_url, check_token, explain
from infra.modal.configuration import ModalConfiguration, ModalVariables
from infra.modal.echo import Echo
from infra.modal.keeping import Keeper
from infra.modal.sandbox import End, end_of, start

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

_ASK_AGAIN_S = 15.0
"""Seconds between two attempts to reach Modal while a sandbox runs there."""


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
        """Take what every worker takes."""
        super().__init__(*args, **kwargs)
        self.following: set[UUID] = set()
        """Flow runs whose sandbox this worker starts or follows."""
        self.ended: deque[str] = deque(maxlen=1000)
        """Sandboxes that this worker saw end, the last ones: Modal's list may show them for a while."""
        self._sentences: dict[UUID, str] = {}
        """Why a flow run's sandbox did not end well."""
        self._keeper = Keeper(self, self._logger)
        self._keeping = False

    async def start(self, *args: Any, **kwargs: Any) -> None:
        """Work until it is stopped; say at once if there is no token or it is wrong."""
        try:
            await check_token()
        except AcentoError as error:
            raise SystemExit(f"No worker was started. {error}") from None
        await super().start(*args, **kwargs)

    async def run(
        self,
        flow_run: "FlowRun",
        configuration: ModalConfiguration,
        task_status: anyio.abc.TaskStatus[str] | None = None,  # type: ignore[override]  # what Prefect takes in fact
    ) -> ModalWorkerResult:
        """Run a flow run in a sandbox and wait for its end.

        Raises:
            InfrastructureError: no sandbox was started; the sentence says why.
        """
        self.following.add(flow_run.id)
        try:
            try:
                if configuration.check_api_url:
                    check_api_url(configuration.env.get("PREFECT_API_URL"))
                if store := configuration.env.get("ACENTO_STORE"):
                    check_store_url(store)
                sandbox = await start(configuration)
            except AcentoError as error:
                self._sentences[flow_run.id] = str(error)
                raise InfrastructureError(str(error)) from None
            self.get_flow_run_logger(flow_run).info("Modal sandbox %s runs the flow run.", sandbox.object_id)
            if task_status is not None:
                task_status.started(sandbox.object_id)
            end = await self.follow(flow_run, sandbox, Echo(), configuration.stream_output, configuration.timeout)
            return ModalWorkerResult(identifier=sandbox.object_id, status_code=end.code)
        finally:
            self.following.discard(flow_run.id)

    async def kill_infrastructure(
        self,
        infrastructure_pid: str,
        configuration: ModalConfiguration,  # noqa: ARG002 - a sandbox is known by its id
        grace_seconds: int = 30,  # noqa: ARG002 - Modal has no grace
    ) -> None:
        """Terminate a sandbox.

        Raises:
            InfrastructureNotFound: it is not there, or has ended.
        """
        try:
            sandbox = await modal.Sandbox.from_id.aio(infrastructure_pid)
        except NotFoundError as error:
            raise InfrastructureNotFound(f"There is no Modal sandbox {infrastructure_pid}.") from error
        if await sandbox.poll.aio() is not None:
            raise InfrastructureNotFound(f"The Modal sandbox {infrastructure_pid} has ended.")
        await sandbox.terminate.aio()

    async def sync_with_backend(self) -> None:
        """Exchange heartbeats with Prefect, and look after the pool's sandboxes meanwhile."""
        await super().sync_with_backend()
        if not self._keeping and self._runs_task_group is not None and self._work_pool is not None:
            self._keeping = True
            self.soon(self._keep_house)

    async def _propose_crashed_state(
        self, flow_run: "FlowRun", message: str, client: "PrefectClient | None" = None
    ) -> None:
        """Say a sandbox's own sentence in place of what its exit code means in general."""
        await super()._propose_crashed_state(flow_run, self._sentences.pop(flow_run.id, message), client)

    # what the keeper asks of its worker

    def soon(self, do: Callable[..., Coroutine[Any, Any, None]], *arguments: Any) -> None:
        """Do something beside everything else."""
        if self._runs_task_group is not None:
            self._runs_task_group.start_soon(do, *arguments)

    async def take_place(self, flow_run: UUID) -> None:
        """Let a flow run count among those that this worker may run at a time."""
        if self._limiter is not None:
            await self._limiter.acquire_on_behalf_of(flow_run)

    def leave(self, flow_run: UUID) -> None:
        """Have done with a flow run."""
        self._release_limit_slot(flow_run)
        self.following.discard(flow_run)

    async def crashed(self, flow_run: "FlowRun", sentence: str) -> None:
        """Tell Prefect that a flow run's sandbox did not end well."""
        await self._propose_crashed_state(flow_run, sentence)

    async def _keep_house(self) -> None:
        try:
            await self._keeper.keep()
        finally:
            self._keeping = False

    # one sandbox

    async def follow(
        self, flow_run: "FlowRun", sandbox: modal.Sandbox, echo: Echo, streamed: bool, timeout: int | None = None
    ) -> End:
        """Log what a sandbox prints until it ends, and say how it ended."""
        async with asyncio.TaskGroup() as streams:
            if streamed:
                for stream in (sandbox.stdout, sandbox.stderr):
                    streams.create_task(self._echo(flow_run, stream, echo))
            end = await self._end_of(flow_run, sandbox, timeout)
            self.ended.append(sandbox.object_id)
        state = await self._state(flow_run)
        if state == StateType.CANCELLING:
            await self._mark_flow_run_as_cancelled(flow_run, {"message": "The Modal sandbox was terminated."})
            return End(0, None)
        if end.code == 0 and state in (StateType.RUNNING, StateType.PENDING):
            end = End(
                1, "The sandbox ended and the flow run had not: Modal took its machine away; start the run again."
            )
        if end.sentence is not None:
            self._sentences[flow_run.id] = end.sentence
        return end

    async def _echo(self, flow_run: "FlowRun", stream: Any, echo: Echo) -> None:
        logger = self.get_flow_run_logger(flow_run)
        try:
            async for line in stream:
                text = echo.take(line)
                if text is not None:
                    logger.info(text)
        except Exception as error:
            logger.warning("The sandbox's output is not shown any more: %s", explain(error, "read it"))

    async def _end_of(self, flow_run: "FlowRun", sandbox: modal.Sandbox, timeout: int | None) -> End:
        """Wait for a sandbox's end, however often Modal does not answer meanwhile."""
        while True:
            try:
                return await end_of(sandbox, timeout)
            except Exception as error:
                meaning = explain(error, "say how the sandbox is")
                if not may_pass(meaning):
                    return End(1, str(meaning))
                self.get_flow_run_logger(flow_run).warning("%s", meaning)
                await anyio.sleep(_ASK_AGAIN_S)

    async def _state(self, flow_run: "FlowRun") -> StateType | None:
        try:
            state = (await self.client.read_flow_run(flow_run.id)).state
        except ObjectNotFound:
            return None
        return None if state is None else state.type
