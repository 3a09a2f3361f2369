"""What a placement does with a board: take jobs one after another, the model loaded once, and say that it lives."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acento.core.errors import AcentoError, StoreError
from acento.core.store.coordination import release_of
from acento.inference.runner import Placement, Runner
from acento.jobs.job import Result
from acento.training.job import FinetuneResult
from acento.training.loop.state import Row
from infra.compute.telling import tell_error, tell_result

if TYPE_CHECKING:
    from infra.compute.board import Board

_log = logging.getLogger(__name__)

LOOK_S = 2.0
"""Seconds between two looks at what the parent orders, and between two reports of what was heard."""
PARENT_SILENT_S = 600.0
"""A placement ends when it has seen no beat of its parent for so long: nobody waits for it any more."""


@dataclass(frozen=True, slots=True)
class Served:
    """What a placement did."""

    name: str
    done: int
    """Jobs with a result."""
    failed: int
    """Jobs with an error."""
    why: str
    """Why it ended, in words for a person."""


def serve(
    board: "Board",
    runner: Runner,
    name: str,
    backend: str,
    count: int,
    *,
    ending: threading.Event | None = None,
    heard: Callable[[float], None] = lambda _: None,
) -> Served:
    """Take jobs of a board until none is free, or this placement is told to end.

    Args:
        board: the placement's side of it.
        runner: executes the jobs; closing it is the caller's.
        name: of this placement, and of no other one or earlier attempt: letters, digits and ``._-``.
        backend: what measurements say of it.
        count: how many placements share the work.
        ending: set by a signal that this machine is to be given back: a training leaves a checkpoint, and what was
            taken is free for others at once.
        heard: told audio seconds as they are decoded.

    Raises:
        AcentoError: the store cannot be read or written.
    """
    done = failed = 0
    with _Life(board, name, ending or threading.Event(), heard) as life:
        placement = Placement(
            backend=backend,
            count=count,
            heard=life.heard,
            noted=life.noted,
            stop=life.stop,
            cancelled=life.cancelled,
            name=name,
        )
        while (why := life.over()) is None:
            index = board.take(name)
            if index is None:
                why = "no job is free"
                break
            job = board.jobs[index]
            life.at(index)
            _log.info("%s takes %s.", name, job.title)
            told = None
            try:
                if job.kind == "finetune":
                    for host, pid in board.dead(index):
                        release_of(board.store, f"{job.key}/lease", host, pid)
                result = runner.execute(job, placement)
            except CancelledError:
                continue
            except (KeyboardInterrupt, SystemExit):
                board.void(name, "it was interrupted", blame=False)
                raise
            except Exception as error:
                if life.over() is None or isinstance(error, AcentoError):
                    _log.error("%s failed: %s", job.title, error)
                    told, failed = tell_error(error), failed + 1
            else:
                if not _cut_short(result, life):
                    told, done = tell_result(result), done + 1
            if told is not None:
                life.tell_rows()  # the parent has the rows of a training before its result
                board.finish(index, told)
        if life.voluntary:
            board.void(name, why, blame=False)
    return Served(name, done, failed, why)


def _cut_short(result: Result, life: "_Life") -> bool:
    """Tell whether a training ended because of this placement and not of its parent: then another one goes on."""
    return isinstance(result, FinetuneResult) and result.why == "stopped" and life.over() is not None


class _Life:
    """The thread that beats, hands on what was heard and learned, and looks for orders, also during a long part."""

    def __init__(self, board: "Board", name: str, ending: threading.Event, heard: Callable[[float], None]) -> None:
        self._board, self._name, self._ending, self._hear = board, name, ending, heard
        self.cancelled = threading.Event()
        self._why: str | None = None
        self._reason: str | None = None
        self._lock = threading.Lock()
        self._rows: list[Row] = []
        self._telling = threading.Lock()
        self._audio, self._told_audio = 0.0, 0.0
        self._beat_number = self._rows_number = 0
        self._beaten = float("-inf")
        self._job: int | None = None
        self._parent: tuple[int | None, float] = (None, time.monotonic())
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"beats of {name}", daemon=True)

    def __enter__(self) -> "_Life":
        self._beat()
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join()
        with suppress(StoreError):
            if self._board.store.find(self._board.key) is None:
                self._board.clear()  # what this placement said when nobody listened any more
            else:
                self._beat()

    @property
    def voluntary(self) -> bool:
        """Whether this placement ends by itself, its jobs for others to do."""
        return self._ending.is_set()

    def over(self) -> str | None:
        """Say why this placement is to end; None: it goes on."""
        if self._ending.is_set():
            return "its machine is to be given back"
        return self._why

    def at(self, index: int) -> None:
        """Say which job is being done."""
        self._job = index

    def heard(self, seconds: float) -> None:
        """Count audio; called from any thread, after each batch."""
        with self._lock:
            self._audio += seconds
        self._hear(seconds)
        if self._ending.is_set():
            self.cancelled.set()

    def noted(self, row: Row) -> None:
        """Keep a row of a training until it is handed on; called from any thread."""
        with self._lock:
            self._rows.append(row)

    def stop(self) -> str | None:
        """Say why a training is to leave a checkpoint; None: it goes on."""
        return self.over() or self._reason

    def tell_rows(self) -> None:
        """Hand on the rows that wait."""
        with self._telling:
            with self._lock:
                rows, self._rows = self._rows, []
            if rows:
                try:
                    self._board.note(self._name, self._rows_number, rows)
                    self._rows_number += 1
                except BaseException:
                    with self._lock:
                        self._rows = rows + self._rows
                    raise

    def _run(self) -> None:
        """Beat and look until the block ends; a store that fails for a while is tried again."""
        while not self._closed.wait(min(LOOK_S, self._board.beat_s)):
            try:
                self.tell_rows()
                self._look()
                if self._audio != self._told_audio or time.monotonic() - self._beaten >= self._board.beat_s:
                    self._beat()
            except Exception as error:
                _log.warning("%s could not reach the store: %s", self._name, error)

    def _beat(self) -> None:
        self._beaten, audio = time.monotonic(), self._audio
        about = {"heard": audio, "job": self._job, "host": socket.gethostname(), "pid": os.getpid()}
        self._board.beat(self._name, self._beat_number, about)
        self._beat_number += 1
        self._told_audio = audio

    def _look(self) -> None:
        """Read orders; those that end this placement also end its job."""
        orders = self._board.orders()
        if "cancel" in orders:
            self._why = orders["cancel"]
        elif f"void.{self._name}" in orders:
            self._why = "it was held to be dead, and others do its jobs"
        elif self._parent_is_gone():
            self._why = "its parent has been silent for too long"
        self._reason = orders.get("stop", self._reason)
        if self._why is not None or self._ending.is_set():
            self.cancelled.set()

    def _parent_is_gone(self) -> bool:
        number = self._board.parent_beat()
        if number != self._parent[0]:
            self._parent = (number, time.monotonic())
        return time.monotonic() - self._parent[1] > PARENT_SILENT_S
