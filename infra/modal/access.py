"""What must be right before Modal is asked for anything: a token, and addresses that can be reached from there.

A sandbox cannot reach a server or a folder on somebody's laptop. That is said before the start, with what to set.
"""

import asyncio
import ipaddress
import re
import socket
from urllib.parse import urlsplit

import aiohttp
import modal
from grpclib.exceptions import StreamTerminatedError
from modal.exception import (
    AuthError,
    ClientClosed,
    ImageBuildError,
    InternalError,
    InternalFailure,
    InvalidError,
    NotFoundError,
    PermissionDeniedError,
    ResourceExhaustedError,
    ServiceError,
)

from acento.core.errors import AcentoError, InputError, TransientError, own_line

_ANSWER_S = 20.0
"""Seconds that Modal may take to greet a client."""
_PASSING = (
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
"""What may pass by itself: the network, and what Modal says of its own troubles."""
_QUOTA = re.compile(r"quota|spend|budget|billing|payment|credit|(?<!rate )limit", re.I)
"""What is said of a limit that waiting does not raise."""
_HERE = ("localhost", "host.docker.internal", "kubernetes.docker.internal")


def explain(error: BaseException, what: str) -> AcentoError:
    """Return what a failure of Modal means, in one sentence, as an error that says whether it may pass.

    Args:
        error: what Modal's client raised.
        what: what was asked of it, such as ``start a sandbox``.
    """
    if isinstance(error, AcentoError):
        return error
    said = last_said(error)
    if isinstance(error, AuthError | PermissionDeniedError):
        return InputError(
            f"Modal did not let us {what} ({said}); run `modal token new`, or set MODAL_TOKEN_ID and "
            "MODAL_TOKEN_SECRET to a token of your workspace."
        )
    if isinstance(error, ImageBuildError):
        return InputError(
            f"Modal could not build the image ({said}); mend the image, the packages or the commands it is made of."
        )
    if isinstance(error, NotFoundError):
        return InputError(f"Modal could not {what}, because something it names is not there: {said}.")
    if isinstance(error, ResourceExhaustedError) and _QUOTA.search(said):
        return InputError(
            f"Modal did not let us {what} ({said}): a limit of your workspace is reached; raise it there."
        )
    if isinstance(error, ResourceExhaustedError):
        return TransientError(f"Modal has no room to {what} now ({said}); name other GPUs too, or try again later.")
    if isinstance(error, InvalidError | ValueError | FileNotFoundError):
        return InputError(f"Modal could not {what}, because it takes it for a mistake: {said}.")
    if isinstance(error, _PASSING):
        return TransientError(f"Modal could not {what} ({said}); try again later.")
    if isinstance(error, modal.exception.Error):  # such as a client that is too old: the same again would fail so too
        return InputError(f"Modal refused to {what} ({type(error).__name__}: {said}).")
    return AcentoError(f"Modal could not {what} ({type(error).__name__}: {said}).")


def last_said(error: BaseException) -> str:
    """Return the line of an error of Modal's client that says what happened: a traceback's own, else the last one.

    >>> last_said(ValueError("Building failed.\\nNo such package: acento."))
    'No such package: acento'
    """
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    return (own_line(str(error)) if any("Traceback" in line for line in lines) else lines[-1]).rstrip(".")


async def check_token() -> None:
    """See that Modal knows this machine's token.

    Raises:
        InputError: there is none, or it is wrong.
        TransientError: Modal does not answer.
    """
    try:
        async with asyncio.timeout(_ANSWER_S):
            client = await modal.Client.from_env.aio()
            await client.hello.aio()
    except TimeoutError:
        raise TransientError(
            f"Modal did not answer for {_ANSWER_S:.0f} s; look at your network and try again."
        ) from None
    except Exception as error:
        raise explain(error, "connect") from None


def check_api_url(url: str | None) -> None:
    """See that a Prefect API can be reached from Modal, as far as its address tells.

    Raises:
        InputError: there is none, or it is one of this machine or of a private network.
    """
    mend = (
        "set PREFECT_API_URL to an address that the internet can reach (Prefect Cloud, or a server with a public "
        "name), or give the sandbox another one by the job variable env"
    )
    if not url:
        raise InputError(f"A sandbox on Modal has no Prefect server to report to: {mend}.")
    host = urlsplit(url).hostname or ""
    found = private_host(host)
    if found is not None:
        raise InputError(
            f"A sandbox on Modal cannot reach the Prefect server at {host}, {found}: {mend}; where a tunnel makes it "
            "reachable all the same, set the job variable check_api_url to false."
        )


def check_store_url(url: str) -> None:
    """See that a store can be reached from Modal.

    Raises:
        InputError: it is a folder of this machine.
    """
    scheme, separator, _ = url.partition("://")
    if not separator or scheme == "file":
        raise InputError(
            f"A sandbox on Modal cannot reach the store {url}, a folder of this machine: set ACENTO_STORE to "
            "s3://bucket/prefix or to modal://acento-results."
        )


def private_host(host: str) -> str | None:
    """Say why a host cannot be reached from outside, or None if nothing speaks against it.

    >>> private_host("127.0.0.1")
    'which is this machine'
    >>> private_host("192.168.1.7")
    'which is an address of a private network'
    >>> private_host("8.8.8.8") is None
    True
    """
    if not host or host in _HERE or host.endswith((".localhost", ".local", ".internal")):
        return "which is this machine" if not host or host in _HERE else "which is a name of a private network"
    try:
        addresses = [ipaddress.ip_address(host)]
    except ValueError:
        if "." not in host:
            return "which is a name of a private network"
        addresses = _addresses(host)
    if any(address.is_loopback or address.is_unspecified for address in addresses):
        return "which is this machine"
    if addresses and all(not address.is_global for address in addresses):
        return "which is an address of a private network"
    return None


def _addresses(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Return what a name stands for; nothing where that cannot be told from here."""
    try:
        return [ipaddress.ip_address(str(found[4][0]).partition("%")[0]) for found in socket.getaddrinfo(host, None)]
    except (OSError, ValueError):
        return []
