"""Containers of the stand-in's functions: processes that run Modal's own container runtime.

A container reaches the service by a socket of its own, and so is known by it. When one's process is killed, its inputs
go to another one, as on Modal when a machine is taken away.
"""

import asyncio
import random
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from grpclib.server import Server
from modal_proto import api_pb2

from modal_service.objects import new_id
from modal_service.refusing import Caller, endpoints, rpc
from modal_service.sandboxes import Results, Sandboxes, kill, place
from modal_service.volumes import Mount

_RESULT = "status exception traceback serialized_tb tb_line_cache data".split()  # noqa: SIM905


@dataclass
class Input:
    """One input of a call: where it is, and how often it was begun."""

    id: str
    index: int
    call: str
    input: Any
    begun: int = 0
    retries: int = 0


@dataclass
class Container:
    """A container of a function."""

    task: str
    function: str
    server: Server
    folder: Path
    mounts: list[Mount]
    process: asyncio.subprocess.Process | None = None
    holds: list[Input] = field(default_factory=list)
    given: int = 0
    """How many inputs it was ever given."""
    printed: bytearray = field(default_factory=bytearray)


@dataclass
class Function:
    """A function: how it was defined, and what waits for it."""

    id: str
    app: str
    name: str
    metadata: Any
    definition: Any = None
    gpus: list[str] = field(default_factory=list)
    waiting: deque[Input] = field(default_factory=deque)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)


