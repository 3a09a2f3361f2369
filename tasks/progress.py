"""A progress artifact: how far a long step is, in Prefect's UI, fed by what the library reports."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from threading import Event, Thread
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from acento.core.progress import Progress, listening
from tasks.artifacts import in_run, optional

_PERIOD_S = 1.0


@contextmanager
def progress_artifact(key: str, description: str) -> Iterator[None]:
    """Show the progress reported inside the block as a Prefect artifact, updated at most once a second.

    Reporting never waits for Prefect: a thread sends the latest report. Without a current run nothing is sent. At the
    end of a block that did not fail the artifact stands at 100 %.
    """
    artifact = _create(key, description) if in_run() else None
    if artifact is None:
        yield
        return

    sender = _Sender(artifact, key, description)
    thread = Thread(target=copy_context().run, args=(sender.run,), name=f"progress {key}", daemon=True)
    thread.start()
    try:
        with listening(sender.listen):
            yield
        sender.finished = True
    finally:
        sender.stop.set()
        thread.join()


def _create(key: str, description: str) -> UUID | None:
    """Make the artifact; None if Prefect cannot take it."""
    made: list[UUID] = []
    with optional(key):
        made.append(cast(UUID, create_progress_artifact(0.0, key=key, description=description)))
    return made[0] if made else None


class _Sender:
    """Keeps the latest report and sends it when it is time."""

    def __init__(self, artifact: UUID, key: str, description: str) -> None:
        self._artifact = artifact
        self._key = key
        self._description = description
        self._latest: Progress | None = None
        self._sent: Progress | None = None
        self.stop = Event()
        self.finished = False

    def listen(self, progress: Progress) -> None:
        """Remember a report; called by the library, in any thread."""
        self._latest = progress

    def run(self) -> None:
        """Send the latest report once a second until told to stop, and then the end."""
        while not self.stop.wait(_PERIOD_S):
            latest = self._latest
            if latest is not None and latest != self._sent:
                self._send(_percent(latest), f"{self._description}: {_words(latest)}")
                self._sent = latest
        if self.finished:
            self._send(100.0, f"{self._description}: done")

    def _send(self, percent: float, description: str) -> None:
        with optional(self._key):
            update_progress_artifact(self._artifact, percent, description)


def _percent(progress: Progress) -> float:
    """Return how far a step is, from 0 to 100."""
    return max(0.0, min(100.0, 100 * progress.done / progress.total)) if progress.total > 0 else 0.0


def _words(progress: Progress) -> str:
    """Say a report: ``decode 12 of 40 clips``."""
    words = f"{progress.step} {progress.done:.0f} of {progress.total:.0f} {progress.unit}".rstrip()
    return f"{words} ({progress.note})" if progress.note else words
