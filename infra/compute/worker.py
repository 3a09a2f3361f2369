"""What a run does with its slice: the jobs one after another, the model loaded once, and signs of life meanwhile."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from acento.core.callbacks import Callbacks
from acento.core.errors import AcentoError, StoreError
from acento.inference.runner import Runner, Worker
from acento.training.job import FinetuneResult
from acento.training.loop.state import Row
from infra.compute.serialization import tell_error, tell_result
from infra.compute.worklist import WorkList

_log = logging.getLogger(__name__)

LOOK_S = 2.0
"""Seconds between two looks at the parent's orders, and between two reports of progress."""
PARENT_SILENT_S = 600.0
"""A run ends when its parent has been silent for so long: nobody waits for it any more."""
BEGUN_BEFORE = "the engine began it a second time"


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did."""

    run: str
    done: int
    """Jobs with a result."""
    failed: int
    """Jobs with an error."""
    why: str
    """Why it ended, in words for a person."""


def run_slice(
    work: WorkList,
    runner: Runner,
    run: str,
    indices: Sequence[int],
    *,
    backend: str,
    count: int = 1,
    ending: threading.Event | None = None,
    on_progress: Callable[[float], None] = lambda _: None,
) -> RunReport:
    """Do the jobs of a slice, without those that the store has by then, until they are done or the run is to end.

    A run that its engine begins a second time ends at once: the parent submits what it left.

    Args:
        work: the run's side of the list of jobs.
        runner: executes the jobs; closing it is the caller's.
        run: the run's name, under which the parent reads its records.
        indices: the jobs, by their index in the list, in this order.
        backend: what measurements say of it.
        count: how many runs share the work.
        ending: set by a signal that this machine is to be given back: the run ends after its current part, a training
            with a checkpoint.
        on_progress: told audio seconds as they are decoded.

    Raises:
        AcentoError: the store cannot be read or written.
    """
    done = failed = 0
    with _Life(work, run, ending or threading.Event(), on_progress) as life:
        worker = Worker(
            backend=backend,
            count=count,
            callbacks=Callbacks(life.on_progress, life.on_metrics, life.should_stop),
            cancelled=life.cancelled,
            name=f"{work.id}.{run}",
        )
        why: str | None = None
        for index in indices:
            if (why := life.over()) is not None:
                break
            if index in life.left:
                continue
            job = work.jobs[index]
            life.at = index
            life.say({})
            _log.info("Run %s begins %s.", run, job.title)
            try:
                result = runner.execute(job, worker)
            except CancelledError:
                continue
            except (KeyboardInterrupt, SystemExit):
                life.say({"ended": "it was interrupted", "blame": False})
                raise
            except Exception as error:
                if life.over() is not None and not isinstance(error, AcentoError):
                    continue
                _log.error("%s failed: %s", job.title, error)
                life.finish({"outcome": index, **tell_error(error)})
                failed += 1
                continue
            if isinstance(result, FinetuneResult) and result.why == "stopped" and life.over() is not None:
                continue  # because of this run and not of the parent: another run goes on from the checkpoint
            life.finish({"outcome": index, **tell_result(result)})
            done += 1
        why = life.over() or "its slice is done"
        life.say({"ended": why, "blame": why == BEGUN_BEFORE})
    return RunReport(run, done, failed, why)


class _Life:
    """The thread that tells progress and looks for orders, also during a long job; and the run's records."""

    def __init__(self, work: WorkList, run: str, ending: threading.Event, on_progress: Callable[[float], None]) -> None:
        self._work, self._run, self._ending, self._tell = work, run, ending, on_progress
        self._records = work.run(run)
        self.cancelled = threading.Event()
        self.left: set[int] = set()
        """Jobs that the parent gave to another run."""
        self.at: int | None = None
        """The job that is being done."""
        self._where = {"host": socket.gethostname(), "pid": os.getpid()}
        self._why: str | None = None
        self._reason: str | None = None
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._rows: list[Row] = []
        self._audio = self._told = 0.0
        self._order, self._parent = 0, (0, time.monotonic())
        self._written = float("-inf")
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=f"heartbeat of {run}", daemon=True)

    def __enter__(self) -> "_Life":
        if before := self._records.since():
            self._why, self.at = BEGUN_BEFORE, before[-1][1]["at"]
        self.say({})
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join()
        with suppress(StoreError):
            if self._work.store.find(self._work.key) is None:
                self._work.clear()  # what this run said when nobody listened any more

    def over(self) -> str | None:
        """Say why the run is to end; None: it goes on."""
        return self._why or ("its machine is to be given back" if self._ending.is_set() else None)

    def on_progress(self, seconds: float) -> None:
        """Count audio; called from any thread, after each batch."""
        with self._lock:
            self._audio += seconds
        self._tell(seconds)

    def on_metrics(self, row: Row) -> None:
        """Keep a row of a training until it is told; called from any thread."""
        with self._lock:
            self._rows.append(row)

    def should_stop(self) -> str | None:
        """Say why a training is to leave a checkpoint; None: it goes on."""
        return self.over() or self._reason

    def say(self, record: dict[str, Any]) -> None:
        """Append a record, which also says where this is, at which job, how much was decoded, and what rows are new."""
        with self._writing:
            with self._lock:
                audio, rows, self._rows = self._audio, self._rows, []
            try:
                self._records.append({**self._where, "at": self.at, "heard": audio, "rows": rows, **record})
            except BaseException:
                with self._lock:
                    self._rows = rows + self._rows
                raise
            self._written, self._told = time.monotonic(), audio

    def finish(self, record: dict[str, Any]) -> None:
        """Append what came of the job that was being done."""
        self.at = None
        self.say(record)

    def _loop(self) -> None:
        """Tell and look until the block ends; a store that fails for a while is tried again."""
        while not self._closed.wait(min(LOOK_S, self._work.heartbeat_s)):
            try:
                self._look()
                late = time.monotonic() - self._written >= self._work.heartbeat_s
                if late or self._rows or self._audio != self._told:
                    self.say({})
            except Exception as error:
                _log.warning("Run %s could not reach the store: %s", self._run, error)

    def _look(self) -> None:
        """Read the parent's new orders; those that end the run also end its job."""
        for number, order in self._work.orders.since(self._order):
            self._order = number
            self._reason = order.get("stop", self._reason)
            self._why = order.get("cancel", self._why)
            if order.get("leave") == self._run and order["jobs"] is None:
                self._why = "it was held to be dead, and other runs do its jobs"
            elif order.get("leave") == self._run:
                self.left |= set(order["jobs"])
        beat = max(self._work.parent.numbers(), default=0)
        if beat != self._parent[0]:
            self._parent = (beat, time.monotonic())
        if not self._work.exists:
            self._why = "the run that asked for it has ended"
        elif time.monotonic() - self._parent[1] > PARENT_SILENT_S:
            self._why = "its parent has been silent for too long"
        if self._why is not None:
            self.cancelled.set()
