"""How a command ends early: Ctrl-C that is never lost, whatever catches errors, and a reader that goes away."""

import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

CLOSED = 141
"""The exit code where nobody reads any more: 128 and the number of SIGPIPE, as of a tool that the signal ends."""

_caught: list[int] | None = None
_AGAIN_S = 0.05


@contextmanager
def catching() -> Iterator[list[int]]:
    """Collect Ctrl-C as well as raising it; whatever ends the block after one ends it as ``KeyboardInterrupt``.

    What a signal's handler raises is dropped by Python in some callbacks, and then the signal is sent once more; a
    library that is just being imported may turn it into an error of its own. The list that is yielded has the signals
    so far. SIGTERM ends a block in the same orderly way. Blocks nest: the inner one yields the outer one's list.
    """
    global _caught
    if _caught is not None or threading.current_thread() is not threading.main_thread():
        yield _caught if _caught is not None else []
        return
    caught: list[int] = []

    def catch(number: int, _frame: FrameType | None) -> None:
        caught.append(number)
        raise KeyboardInterrupt

    def dropped(unraisable: "sys.UnraisableHookArgs") -> None:
        number = _signal_of(unraisable.exc_value, caught)
        if number is None:
            hook(unraisable)
        else:
            threading.Timer(_AGAIN_S, os.kill, (os.getpid(), number)).start()

    hook = sys.unraisablehook
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    changed = {number: handler for number, handler in usual.items() if signal.getsignal(number) is handler}
    _caught = caught
    try:
        sys.unraisablehook = dropped
        for number in changed:
            signal.signal(number, catch)
        yield caught
    except BaseException as error:
        if caught and not isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise
    finally:
        _caught = None
        sys.unraisablehook = hook
        for number, handler in changed.items():
            signal.signal(number, handler)


def _signal_of(error: BaseException | None, caught: list[int]) -> int | None:
    """Return the signal whose handler raised an error, if one did; while a flow runs Prefect has a handler too."""
    if isinstance(error, KeyboardInterrupt):
        return caught[-1] if caught else signal.SIGINT
    if type(error).__name__ == "TerminationSignal":
        number: int = getattr(error, "signal", signal.SIGTERM)
        return number
    return None


def leave(_console: Any = None) -> NoReturn:
    """End the command; what is still to be written goes nowhere, so that nothing fails when Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in closed_outputs() or [1]:
        os.dup2(nowhere, number)
    os.close(nowhere)
    raise SystemExit(CLOSED)


def closed_outputs() -> list[int]:
    """Return which of standard output and standard error are pipes that nobody reads any more."""
    looking = select.poll()
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # closed, or no file
            looking.register(stream.fileno(), 0)
    return [number for number, event in looking.poll(0) if event & select.POLLERR]
