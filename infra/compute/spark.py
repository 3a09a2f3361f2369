"""Compute on Spark: a placement is a Spark task, and jobs and outcomes go through the store.

A Spark job has as many tasks as placements are worth their starts; when those are measured to be slow, another one adds
to them. Each takes parts from a board until none is free, so that a slow executor holds nobody up; one that Spark tries
again goes on where its dead attempt was.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any

from acento.core.errors import AcentoError, InputError, TransientError, own_line
from acento.core.settings import settings
from acento.core.store import Store
from acento.jobs.job import Job
from acento.models.devices import Elsewhere
from acento.training.loop.state import Row
from infra.compute.base import Compute, Outcome
from infra.compute.board import BEAT_S, Board
from infra.compute.portable import passed_on, portable
from infra.compute.reach import check_reach
from infra.compute.sizing import Pace, Sizer
from infra.spark.placement import Errand, Placed, place, placement_prefix, task_of
from infra.spark.session import Session, check_spark, current_master, is_alive, is_local, open_session

_log = logging.getLogger(__name__)

POLL_S = 0.5
"""Seconds between two looks at the board."""
SILENT_BEATS = 6
"""A placement that missed so many beats hangs."""
GRACE_S = 120.0
"""Seconds that placements have for a checkpoint, once their run is called off, before Spark kills their processes."""


class SparkCompute(Compute):
    """Placements in Spark's executors, on this machine or a cluster."""

    name = "spark"
    beat_s = BEAT_S
    """Seconds between two signs of life of a placement."""

    def __init__(self, store: Store) -> None:
        """Take the store that jobs read from and write to; every executor must reach it by the same URL."""
        self._store = store
        self._session: Session | None = None
        self._lock = threading.Lock()
        self._sizer = Sizer()

    def check(self, *, begin: bool = True) -> Elsewhere | None:
        """See :meth:`Compute.check`; starts nothing yet."""
        if begin:
            check_spark()
        master = current_master()
        check_reach(self.name, master, self._store.url)
        if is_local(master):
            return None
        gpu = settings().gpu_type.partition(",")[0].strip()
        return Elsewhere(gpu=gpu or None)

    def run(
        self,
        jobs: Sequence[Job],
        *,
        placements: int,
        heard: Callable[[float], None] = lambda _: None,
        noted: Callable[[Row], None] = lambda _: None,
        stop: Callable[[], str | None] = lambda: None,
    ) -> Generator[Outcome, None, None]:
        """See :meth:`Compute.run`; audio and rows are told from this thread.

        Raises:
            InputError: pyspark or Java is missing, or the executors cannot reach the store.
            TransientError: the cluster does not answer.
        """
        if not jobs:
            return
        self.check()
        context = self._context(gpu=any(job.options.device_type == "cuda" for job in jobs))
        board = Board.post(self._store, [portable(job) for job in jobs], beat_s=self.beat_s)
        board.jobs = list(jobs)  # outcomes are of what the caller knows
        work = _Work(context, self._store.url, board, ", ".join(sorted({job.kind for job in jobs})))
        left = list(jobs)
        told, stopped = 0.0, False
        try:
            while left:
                self._sizer.learn(jobs, work.paces)
                wanted = self._sizer.wanted(jobs, len(left), placements, told)
                if work.grow(wanted.placements):
                    _log.info("%s.", wanted.why)
                over = work.over  # asked first: what was said until then is all on the board
                outcomes = board.outcomes()
                for row in board.rows():
                    noted(row)
                self._end_silent(board, work)
                work.see()
                if board.progress() > told:
                    heard(board.progress() - told)
                    told = board.progress()
                for outcome in outcomes:
                    left.remove(outcome.job)
                    yield outcome
                if over and left:
                    error = work.error()
                    self._drop(context)
                    yield from (Outcome(job, None, error) for job in left)
                    return
                if not stopped and (reason := stop()) is not None:
                    board.stop(reason)
                    stopped = True
                work.wait(POLL_S)
        finally:
            board.cancel()
            work.end()
            board.clear()

    def close(self) -> None:
        """See :meth:`Compute.close`; a session that was there before stays."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()

    def _end_silent(self, board: Board, work: "_Work") -> None:
        """End placements that hang, which Spark does not notice: it then tries their tasks again."""
        now = time.monotonic()
        for name, seen in board.beats().items():
            if now - seen > SILENT_BEATS * board.beat_s and board.holds(name):
                work.kill(name, f"it gave no sign of life for {now - seen:.0f} s")

    def _context(self, *, gpu: bool) -> Any:
        """Return the Spark context, started when it is first needed."""
        with self._lock:
            if self._session is None:
                self._session = open_session(current_master(), gpu=gpu)
            return self._session.context

    def _drop(self, context: Any) -> None:
        """Forget a context that has ended by itself, so that the next run starts another one."""
        if not is_alive(context):
            self.close()


class _Work:
    """The Spark jobs of one run, each in a thread of its own; they can be called off."""

    def __init__(self, context: Any, store_url: str, board: Board, what: str) -> None:
        self._context, self._store_url, self._board, self._what = context, store_url, board, what
        self._group = f"acento-{board.id}"
        self._threads: list[threading.Thread] = []
        self._paces: dict[str, Pace] = {}
        self._placed: list[Placed] = []
        self._failure: BaseException | None = None
        self._killed: set[str] = set()

    def grow(self, wanted: int) -> bool:
        """See that so many placements were begun in all; tell whether some had to be.

        A Spark job has a fixed number of tasks, so those that are added are another one's.
        """
        from pyspark import InheritableThread

        numbers = range(len(self._paces), wanted)
        if numbers:
            self._paces |= {placement_prefix(number): Pace(time.monotonic()) for number in numbers}
            errand = Errand(self._store_url, self._board.id, wanted, passed_on(), self._board.beat_s)
            thread = InheritableThread(target=self._run, args=(errand, numbers), name=self._group, daemon=True)
            thread.start()
            self._threads.append(thread)
        return bool(numbers)

    @property
    def paces(self) -> list[Pace]:
        """What was measured of each placement."""
        return list(self._paces.values())

    def see(self) -> None:
        """Note what each placement has heard, as far as the board has seen."""
        now = time.monotonic()
        for prefix, pace in self._paces.items():
            pace.see(now, sum(s for name, s in self._board.heard.items() if name.startswith(prefix)))

    @property
    def over(self) -> bool:
        """Whether the Spark jobs have ended, well or not."""
        return not any(thread.is_alive() for thread in self._threads)

    def wait(self, seconds: float) -> None:
        """Wait until they have ended, but not longer."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def kill(self, placement: str, why: str) -> None:
        """End the task of one placement, once; Spark tries it again."""
        if placement not in self._killed:
            self._killed.add(placement)
            _log.warning("Placement %s is ended: %s.", placement, why)
            self._context._jsc.sc().killTaskAttempt(task_of(placement), True, why)

    def error(self) -> AcentoError:
        """Say why jobs are left, though the Spark job has ended."""
        refused = next((placed.refused for placed in self._placed if placed.refused), None)
        if refused is not None:
            return InputError(refused)
        if self._failure is None:
            return TransientError("The Spark job ended, and left work undone: its placements were held to be dead.")
        said = _sentence(self._failure)
        if not is_alive(self._context):
            return TransientError(
                f"The Spark session at {current_master()} ended by itself: its master does not answer, or it was "
                f"stopped. Spark says: {said}"
            )
        if re.match("ModuleNotFoundError: No module named '(acento|infra)", said):
            return InputError(
                "The Python of Spark's executors has no Acento: install the same version on every machine, and name "
                "its Python in PYSPARK_PYTHON, or as docs/how-to/spark.md says."
            )
        return TransientError(f"The Spark job failed: {said}")

    def end(self) -> None:
        """Wait until placements have ended, which were told to; kill those that take too long."""
        self.wait(GRACE_S)
        if not self.over:
            self._context.cancelJobGroup(self._group)
        for thread in self._threads:
            thread.join()

    def _run(self, errand: Errand, numbers: range) -> None:
        try:
            self._context.setJobGroup(self._group, f"acento: {self._what}", interruptOnCancel=True)
            tasks = self._context.parallelize(numbers, len(numbers))
            placed = tasks.mapPartitions(partial(_on_executor, errand)).collect()
            self._placed += placed
            for one in placed:
                _log.info("Placement %s on %s (process %d): %d done.", one.name, one.host, one.pid, one.done)
        except BaseException as error:
            self._failure = error


def _on_executor(errand: Errand, numbers: Iterator[int]) -> Iterator[Placed]:
    (number,) = numbers
    return place(errand, number)


def _sentence(error: BaseException) -> str:
    """Return what is worth reading of an error that Spark wraps several times."""
    java = getattr(error, "java_exception", None)
    return own_line(str(java.getMessage() if java is not None else error)) or type(error).__name__
