"""Tell whether an address can be reached from Modal; what cannot is refused before a sandbox is started."""

import ipaddress
import socket
from urllib.parse import urlsplit

from prefect_modal_worker.errors import SetupError

_THIS_MACHINE = ("localhost", "host.docker.internal", "kubernetes.docker.internal")


def check_api_url(url: str | None) -> None:
    """Check that a Prefect API can be reached from Modal, as far as its address tells.

    Raises:
        SetupError: there is no URL, or its host is this machine or in a private network.
    """
    advice = (
        "set PREFECT_API_URL to an address that the internet can reach (Prefect Cloud, or a server with a public "
        "name), or give the sandbox another one by the job variable env"
    )
    if not url:
        raise SetupError(f"A sandbox on Modal has no Prefect server to report to: {advice}.")
    host = urlsplit(url).hostname or ""
    reason = private_host(host)
    if reason is not None:
        raise SetupError(
            f"A sandbox on Modal cannot reach the Prefect server at {host}, {reason}: {advice}; where a tunnel makes "
            "it reachable all the same, set the job variable check_api_url to false."
        )


def private_host(host: str) -> str | None:
    """Say why a host cannot be reached from outside, or return None if nothing speaks against it.

    >>> private_host("127.0.0.1")
    'which is this machine'
    >>> private_host("192.168.1.7")
    'which is an address of a private network'
    >>> private_host("8.8.8.8") is None
    True
    """
    if not host or host in _THIS_MACHINE or host.endswith(".localhost"):
        return "which is this machine"
    if host.endswith((".local", ".internal")):
        return "which is a name of a private network"
    try:
        addresses = [ipaddress.ip_address(host)]
    except ValueError:
        if "." not in host:
            return "which is a name of a private network"
        addresses = _resolve(host)
    if any(address.is_loopback or address.is_unspecified for address in addresses):
        return "which is this machine"
    if addresses and all(not address.is_global for address in addresses):
        return "which is an address of a private network"
    return None


def _resolve(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Return the addresses of a name; none where they cannot be found from here."""
    try:
        return [ipaddress.ip_address(str(found[4][0]).partition("%")[0]) for found in socket.getaddrinfo(host, None)]
    except (OSError, ValueError):
        return []
