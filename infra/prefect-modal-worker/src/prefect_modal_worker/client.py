"""Modal's client: check the token, and put its errors into sentences."""

import asyncio
import re

import aiohttp
import modal
from grpclib.exceptions import StreamTerminatedError
from modal.exception import (
    AuthError,
    ClientClosed,
    ExecutionError,
    ImageBuildError,
    InternalError,
    InternalFailure,
    InvalidError,
    NotFoundError,
    PermissionDeniedError,
    ResourceExhaustedError,
    ServiceError,
)

from prefect_modal_worker.errors import ModalWorkerError, SetupError, UnavailableError

_ANSWER_S = 20.0
"""Seconds that Modal may take to greet a client."""
_TRANSIENT = (
    ServiceError,
    InternalError,
    InternalFailure,
    modal.exception.ConnectionError,
    modal.exception.TimeoutError,
    ClientClosed,
    StreamTerminatedError,
    aiohttp.ClientConnectionError,
    aiohttp.ClientPayloadError,
    OSError,
)
"""What may pass by itself: failures of the network, and those that Modal reports of its own service."""
_QUOTA = re.compile(r"quota|spend|budget|billing|payment|credit|(?<!rate )limit", re.I)
"""The words of a limit that does not go away by waiting."""
_PASSES = re.compile(r"Request failed with status (404|408|429|5\d\d)\b")
"""How Modal's client says that a block of a volume's file could not be had: the file was removed meanwhile, or the
server has too much to do."""
_RAISED = re.compile(r"Traceback \(most recent call last\).*\n(?:[ \t].*\n|\n)*(\S.*)")
"""A traceback, and the line in it that names the exception."""


def explain(error: BaseException, action: str) -> ModalWorkerError:
    """Return what a failure of Modal means as an error of one sentence.

    Args:
        error: what Modal's client raised.
        action: what was asked of it, such as ``start a sandbox``.
    """
    if isinstance(error, ModalWorkerError):
        return error
    line = last_line(error)
    if isinstance(error, AuthError | PermissionDeniedError):
        return SetupError(
            f"Modal did not let us {action} ({line}); run `modal token new`, or set MODAL_TOKEN_ID and "
            "MODAL_TOKEN_SECRET to a token of your workspace."
        )
    if isinstance(error, ImageBuildError):
        return SetupError(
            f"Modal could not build the image ({line}); correct the image, the packages or the commands it is made of."
        )
    if isinstance(error, NotFoundError):
        return SetupError(f"Modal could not {action}, because something it names is not there: {line}.")
    if isinstance(error, ResourceExhaustedError) and _QUOTA.search(line):
        return SetupError(
            f"Modal did not let us {action} ({line}): a limit of your workspace is reached; raise it there."
        )
    if isinstance(error, ResourceExhaustedError):
        return UnavailableError(f"Modal has no room to {action} now ({line}); name other GPUs too, or try again later.")
    if isinstance(error, InvalidError | ValueError | FileNotFoundError):
        return SetupError(f"Modal could not {action}, because the request is not valid: {line}.")
    if isinstance(error, _TRANSIENT) or (isinstance(error, ExecutionError) and _PASSES.search(line)):
        return UnavailableError(f"Modal could not {action} ({line}); try again later.")
    if isinstance(error, modal.exception.Error):  # such as a client that is too old: a retry would fail too
        return SetupError(f"Modal refused to {action} ({type(error).__name__}: {line}).")
    return ModalWorkerError(f"Modal could not {action} ({type(error).__name__}: {line}).")


def last_line(error: BaseException) -> str:
    """Return the line of an error that says what happened: in a traceback the exception's own, else the last one.

    >>> last_line(ValueError("Building failed.\\nNo such package: acento."))
    'No such package: acento'
    """
    text = str(error).strip()
    lines = _RAISED.findall(text) or text.splitlines() or [type(error).__name__]
    return str(lines[-1]).rstrip(".")


async def check_token() -> None:
    """Check that Modal accepts this machine's token.

    Raises:
        SetupError: there is no token, or it is wrong.
        UnavailableError: Modal does not answer.
    """
    try:
        async with asyncio.timeout(_ANSWER_S):
            client = await modal.Client.from_env.aio()
            await client.hello.aio()
    except TimeoutError:
        raise UnavailableError(
            f"Modal did not answer for {_ANSWER_S:.0f} s; look at your network and try again."
        ) from None
    except Exception as error:
        raise explain(error, "connect") from None
