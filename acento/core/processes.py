"""Processes of this machine."""

import os
import socket
from functools import cache
from pathlib import Path

import psutil


def alive(pid: int) -> bool:
    """Tell whether a process of this machine lives; one of another user does too."""
    return pid > 0 and bool(psutil.pid_exists(pid))


def born(pid: int) -> str | None:
    """Return when a process began, in clock ticks since the machine's start; None if it is gone or a zombie.

    A number of a process is used again; together with this it names one process. A clock that is set moves nothing.

    >>> born(os.getpid()) == born(os.getpid()) is not None
    True
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        ticks = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
        return str(round((process.create_time() - psutil.boot_time()) * ticks))
    except (psutil.NoSuchProcess, ValueError):
        return None


@cache
def machine() -> str:
    """Return a name for this machine since its start, within which the number of a process means one process.

    Containers have names of their own. Where a system says too little the name may change, and never be another's.
    """
    try:
        start = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        start, space = f"{psutil.boot_time():.0f}", ""
    return "/".join((socket.gethostname(), start, space))
