"""A reader that goes away, as `| head -1` does: the command ends without a word, with the code of Unix tools."""

import os
import select
import sys
from contextlib import suppress
from typing import Any, NoReturn

CLOSED = 141
"""The exit code: 128 and the number of SIGPIPE, as of a tool that the signal ends."""


def reader_is_gone() -> bool:
    """Tell whether standard output or standard error is a pipe that nobody reads any more."""
    return bool(_gone())


def leave(_console: Any = None) -> NoReturn:
    """End the command; what is still to be written goes nowhere, so that nothing fails when Python ends.

    Raises:
        SystemExit: always, with :data:`CLOSED`.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in _gone() or [1]:
        os.dup2(nowhere, number)
    os.close(nowhere)
    raise SystemExit(CLOSED)


def _gone() -> list[int]:
    """Return which of standard output and standard error nobody reads any more."""
    looking = select.poll()
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # closed, or no file
            looking.register(stream.fileno(), 0)
    return [number for number, event in looking.poll(0) if event & select.POLLERR]
