"""What a container of the backend ``modal`` runs: jobs, one after another, by the same ``Runner`` as everywhere.

The store is opened and the runner made once for each container, which keeps the model loaded between jobs. Modal may
take a machine away at any time and run its job again on another one: executing is idempotent, so that is only waste.

While it works, a container tells how far it is through a queue, and asks it whether it is to stop.
"""

import json
import os
import time
from collections.abc import Callable
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
from infra.compute.serialization import tell_error, tell_result

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
        teller = Teller(self._queue, index)
        worker = Worker(
            backend="modal",
            count=int(os.environ.get(COUNT, "1")),
            callbacks=Callbacks(teller.on_progress, teller.on_metrics, teller.should_stop),
            name=os.environ.get("MODAL_TASK_ID", ""),
        )
        try:
            told = tell_result(self._runner.execute(_job.validate_json(job), worker))
        except Exception as error:
            told = tell_error(error)
        teller.end()
        return {"index": index, **told}

    @modal.exit()
    def close(self) -> None:
        """Free the model."""
        self._runner.close()


class Teller:
    """Tells the parent, now and then, what a job does; a message that does not arrive stops nothing."""

    def __init__(self, queue: Any, index: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the queue, or None: then nobody is told."""
        self._queue, self._index, self._clock = queue, index, clock
        self._heard, self._told, self._asked = 0.0, clock(), clock()
        self._reason: str | None = None

    def on_progress(self, seconds: float) -> None:
        """Count audio seconds, and tell them when it is time."""
        self._heard += seconds
        if self._clock() - self._told >= _EVERY_S:
            self.end()

    def on_metrics(self, row: Row) -> None:
        """Tell a row of a training's history."""
        self._put({"row": row})

    def should_stop(self) -> str | None:
        """Ask whether there is a reason to stop."""
        if self._reason is None and self._queue is not None and self._clock() - self._asked >= _EVERY_S:
            self._asked = self._clock()
            with suppress(Error, OSError):
                self._reason = self._queue.get(block=False, partition=stop_of(self._index))
        return self._reason

    def end(self) -> None:
        """Tell what was not told yet."""
        if self._heard:
            self._put({"heard": self._heard})
        self._heard, self._told = 0.0, self._clock()

    def _put(self, message: dict[str, Any]) -> None:
        if self._queue is not None:
            with suppress(Error, OSError):
                self._queue.put(json.dumps(message), partition=NEWS)