class Containers(Sandboxes):
    """The part of the stand-in that runs containers."""

    def __init__(self) -> None:
        """Start with none."""
        super().__init__()
        self.functions: dict[str, Function] = {}
        self.containers: dict[str, Container] = {}
        self.started: list[Container] = []
        """Every container that was ever started."""
        self.classes: dict[str, str] = {}
        self.stopped: set[str] = set()
        """Apps that have ended."""
        self.preempt_next = False
        """Whether the next container that takes a second input is taken away with it."""
        self._random = random.Random(7)
        self._alive: set[asyncio.Task[None]] = set()

    async def answer(self, done: Input, result: Any, data_format: int, task: str) -> None:
        """Give an input's output to whoever called; the whole stand-in knows."""
        raise NotImplementedError

    async def enqueue(self, function: Function, inputs: list[Input]) -> None:
        """Let inputs wait for a container, and start containers for them."""
        async with function.changed:
            function.waiting.extend(inputs)
            function.changed.notify_all()
        most = function.definition.autoscaler_settings.max_containers or 1
        running = [one for one in self.containers.values() if one.function == function.id]
        for _ in range(min(len(function.waiting), most - len(running))):
            await self._start_container(function)

    # what a container calls

    @rpc()
    async def ContainerHello(self, _: Any, __: Caller) -> Any:  # noqa: N802
        """Greet a container."""
        return Empty()

    @rpc("canceled_inputs_return_outputs_v2")
    async def ContainerHeartbeat(self, _: Any, __: Caller) -> Any:  # noqa: N802
        """Hear that a container lives."""
        return api_pb2.ContainerHeartbeatResponse()

    @rpc("function_id", "input_concurrency", "batch_max_size", "batch_linger_ms")
    async def FunctionGetInputs(self, request: Any, caller: Caller) -> Any:  # noqa: N802
        """Hand an input to a container when there is one."""
        container, function = self._container(caller), self.functions[request.function_id]
        async with function.changed:
            await function.changed.wait_for(lambda: function.waiting)
            at = self._random.randrange(len(function.waiting))
            given = function.waiting[at]
            del function.waiting[at]
        given.begun += 1
        container.holds.append(given)
        container.given += 1
        if self.preempt_next and container.given == 2:
            self.preempt_next = False
            kill(container.folder)
        item = api_pb2.FunctionGetInputsItem(
            input_id=given.id,
            input=given.input,
            function_call_id=given.call,
            function_map_idx=given.index,
            retry_count=given.retries,
            function_call_invocation_type=api_pb2.FUNCTION_CALL_INVOCATION_TYPE_SYNC,
        )
        return api_pb2.FunctionGetInputsResponse(inputs=[item])

    @rpc("outputs.input_id", "outputs.input_started_at", "outputs.output_created_at", "outputs.data_format",
         "outputs.retry_count", "outputs.function_call_id", "outputs.function_map_idx",
         *(f"outputs.result.{name}" for name in _RESULT))  # fmt: skip
    async def FunctionPutOutputs(self, request: Any, caller: Caller) -> Any:  # noqa: N802
        """Take a container's outputs."""
        container = self._container(caller)
        for output in request.outputs:
            done = next((one for one in container.holds if one.id == output.input_id), None)
            if done is not None:
                container.holds.remove(done)
                await self.answer(done, output.result, output.data_format, container.task)
        return Empty()

    @rpc(*(f"result.{name}" for name in _RESULT))
    async def TaskResult(self, request: Any, caller: Caller) -> Any:  # noqa: N802
        """Hear that a container could not begin: its inputs fail with it."""
        container = self._container(caller)
        function = self.functions[container.function]
        async with function.changed:
            failing = [*container.holds, *function.waiting]
            container.holds.clear()
            function.waiting.clear()
        for one in failing:
            await self.answer(one, request.result, api_pb2.DATA_FORMAT_PICKLE, container.task)
        return Empty()

    # within

    def mounts_of(self, task: str) -> tuple[list[Mount], set[int]]:
        """Return what a container mounts, and its processes."""
        container = self.containers[task]
        return container.mounts, {container.process.pid} if container.process else set()

    def _container(self, caller: Caller) -> Container:
        if caller.task is None:
            raise GRPCError(Status.PERMISSION_DENIED, "only a container may call this")
        return self.containers[caller.task]

    async def _start_container(self, function: Function) -> None:
        definition, task = function.definition, new_id("ta")
        folder = self.root / "containers" / task
        folder.mkdir(parents=True)
        server = Server(endpoints(self, task))
        await server.start(path=str(folder / "s"))
        mounts = [
            self.mount(one.volume_id, one.mount_path, folder / f"volume-{number}")
            for number, one in enumerate(definition.volume_mounts)
        ]
        container = Container(task, function.id, server, folder, mounts)
        self.containers[task] = container
        self.started.append(container)
        env: dict[str, str] = {}
        for secret in definition.secret_ids:
            env |= self.secret_of(secret)
        command, env = place(mounts, ["python", "-m", "modal._container_entrypoint"], env)
        arguments = folder / "arguments"
        arguments.write_bytes(self._arguments(function, task).SerializeToString())
        env |= {
            "MODAL_SERVER_URL": f"unix://{folder / 's'}",
            "MODAL_IS_REMOTE": "1",
            "MODAL_TASK_ID": task,
            "MODAL_CONTAINER_ARGUMENTS_PATH": str(arguments),
        }
        container.process = await self.launch(command, env, folder)
        job = asyncio.create_task(self._watch_container(function, container))
        self._alive.add(job)
        job.add_done_callback(self._alive.discard)

    def _arguments(self, function: Function, task: str) -> Any:
        class_name = function.name.removesuffix(".*")
        layout = api_pb2.AppLayout(
            objects=[
                api_pb2.Object(object_id=function.id, function_handle_metadata=function.metadata),
                api_pb2.Object(object_id=self.classes[class_name], class_handle_metadata=api_pb2.ClassHandleMetadata()),
            ],
            function_ids={function.name: function.id},
            class_ids={class_name: self.classes[class_name]},
        )
        return api_pb2.ContainerArguments(
            task_id=task,
            function_id=function.id,
            app_id=function.app,
            function_def=function.definition,
            app_layout=layout,
        )

    async def _watch_container(self, function: Function, container: Container) -> None:
        process = container.process
        assert process is not None

        async def read(stream: asyncio.StreamReader | None) -> None:
            while stream is not None and (data := await stream.read(65536)):
                container.printed += data

        await asyncio.gather(read(process.stdout), read(process.stderr), process.wait())
        for mount in container.mounts:
            self.commit(mount)
        del self.containers[container.task]
        container.server.close()
        if function.app not in self.stopped and (container.holds or function.waiting):
            held, container.holds = container.holds, []
            lost = [one for one in held if one.begun > 3]
            for one in lost:
                result = Results(
                    status=Results.GENERIC_STATUS_INTERNAL_FAILURE, exception="its containers ended one after another"
                )
                await self.answer(one, result, api_pb2.DATA_FORMAT_PICKLE, container.task)
            await self.enqueue(function, [one for one in held if one not in lost])

    async def end_all(self) -> None:
        """End every process."""
        self.stopped.update(self.apps)
        for container in list(self.containers.values()):
            if container.process is not None:
                kill(container.folder)
        await asyncio.gather(*self._alive, return_exceptions=True)
        await super().end_all()
