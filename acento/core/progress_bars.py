"""Bars for the steps that the library reports, on a terminal; lines, where there is none."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from acento.core.progress import Progress, listening

_PAUSE_S = 120
"""Between two lines about one step, where there is no terminal."""


def amount(progress: Progress) -> str:
    """Return how far a step is, such as ``7/30 steps``."""
    return f"{progress.done:.0f}/{progress.total:.0f} {progress.unit}"


@contextmanager
def progress_lines(console: Console) -> Iterator[None]:
    """Print a line where a step begins, every two minutes while it lasts, and where it ends."""
    printed: dict[str, float] = {}

    def show(progress: Progress) -> None:
        now, ended = time.monotonic(), progress.total - progress.done <= 1e-6 * progress.total
        if not ended and now - printed.get(progress.step, -_PAUSE_S) < _PAUSE_S:
            return
        printed[progress.step] = now
        parts = (progress.step, amount(progress), progress.note)
        console.print(escape("  ".join(part for part in parts if part)), soft_wrap=True)

    with listening(show):
        yield


@contextmanager
def progress_bars(title: str, console: Console, *, shown: bool = True) -> Iterator[None]:
    """Show each step that is reported inside the block as a bar with the time left, and ``title`` before the first."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[amount]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
        TextColumn("{task.fields[note]}"),
    )
    steps: dict[str, TaskID] = {}
    lock = Lock()
    with Bars(*columns, console=console, transient=True, disable=not shown) as bars:
        waiting: TaskID | None = bars.add_task(title, total=None, amount="", note="")

        def show(progress: Progress) -> None:
            nonlocal waiting
            with lock:
                if waiting is not None:
                    bars.remove_task(waiting)
                    waiting = None
                if progress.step not in steps:
                    steps[progress.step] = bars.add_task(progress.step, total=progress.total, amount="", note="")
                bars.update(
                    steps[progress.step],
                    completed=progress.done,
                    total=progress.total,
                    amount=amount(progress),
                    note=escape(progress.note),
                )

        with listening(show):
            yield
