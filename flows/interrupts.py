"""Ctrl-C that is never lost: not in an import, not in a callback, not inside a library that catches everything."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_noticed: list[int] | None = None
_AGAIN_S = 0.05


@contextmanager
def noticing() -> Iterator[list[int]]:
    """Collect Ctrl-C as well as raising it; whatever ends the block after one ends it as ``KeyboardInterrupt``.

    What a signal's handler raises is dropped by Python in some callbacks, and then the signal is sent once more; a
    library that is just being imported may turn it into an error of its own. The list that is yielded has the signals
    so far, for places where one looks before going on. SIGTERM, which a system sends before it takes a machine away,
    ends a block in the same orderly way. Blocks nest: the inner one yields the outer one's list.
    """
    global _noticed
    if _noticed is not None or threading.current_thread() is not threading.main_thread():
        yield _noticed if _noticed is not None else []
        return
    noticed: list[int] = []

    def notice(number: int, _frame: FrameType | None) -> None:
        noticed.append(number)
        raise KeyboardInterrupt

    def dropped(unraisable: "sys.UnraisableHookArgs") -> None:
        number = _signal_of(unraisable.exc_value, noticed)
        if number is None:
            hook(unraisable)
        else:
            threading.Timer(_AGAIN_S, os.kill, (os.getpid(), number)).start()

    hook = sys.unraisablehook
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    changed = {number: handler for number, handler in usual.items() if signal.getsignal(number) is handler}
    _noticed = noticed
    try:
        sys.unraisablehook = dropped
        for number in changed:
            signal.signal(number, notice)
        yield noticed
    except BaseException as error:
        if noticed and not isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise
    finally:
        _noticed = None
        sys.unraisablehook = hook
        for number, handler in changed.items():
            signal.signal(number, handler)


def _signal_of(error: BaseException | None, noticed: list[int]) -> int | None:
    """Return the signal whose handler raised an error, if one did; while a flow runs Prefect has a handler too."""
    if isinstance(error, KeyboardInterrupt):
        return noticed[-1] if noticed else signal.SIGINT
    if type(error).__name__ == "TerminationSignal":
        number: int = getattr(error, "signal", signal.SIGTERM)
        return number
    return None
