"""One sandbox: started as a configuration says, found again by its tags, and its end put into words."""

import shlex
from contextlib import suppress
from dataclasses import dataclass

import modal
from modal.exception import AlreadyExistsError, ResourceExhaustedError, SandboxTerminatedError, SandboxTimeoutError

from acento.core.errors import AcentoError
from infra.modal.access import explain
from infra.modal.configuration import FLOW_RUN_TAG, ModalConfiguration
from infra.modal.image import build

_KILLED, _TERMINATED, _TIMED_OUT = 137, 143, 124


@dataclass(frozen=True, slots=True)
class End:
    """How a sandbox ended: an exit code, and a sentence where it did not end well."""

    code: int
    sentence: str | None


async def start(configuration: ModalConfiguration) -> modal.Sandbox:
    """Start a flow run's sandbox, or return the one that runs it already.

    GPUs are asked for in turn, until there is one.

    Raises:
        InputError: the token, the image, a secret or an option is wrong.
        TransientError: Modal has no room or does not answer.
    """
    try:
        app = await modal.App.lookup.aio(
            configuration.app_name or "prefect",
            create_if_missing=True,
            environment_name=configuration.modal_environment,
        )
        if running := await _running(app, configuration):
            return running
        gpus: list[str | None] = [*configuration.gpus] or [None]
        for gpu in gpus[:-1]:
            with suppress(ResourceExhaustedError):
                return await _create(app, configuration, gpu)
        return await _create(app, configuration, gpus[-1])
    except AcentoError:
        raise
    except Exception as error:
        raise explain(error, "start a sandbox") from error


async def running_in(app: modal.App, tags: dict[str, str]) -> list[modal.Sandbox]:
    """Return the sandboxes of an app that run and have these tags."""
    return [sandbox async for sandbox in modal.Sandbox.list.aio(app_id=app.app_id, tags=tags)]


async def end_of(sandbox: modal.Sandbox, timeout: int | None = None) -> End:
    """Wait for the end of a sandbox and say what it means.

    Args:
        sandbox: which.
        timeout: seconds that it had, for the sentence.
    """
    limit = "its time limit" if timeout is None else f"its time limit of {timeout} s"
    try:
        await sandbox.wait.aio(raise_on_termination=True)
    except SandboxTimeoutError:
        return End(_TIMED_OUT, f"The sandbox reached {limit} and was ended: raise the job variable timeout.")
    except SandboxTerminatedError:
        return End(_TERMINATED, "The sandbox was terminated: by a cancel, by hand, or because Modal took it away.")
    code = sandbox.returncode or 0
    if code == 0:
        return End(0, None)
    if code == _KILLED:
        return End(
            code,
            "The sandbox was killed (exit code 137), most likely for lack of memory: raise the job variable memory, or "
            "memory_limit where it is set.",
        )
    if code == 127:
        return End(
            code,
            "The sandbox did not find its command (exit code 127): the image lacks prefect; add it to the job variable "
            "pip_packages.",
        )
    return End(code, f"The sandbox ended with exit code {code}; its last lines are in the flow run's logs.")


async def _create(app: modal.App, configuration: ModalConfiguration, gpu: str | None) -> modal.Sandbox:
    secrets = [
        modal.Secret.from_name(name, environment_name=configuration.modal_environment) for name in configuration.secrets
    ]
    if configuration.prefect_secret is not None:
        secrets.append(
            modal.Secret.from_name(configuration.prefect_secret, environment_name=configuration.modal_environment)
        )
    volumes = {
        path: modal.Volume.from_name(
            name, create_if_missing=True, version=2, environment_name=configuration.modal_environment
        )
        for path, name in configuration.volumes.items()
    }
    try:
        return await modal.Sandbox.create.aio(
            *shlex.split(configuration.command or ""),
            app=app,
            name=f"flow-run-{configuration.tags[FLOW_RUN_TAG]}",  # two of one name cannot run, whoever starts them
            tags=configuration.tags,
            image=build(configuration),
            env={name: value for name, value in configuration.env.items() if value is not None},
            secrets=secrets,
            timeout=configuration.timeout,
            idle_timeout=configuration.idle_timeout,
            workdir=configuration.workdir,
            gpu=gpu,
            cloud=configuration.cloud,
            region=configuration.region or None,
            cpu=configuration.cores,
            memory=configuration.mebibytes,
            volumes=volumes,
        )
    except AlreadyExistsError:
        if running := await _running(app, configuration):
            return running
        raise


async def _running(app: modal.App, configuration: ModalConfiguration) -> modal.Sandbox | None:
    """Return the sandbox that runs this flow run already, whichever worker started it."""
    for sandbox in await running_in(app, {FLOW_RUN_TAG: configuration.tags[FLOW_RUN_TAG]}):
        if await sandbox.poll.aio() is None:  # the list shows one for a while after its end
            return sandbox
    return None
