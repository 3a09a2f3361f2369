"""Sandboxes of the stand-in: a sandbox's command is a real process of this machine.

There are two kinds, as on Modal: those with a GPU (version 1, logs from the service) and those without (version 2,
logs from the machine they run on). A process is started with an empty environment but for what the sandbox was given.
A volume's mount path becomes a folder of the stand-in: the path is rewritten wherever it stands in the variables and
the command, since a test may not mount anything.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grpclib import GRPCError, Status
from modal_proto import api_pb2
from modal_proto import task_command_router_pb2 as router

from modal_service.objects import Objects, new_id
from modal_service.refusing import Caller, rpc
from modal_service.volumes import Mount, Volumes

Results = api_pb2.GenericResult
_DEFINITION = """
    entrypoint_args image_id secret_ids timeout_secs idle_timeout_secs workdir cloud_provider_str name open_ports
    resources resources.milli_cpu resources.milli_cpu_max resources.memory_mb resources.memory_mb_max
    resources.gpu_config resources.gpu_config.type resources.gpu_config.count resources.gpu_config.gpu_type
    scheduler_placement.regions network_access.network_access_type
    volume_mounts.volume_id volume_mounts.mount_path volume_mounts.allow_background_commits
"""
_CREATE = ("app_id", "tags.tag_name", "tags.tag_value", *(f"definition.{name}" for name in _DEFINITION.split()))


@dataclass
class Sandbox:
    """A sandbox: what was asked for, and its process."""

    id: str
    task: str
    app: str
    definition: Any
    tags: dict[str, str]
    env: dict[str, str]
    created: float
    folder: Path
    mounts: list[Mount] = field(default_factory=list)
    process: asyncio.subprocess.Process | None = None
    output: dict[int, bytearray] = field(default_factory=lambda: {1: bytearray(), 2: bytearray()})
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    result: Any = None
    ended: float = 0.0
    ending: Any = None
    """The status it will have, where it is ended by somebody."""


class Sandboxes(Objects, Volumes):
    """The part of the stand-in that runs sandboxes."""

    root: Path
    address: str
    """The URL of the service itself."""
    path: str
    """The search path of what runs in containers."""

    def __init__(self) -> None:
        """Start with none."""
        Objects.__init__(self)
        Volumes.__init__(self)
        self.sandboxes: dict[str, Sandbox] = {}
        self.unavailable: set[str] = set()
        """GPU types of which there is none now."""
        self.lingers_s = 20.0
        """How long a sandbox is listed after its end."""
        self._running: set[asyncio.Task[None]] = set()

    @rpc(*_CREATE)
    async def SandboxCreate(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Start a sandbox with a GPU."""
        gpu = request.definition.resources.gpu_config.gpu_type
        if not gpu:
            raise GRPCError(Status.INVALID_ARGUMENT, "without a GPU a sandbox is of version 2")
        if gpu in self.unavailable:
            raise GRPCError(Status.RESOURCE_EXHAUSTED, f"no {gpu} is available")
        sandbox = await self._start(request, {}, "sb-" + new_id("")[1:], new_id("ta"))
        return api_pb2.SandboxCreateResponse(sandbox_id=sandbox.id)

    @rpc(*_CREATE, "secret_sources.secret_id", "secret_sources.env.contents")
    async def SandboxCreateV2(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Start a sandbox without a GPU."""
        env: dict[str, str] = {}
        for source in request.secret_sources:
            env |= self.secret_of(source.secret_id) if source.secret_id else dict(source.env.contents)
        sandbox = await self._start(request, env, f"sb-{new_id('')[1:]}vV", f"{new_id('ta')}V")
        access = api_pb2.CommandRouterAccess(jwt="e30.e30.e30", url=self.address)
        return api_pb2.SandboxCreateV2Response(
            sandbox_id=sandbox.id, task_id=sandbox.task, command_router_access=access
        )

    @rpc("sandbox_id")
    async def SandboxGetTaskId(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Name the container of a sandbox."""
        return api_pb2.SandboxGetTaskIdResponse(task_id=self._sandbox(request).task)

    @rpc("sandbox_id")
    async def SandboxGetTaskIdV2(self, request: Any, caller: Caller) -> Any:  # noqa: N802
        """Name the container of a sandbox."""
        return await self.SandboxGetTaskId(request, caller)

    @rpc("sandbox_id")
    async def SandboxGetCommandRouterAccess(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Say where the machine of a sandbox is."""
        self._sandbox(request)
        return api_pb2.SandboxGetCommandRouterAccessResponse(jwt="e30.e30.e30", url=self.address)

    @rpc("sandbox_id", "timeout")
    async def SandboxWait(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Wait so long for the end of a sandbox, and say how it ended."""
        sandbox = self._sandbox(request)
        async with sandbox.changed:
            if request.timeout and sandbox.result is None:
                with suppress(TimeoutError):
                    await asyncio.wait_for(
                        sandbox.changed.wait_for(lambda: sandbox.result is not None), request.timeout
                    )
        metadata = api_pb2.SandboxHandleMetadata(app_id=sandbox.app)
        return api_pb2.SandboxWaitResponse(result=sandbox.result, metadata=metadata)

    @rpc("sandbox_id", "timeout")
    async def SandboxWaitV2(self, request: Any, caller: Caller) -> Any:  # noqa: N802
        """Wait so long for the end of a sandbox, and say how it ended."""
        return await self.SandboxWait(request, caller)

    @rpc("sandbox_id")
    async def SandboxTerminate(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """End a sandbox."""
        sandbox = self._sandbox(request)
        self._end(sandbox, Results(status=Results.GENERIC_STATUS_TERMINATED))
        return api_pb2.SandboxTerminateResponse()

    @rpc("sandbox_id")
    async def SandboxTerminateV2(self, request: Any, caller: Caller) -> Any:  # noqa: N802
        """End a sandbox."""
        await self.SandboxTerminate(request, caller)
        return api_pb2.SandboxTerminateResponse()

    @rpc("app_id", "environment_name", "before_timestamp", "tags.tag_name", "tags.tag_value")
    async def SandboxListV2(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """List sandboxes that run, and for a while those that did, the newest first, with all these tags."""
        wanted = {tag.tag_name: tag.tag_value for tag in request.tags}
        found = [
            api_pb2.SandboxInfo(id=one.id, created_at=one.created, app_id=one.app)
            for one in sorted(self.sandboxes.values(), key=lambda one: -one.created)
            if (one.result is None or time.time() - one.ended < self.lingers_s)
            and one.app == request.app_id
            and wanted.items() <= one.tags.items()
            and not (request.before_timestamp and one.created >= request.before_timestamp)
        ]
        return api_pb2.SandboxListResponse(sandboxes=found[:2])  # small pages, so that a second one is asked for

    @rpc("sandbox_id")
    async def SandboxTagsGet(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Return a sandbox's tags."""
        tags = [api_pb2.SandboxTag(tag_name=k, tag_value=v) for k, v in self._sandbox(request).tags.items()]
        return api_pb2.SandboxTagsGetResponse(tags=tags)

    @rpc("sandbox_id")
    async def SandboxTagsGetV2(self, request: Any, caller: Caller) -> Any:  # noqa: N802
        """Return a sandbox's tags."""
        return await self.SandboxTagsGet(request, caller)

    @rpc("sandbox_id", "file_descriptor", "timeout", "last_entry_id", streams=True)
    async def SandboxGetLogs(self, request: Any, _: Caller) -> AsyncIterator[Any]:  # noqa: N802
        """Stream what a sandbox with a GPU prints, after the entry that was read last."""
        sandbox = self._sandbox(request)
        async for start, data in self._printed(sandbox, request.file_descriptor, int(request.last_entry_id or 0)):
            item = api_pb2.TaskLogs(data=data.decode("utf-8", "replace"), file_descriptor=request.file_descriptor)
            yield api_pb2.TaskLogsBatch(items=[item], entry_id=str(start + len(data)))
        yield api_pb2.TaskLogsBatch(eof=True)

    @rpc("task_id", "offset", "file_descriptor", streams=True)
    async def SandboxStdioReadV2(self, request: Any, _: Caller) -> AsyncIterator[Any]:  # noqa: N802
        """Stream what a sandbox without a GPU prints, from a byte on."""
        sandbox = next((one for one in self.sandboxes.values() if one.task == request.task_id), None)
        if sandbox is None:
            raise GRPCError(Status.NOT_FOUND, f"no task {request.task_id}")
        async for start, data in self._printed(sandbox, request.file_descriptor + 1, request.offset):
            yield router.SandboxStdioReadV2Response(data=data, starting_offset=start)

    # what a test does to a sandbox

    async def take_away(self, sandbox_id: str, *, out_of_memory: bool = False) -> None:
        """End a sandbox as Modal itself may: its machine is taken away, or it has no memory left."""
        if out_of_memory:
            result = Results(status=Results.GENERIC_STATUS_KERNEL_OOM_KILL, exitcode=137)
        else:
            result = Results(status=Results.GENERIC_STATUS_INTERNAL_FAILURE, exception="the worker was preempted")
        self._end(self.sandboxes[sandbox_id], result)

    def mounts_of(self, task: str) -> tuple[list[Mount], set[int]]:
        """Return what a container mounts, and its processes."""
        raise GRPCError(Status.PERMISSION_DENIED, f"{task} is no function's container")

    # within

    def _sandbox(self, request: Any) -> Sandbox:
        if request.sandbox_id not in self.sandboxes:
            raise GRPCError(Status.NOT_FOUND, f"Sandbox {request.sandbox_id} not found")
        return self.sandboxes[request.sandbox_id]

    async def _start(self, request: Any, env: dict[str, str], sandbox_id: str, task: str) -> Sandbox:
        definition = request.definition
        if not 1 <= definition.timeout_secs <= 86400:
            raise GRPCError(Status.INVALID_ARGUMENT, "a sandbox lives between a second and 24 hours")
        same = [one for one in self.sandboxes.values() if one.definition.name == definition.name]
        if definition.name and any(one.result is None for one in same):
            raise GRPCError(Status.ALREADY_EXISTS, f"a sandbox {definition.name!r} is running")
        for secret in definition.secret_ids:
            env = env | self.secret_of(secret)
        tags = {tag.tag_name: tag.tag_value for tag in request.tags}
        sandbox = Sandbox(
            sandbox_id, task, request.app_id, definition, tags, env, time.time(), self.root / "containers" / task
        )
        self.sandboxes[sandbox_id] = sandbox
        for number, wanted in enumerate(definition.volume_mounts):
            folder = sandbox.folder / f"volume-{number}"
            sandbox.mounts.append(self.mount(wanted.volume_id, wanted.mount_path, folder))
        command, env = place(sandbox.mounts, list(definition.entrypoint_args), sandbox.env)
        sandbox.process = await self.launch(command, env, sandbox.folder)
        job = asyncio.create_task(self._watch(sandbox))
        self._running.add(job)
        job.add_done_callback(self._running.discard)
        return sandbox

    async def launch(self, command: list[str], env: dict[str, str], folder: Path) -> asyncio.subprocess.Process:
        """Start a container's process: a group of its own, with the given variables alone, output in pipes."""
        home = folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        base = {"PATH": self.path, "HOME": str(home), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
        try:
            return await asyncio.create_subprocess_exec(
                *command,
                env=base | env,
                cwd=home,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise GRPCError(Status.INVALID_ARGUMENT, f"exec failed: {error}") from error

    async def _watch(self, sandbox: Sandbox) -> None:
        process = sandbox.process
        assert process is not None

        async def read(number: int, stream: asyncio.StreamReader) -> None:
            while data := await stream.read(65536):
                async with sandbox.changed:
                    sandbox.output[number] += data
                    sandbox.changed.notify_all()

        assert process.stdout is not None
        assert process.stderr is not None
        printing = asyncio.gather(read(1, process.stdout), read(2, process.stderr))
        try:
            code = await asyncio.wait_for(process.wait(), sandbox.definition.timeout_secs)
        except TimeoutError:
            self._end(sandbox, Results(status=Results.GENERIC_STATUS_TIMEOUT))
            code = await process.wait()
        kill(sandbox.folder)  # what it left behind
        await printing
        for mount in sandbox.mounts:
            self.commit(mount)
        code = code if code >= 0 else 128 - code
        status = Results.GENERIC_STATUS_FAILURE if code else Results.GENERIC_STATUS_SUCCESS
        async with sandbox.changed:
            sandbox.ended = time.time()
            sandbox.result = sandbox.ending or Results(status=status, exitcode=code)
            sandbox.changed.notify_all()

    def _end(self, sandbox: Sandbox, result: Any) -> None:
        if sandbox.result is None and sandbox.ending is None and sandbox.process is not None:
            sandbox.ending = result
            kill(sandbox.folder)

    async def _printed(self, sandbox: Sandbox, number: int, start: int) -> AsyncIterator[tuple[int, bytes]]:
        printed = sandbox.output[number]
        while True:
            async with sandbox.changed:
                while len(printed) <= start and sandbox.result is None:
                    await sandbox.changed.wait()
                data = bytes(printed[start:])
            if not data:
                return
            yield start, data
            start += len(data)

    async def end_all(self) -> None:
        """End every process."""
        for sandbox in self.sandboxes.values():
            self._end(sandbox, Results(status=Results.GENERIC_STATUS_TERMINATED))
        await asyncio.gather(*self._running, return_exceptions=True)


def place(mounts: list[Mount], command: list[str], env: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return command and variables with each mount path become the folder where the volume is."""

    def moved(text: str) -> str:
        for mount in mounts:
            text = text.replace(mount.path, str(mount.folder))
        return text

    return [moved(one) for one in command], {name: moved(value) for name, value in env.items()}


def kill(folder: Path) -> None:
    """Kill all processes of the container in a folder, also those that made a session of their own.

    They are known by the home that they were given: a container that ends takes everything in it along.
    """
    home = f"HOME={folder / 'home'}".encode()
    for _ in range(2):  # one may have been forked meanwhile
        for process in Path("/proc").iterdir():
            with suppress(OSError):
                if process.name.isdigit() and home in (process / "environ").read_bytes().split(b"\0"):
                    os.kill(int(process.name), signal.SIGKILL)
