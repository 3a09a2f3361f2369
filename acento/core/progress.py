"""How far a long step is: library code reports, and whoever started it listens (a terminal, a Prefect artifact)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` ``unit`` of one step; the step's name is what a person reads beside the bar."""

    step: str
    done: float
    total: float
    unit: str = ""
    note: str = ""
    """What is best known of its outcome so far, such as ``loss 0.412, dev WER 17.9 %``."""


Listener = Callable[[Progress], None]

_listeners: list[Listener] = []
_lock = Lock()


def report(step: str, done: float, total: float, unit: str = "", note: str = "") -> None:
    """Tell every listener how far ``step`` is. Cheap, and safe to call from any thread."""
    forward(Progress(step, done, total, unit, note))


def forward(progress: Progress) -> None:
    """Tell every listener what another process or a library function reports."""
    with _lock:
        for listener in _listeners:
            listener(progress)


def audio_meter(step: str, total: float) -> Callable[[float], None]:
    """Return a function that adds up seconds of audio, from any thread, and reports how far ``step`` is."""
    done, lock = 0.0, Lock()

    def add(seconds: float) -> None:
        nonlocal done
        with lock:
            done += seconds
            so_far = min(done, total)
        report(step, so_far, total, "s of audio")

    return add


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call ``listener`` for every report made in this process while the block runs."""
    with _lock:
        _listeners.append(listener)
    try:
        yield
    finally:
        with _lock:
            _listeners.remove(listener)


def duration(seconds: float) -> str:
    """Return a length in hours, minutes or seconds.

    >>> duration(5400), duration(90), duration(1.5)
    ('1.50 h', '1.5 min', '1.5 s')
    """
    if seconds >= 3600:
        return f"{seconds / 3600:.2f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.1f} s"
