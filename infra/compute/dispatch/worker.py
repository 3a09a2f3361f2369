"""What a run does with its slice: the jobs one after another, the model loaded once, and signs of life meanwhile."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

from acento.core.callbacks import Callbacks
from acento.core.errors import AcentoError, InputError, StoreError, TransientError
from acento.core.settings import settings
from acento.core.store import open_store
from acento.inference.runner import Runner, Worker
from acento.training.job import FinetuneResult
from acento.training.loop.state import Row
from infra.compute.dispatch.serialization import dump_error, dump_result
from infra.compute.dispatch.worklist import WorkList

_log = logging.getLogger(__name__)

POLL_S = 2.0
"""Seconds between two looks at the parent's orders, and between two reports of progress."""
PARENT_SILENT_S = 600.0
"""A run ends when its parent has been silent for so long: nobody waits for it any more."""
BEGUN_BEFORE = "the engine began it a second time"


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did."""

    run: str
    done: int = 0
    """Jobs with a result."""
    failed: int = 0
    """Jobs with an error."""
    why: str = ""
    """Why it ended, in words for a person."""
    refused: str = ""
    """Why it could not begin, which trying again would not change."""
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)


@dataclass(frozen=True, slots=True)
class SliceTask:
    """A slice for an engine that sends Python objects (Spark, Ray): a few words, as the jobs are in the store."""

    store: str
    work: str
    """The id of the list of jobs."""
    run: str
    indices: tuple[int, ...]
    backend: str
    count: int
    """How many runs share the work."""
    environment: Mapping[str, str]
    """Settings of the parent that this process must share."""


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
    with _Heartbeat(work, run, ending or threading.Event(), on_progress) as heartbeat:
        worker = Worker(
            backend=backend,
            count=count,
            callbacks=Callbacks(heartbeat.on_progress, heartbeat.rows.append, heartbeat.should_stop),
            cancelled=heartbeat.cancelled,
            name=f"{work.id}.{run}",
        )
        for index in indices:
            if heartbeat.over() is not None:
                break
            if index in heartbeat.left:
                continue
            job = work.jobs[index]
            heartbeat.at = index
            heartbeat.say()
            _log.info("Run %s begins %s.", run, job.title)
            try:
                result = runner.execute(job, worker)
            except CancelledError:
                continue
            except (KeyboardInterrupt, SystemExit):
                heartbeat.say(ended="it was interrupted", blame=False)
                raise
            except Exception as error:
                if heartbeat.over() is not None and not isinstance(error, AcentoError):
                    continue
                _log.error("%s failed: %s", job.title, error)
                outcome, failed = dump_error(error), failed + 1
            else:
                if isinstance(result, FinetuneResult) and result.why == "stopped" and heartbeat.over() is not None:
                    continue  # because of this run and not of the parent: another run goes on from the checkpoint
                outcome, done = dump_result(result), done + 1
            heartbeat.at = None
            heartbeat.say(outcome=index, **outcome)
        why = heartbeat.over() or "its slice is done"
        heartbeat.stop()  # so that this is the last record
        heartbeat.say(ended=why, blame=why == BEGUN_BEFORE)
    return RunReport(run, done, failed, why)


def do_slice(task: SliceTask) -> RunReport:
    """Do the jobs of a slice in this process.

    Raises:
        AcentoError: the store fails.
    """
    os.environ.update(task.environment)
    settings.cache_clear()
    try:
        store = open_store(task.store)
        work = WorkList(store, task.work)
        work.jobs  # noqa: B018  (reads the list: this machine may not see the store)
    except TransientError:
        raise
    except InputError as error:
        return RunReport(task.run, refused=str(error))
    except AcentoError as error:
        host = socket.gethostname()
        return RunReport(task.run, refused=f"{host}, a worker, does not see the store {task.store}: {error}")
    with closing(Runner(store)) as runner:
        return run_slice(work, runner, task.run, task.indices, backend=task.backend, count=task.count)


class _Heartbeat:
    """The thread that tells progress and looks for orders, also during a long job; and the run's records."""

    def __init__(self, work: WorkList, run: str, ending: threading.Event, on_progress: Callable[[float], None]) -> None:
        self._work, self._run, self._ending, self._on_progress = work, run, ending, on_progress
        self._records = work.run(run)
        self.cancelled = threading.Event()
        self.left: set[int] = set()
        """Jobs that the parent gave to another run."""
        self.at: int | None = None
        """The job that is being done."""
        self._process = {"host": socket.gethostname(), "pid": os.getpid()}
        self._why: str | None = None
        self._reason: str | None = None
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self.rows: list[Row] = []
        """Of a training, that were not told yet; appended to by any thread."""
        self._audio_s = self._reported_s = 0.0
        self._order, self._parent = 0, (0, time.monotonic())
        self._written = float("-inf")
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=f"heartbeat of {run}", daemon=True)

    def __enter__(self) -> "_Heartbeat":
        if before := self._records.since():
            self._why, self.at = BEGUN_BEFORE, before[-1][1]["at"]
        self.say()
        self._read_orders()
        self._thread.start()
        return self

    def stop(self) -> None:
        self._closed.set()
        self._thread.join()

    def __exit__(self, *_: object) -> None:
        self.stop()
        with suppress(StoreError):
            if self._work.store.find(self._work.key) is None:
                self._work.clear()  # what this run said when nobody listened any more

    def over(self) -> str | None:
        return self._why or ("its machine is to be given back" if self._ending.is_set() else None)

    def on_progress(self, seconds: float) -> None:
        """Count audio; called from any thread, after each batch."""
        with self._lock:
            self._audio_s += seconds
        self._on_progress(seconds)

    def should_stop(self) -> str | None:
        """Say why a training is to leave a checkpoint; None: it goes on."""
        return self.over() or self._reason

    def say(self, **more: Any) -> None:
        """Append a record: where this is, at which job, how much was decoded, what rows are new, and more."""
        with self._writing:
            audio_s, rows = self._audio_s, list(self.rows)
            self._records.append({**self._process, "at": self.at, "heard": audio_s, "rows": rows, **more})
            del self.rows[: len(rows)]
            self._written, self._reported_s = time.monotonic(), audio_s

    def _loop(self) -> None:
        """Tell and look until the block ends; a store that fails for a while is tried again."""
        while not self._closed.wait(min(POLL_S, self._work.heartbeat_s)):
            try:
                self._read_orders()
                late = time.monotonic() - self._written >= self._work.heartbeat_s
                if late or self.rows or self._audio_s != self._reported_s:
                    self.say()
            except Exception as error:
                _log.warning("Run %s could not reach the store: %s", self._run, error)

    def _read_orders(self) -> None:
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
            self._parent = beat, time.monotonic()
        if not self._work.exists:
            self._why = "the run that asked for it has ended"
        elif time.monotonic() - self._parent[1] > PARENT_SILENT_S:
            self._why = "its parent has been silent for too long"
        if self._why is not None:
            self.cancelled.set()
