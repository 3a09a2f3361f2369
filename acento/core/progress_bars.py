"""Bars for the steps that the library reports, on a terminal or in a notebook."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from acento.core.progress import Progress, listening


def amount(progress: Progress) -> str:
    """Return how far a step is, such as ``7/30 steps``."""
    return f"{progress.done:.0f}/{progress.total:.0f} {progress.unit}"


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
