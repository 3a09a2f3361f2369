"""One sandbox on Modal: start it as a configuration says, find it by its tags, follow it to its end, terminate it."""

import asyncio
import logging
import shlex
from collections.abc import AsyncIterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

import modal
from modal.exception import (
    AlreadyExistsError,
    NotFoundError,
    ResourceExhaustedError,
    SandboxTerminatedError,
    SandboxTimeoutError,
)
from prefect.exceptions import InfrastructureNotFound

from prefect_modal_worker.client import explain
from prefect_modal_worker.configuration import FLOW_RUN_TAG, ModalConfiguration
from prefect_modal_worker.errors import ModalWorkerError, UnavailableError
from prefect_modal_worker.image import build, secrets, volumes
from prefect_modal_worker.output import OutputFilter

Logger: TypeAlias = "logging.Logger | logging.LoggerAdapter[logging.Logger]"

_TERMINATED, _TIMED_OUT = 143, 124
_MEANINGS = {
    137: "The sandbox was killed (exit code 137), most likely for lack of memory: raise the job variable memory, or "
    "memory_limit where it is set.",
    127: "The sandbox did not find its command (exit code 127): the image lacks prefect; add it to the job variable "
    "pip_packages.",
}
"""What an exit code means."""
_RETRY_S = 15.0
"""Seconds between two attempts to reach Modal while a sandbox runs there."""


@dataclass(frozen=True, slots=True)
class End:
    """How a sandbox ended: an exit code, and a sentence where it did not end well."""

    code: int
    sentence: str | None


async def start(configuration: ModalConfiguration) -> modal.Sandbox:
    """Start a flow run's sandbox, or return the one that runs it already.

    GPUs are asked for in turn, until one is available.

    Raises:
        SetupError: the token, the image, a secret or an option is wrong.
        UnavailableError: Modal has no capacity or does not answer.
    """
    try:
        app = await modal.App.lookup.aio(
            configuration.app_name or "prefect",
            create_if_missing=True,
            environment_name=configuration.modal_environment,
        )
        if sandbox := await _running(app, configuration):
            return sandbox
        gpus: list[str | None] = [*configuration.gpus] or [None]
        for gpu in gpus[:-1]:
            with suppress(ResourceExhaustedError):
                return await _create(app, configuration, gpu)
        return await _create(app, configuration, gpus[-1])
    except ModalWorkerError:
        raise
    except Exception as error:
        raise explain(error, "start a sandbox") from error


async def running_in(app: modal.App, tags: dict[str, str]) -> list[modal.Sandbox]:
    """Return the sandboxes of an app that run and have these tags; one that has just ended may be among them."""
    return [sandbox async for sandbox in modal.Sandbox.list.aio(app_id=app.app_id, tags=tags)]


async def terminate(sandbox_id: str) -> None:
    """Terminate a sandbox.

    Raises:
        InfrastructureNotFound: there is none of that id, or it has ended.
    """
    try:
        sandbox = await modal.Sandbox.from_id.aio(sandbox_id)
    except NotFoundError as error:
        raise InfrastructureNotFound(f"There is no Modal sandbox {sandbox_id}.") from error
    if await sandbox.poll.aio() is not None:
        raise InfrastructureNotFound(f"The Modal sandbox {sandbox_id} has ended.")
    await sandbox.terminate.aio()


async def follow(sandbox: modal.Sandbox, logger: Logger, output: OutputFilter | None, timeout: int | None) -> End:
    """Wait for the end of a sandbox, however often Modal does not answer meanwhile.

    Args:
        sandbox: the sandbox.
        logger: takes what it prints.
        output: chooses what is logged of that; None: nothing.
        timeout: seconds that the sandbox has, for the sentence.
    """
    async with asyncio.TaskGroup() as streams:
        if output is not None:
            for stream in (sandbox.stdout, sandbox.stderr):
                streams.create_task(_log(stream, logger, output))
        while True:
            try:
                return await _end_of(sandbox, timeout)
            except Exception as error:
                meaning = explain(error, "say how the sandbox is")
                if not isinstance(meaning, UnavailableError):
                    return End(1, str(meaning))
                logger.warning("%s", meaning)
                await asyncio.sleep(_RETRY_S)


async def _log(stream: AsyncIterable[str], logger: Logger, output: OutputFilter) -> None:
    try:
        async for line in stream:
            if (text := output.take(line)) is not None:
                logger.info(text)
    except Exception as error:
        logger.warning("The sandbox's output is not shown any more: %s", explain(error, "read it"))


async def _end_of(sandbox: modal.Sandbox, timeout: int | None) -> End:
    limit = "its time limit" if timeout is None else f"its time limit of {timeout} s"
    try:
        await sandbox.wait.aio(raise_on_termination=True)
    except SandboxTimeoutError:
        return End(_TIMED_OUT, f"The sandbox reached {limit} and was ended: raise the job variable timeout.")
    except SandboxTerminatedError:
        return End(_TERMINATED, "The sandbox was terminated: by a cancel, by hand, or because Modal took it away.")
    code = sandbox.returncode or 0
    other = f"The sandbox ended with exit code {code}; its last lines are in the flow run's logs."
    return End(code, None if code == 0 else _MEANINGS.get(code, other))


async def _create(app: modal.App, configuration: ModalConfiguration, gpu: str | None) -> modal.Sandbox:
    named = secrets(configuration)
    if configuration.prefect_secret is not None:
        named.append(
            modal.Secret.from_name(configuration.prefect_secret, environment_name=configuration.modal_environment)
        )
    try:
        return await modal.Sandbox.create.aio(
            *shlex.split(configuration.command or ""),
            app=app,
            name=f"flow-run-{configuration.tags[FLOW_RUN_TAG]}",  # Modal does not run two of one name
            tags=configuration.tags,
            image=build(configuration),
            env={name: value for name, value in configuration.env.items() if value is not None},
            secrets=named,
            timeout=configuration.timeout,
            idle_timeout=configuration.idle_timeout,
            workdir=configuration.workdir,
            gpu=gpu,
            cloud=configuration.cloud,
            region=configuration.region or None,
            cpu=configuration.cores,
            memory=configuration.mebibytes,
            volumes=volumes(configuration),
        )
    except AlreadyExistsError:
        if sandbox := await _running(app, configuration):
            return sandbox
        raise


async def _running(app: modal.App, configuration: ModalConfiguration) -> modal.Sandbox | None:
    """Return the sandbox that runs this flow run already, whichever worker started it."""
    for sandbox in await running_in(app, {FLOW_RUN_TAG: configuration.tags[FLOW_RUN_TAG]}):
        if await sandbox.poll.aio() is None:
            return sandbox
    return None
