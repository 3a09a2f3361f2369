"""What a container of the backend ``modal`` runs: jobs, one after another, by the same ``Runner`` as everywhere.

The store is opened and the runner made once for each container, which keeps the model loaded between jobs. Modal may
take a machine away at any time and run its job again on another one: executing is idempotent, so that is only waste.

While it works, a container tells how far it is through a queue, and asks it whether it is to stop.
"""

import json
import os
import time
from contextlib import suppress
from typing import Any

import modal
from modal.exception import Error
from pydantic import TypeAdapter

from acento.core.callbacks import Callbacks
from acento.core.settings import settings
from acento.core.store import Store, open_store
from acento.inference.runner import Runner, Worker
from acento.jobs.job import Job
from acento.training.loop.state import Row
from infra.compute.dispatch.serialization import dump_error, dump_result

QUEUE, COUNT = "ACENTO_MODAL_QUEUE", "ACENTO_MODAL_CONTAINERS"
"""The variables that name the queue, and say how many containers share the work."""
NEWS = "news"
"""The partition of the queue in which containers tell what they do."""
_EVERY_S = 2.0
"""Seconds between two messages, and between two questions."""

_job: TypeAdapter[Job] = TypeAdapter(Job)


def stop_of(index: int) -> str:
    """Return the partition of the queue in which a job's reason to stop is put."""
    return f"stop-{index}"


class Container:
    """The class whose method Modal maps over jobs."""

    @modal.enter()
    def open(self) -> None:
        """Open the store, once for each container."""
        self._store: Store = open_store(settings().store)
        self._runner = Runner(self._store)
        self._queue = modal.Queue.from_id(os.environ[QUEUE]) if os.environ.get(QUEUE) else None

    @modal.method()
    def execute(self, index: int, job: str) -> dict[str, Any]:
        """Do one job, given as JSON; return its index and what came of it, a result or an error's sentence."""
        self._store.refresh()
        reporter = Reporter(self._queue, index)
        worker = Worker(
            backend="modal",
            count=int(os.environ.get(COUNT, "1")),
            callbacks=Callbacks(reporter.on_progress, reporter.on_metrics, reporter.should_stop),
            name=os.environ.get("MODAL_TASK_ID", ""),
        )
        try:
            outcome = dump_result(self._runner.execute(_job.validate_json(job), worker))
        except Exception as error:
            outcome = dump_error(error)
        reporter.flush()
        return {"index": index, **outcome}

    @modal.exit()
    def close(self) -> None:
        """Free the model."""
        self._runner.close()


class Reporter:
    """Tells the parent, now and then, what a job does; a message that does not arrive stops nothing."""

    def __init__(self, queue: Any, index: int) -> None:
        """Take the queue, or None: then nobody is told."""
        self._queue, self._index = queue, index
        self._audio_s, self._reason = 0.0, ""
        self._reported = self._asked = time.monotonic()

    def on_progress(self, seconds: float) -> None:
        """Count audio seconds, and tell them when it is time."""
        self._audio_s += seconds
        if time.monotonic() - self._reported >= _EVERY_S:
            self.flush()

    def on_metrics(self, row: Row) -> None:
        """Tell a row of a training's history."""
        self._put({"row": row})

    def should_stop(self) -> str | None:
        """Ask whether there is a reason to stop."""
        if not self._reason and self._queue is not None and time.monotonic() - self._asked >= _EVERY_S:
            self._asked = time.monotonic()
            with suppress(Error, OSError):
                self._reason = self._queue.get(block=False, partition=stop_of(self._index))
        return self._reason or None

    def flush(self) -> None:
        """Tell what was not told yet."""
        if self._audio_s:
            self._put({"heard": self._audio_s})
        self._audio_s, self._reported = 0.0, time.monotonic()

    def _put(self, message: dict[str, Any]) -> None:
        if self._queue is not None:
            with suppress(Error, OSError):
                self._queue.put(json.dumps(message), partition=NEWS)
