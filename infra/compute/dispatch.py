"""The parent of runs: it cuts jobs into slices, submits each to an engine, and submits again what is still lacking.

What is common to every engine that distributes work is here; what one calls its runs is its :class:`Engine`.
"""

import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from acento.core.callbacks import Callbacks
from acento.core.errors import AcentoError, StoreError, TransientError
from acento.core.settings import settings
from acento.core.store import Store
from acento.core.store.coordination import release_of
from acento.jobs.job import Job
from acento.training.loop.state import Row
from infra.compute.base import Outcome
from infra.compute.serialization import read_outcome, tell_deaths
from infra.compute.sizing import Pace, Sizer, cut, cut_tail
from infra.compute.worklist import WorkList

_log = logging.getLogger(__name__)

ASK_S = 2.0
"""Seconds between two questions to the engine."""
LOOK_S = (0.2, 2.0)
"""Seconds between two looks at the records of runs: at first and after news, and at most."""
SILENT_BEATS = 6
"""A run without so many signs of life is dead."""
DEATHS = 3
"""So many runs may die over one job, before the job itself is held to be the cause."""
START_LIMIT_S = 1800.0
"""Seconds in which the first run has to begin: a machine is found, an image is pulled."""
WAITING_S = 60.0
"""After so many seconds without a run that begins, it is said why that may be."""

Phase = Literal["waiting", "taken", "running", "ended", "died", "cancelled"]
"""Waiting for a worker; taken by one and not yet begun; running; and how it ended."""


@dataclass(frozen=True, slots=True)
class RunState:
    """What an engine says of a run."""

    phase: Phase
    why: str = ""
    """Of a run that died or was cancelled: what the engine says."""


class Engine(ABC):
    """Where slices are submitted as runs."""

    title: str
    """What it is called in sentences, such as ``work pool 'gpus'``."""
    taken_limit_s: float = START_LIMIT_S
    """Seconds for which a run may be taken by a worker without a first sign of life: then that worker died."""

    @abstractmethod
    def submit(self, work: str, run: str, indices: Sequence[int], count: int) -> str | None:
        """Submit a slice as a run, and return the engine's id of it; None: the engine is away now.

        Args:
            work: the id of the work list.
            run: the run's name in the work list.
            indices: the slice: jobs by their index in the work list.
            count: how many runs share the work.

        Raises:
            InputError: the engine refuses it.
            TransientError: it has been away for too long.
        """

    @abstractmethod
    def states(self, ids: Sequence[str]) -> Mapping[str, RunState] | None:
        """Return the state of each run that the engine knows; None: the engine is away now.

        Raises:
            TransientError: it has been away for too long.
        """

    @abstractmethod
    def cancel(self, ids: Iterable[str]) -> None:
        """End runs; errors of the engine are logged."""

    @abstractmethod
    def give_up(self, id: str, why: str) -> None:
        """Tell the engine that a run is dead, which it does not know; errors of the engine are logged."""

    def check_waiting(self) -> str:
        """Return what may keep runs from beginning, in words for a person.

        Raises:
            InputError: nobody works for it any more.
        """
        return "its workers may be busy"

    def say(self, sentence: str, *, warn: bool = False) -> None:
        """Log a sentence where a person looks for it."""
        (_log.warning if warn else _log.info)(sentence)


@dataclass(slots=True)
class _Run:
    """One submitted slice, as the parent knows it."""

    name: str
    id: str
    indices: list[int]
    """Jobs that have no outcome yet and were not given to another run."""
    pace: Pace
    seen: float
    """When its last record was read, or its phase changed."""
    phase: Phase = "waiting"
    began: bool = False
    where: tuple[str, int] | None = None
    """Host and process."""
    at: int | None = None
    """The job that it is at."""
    heard: float = 0.0
    read: int = 0
    ended: bool = False


class Dispatcher:
    """The runs of one work list, from the first slice to the last outcome."""

    def __init__(
        self, store: Store, sent: Sequence[Job], jobs: Sequence[Job], engine: Engine, sizer: Sizer, heartbeat_s: float
    ) -> None:
        """Write the list of jobs down.

        Args:
            store: where runs find the list and leave records.
            sent: the jobs as runs are given them.
            jobs: the same jobs as the caller knows them.
            engine: where slices are submitted.
            sizer: what is known of the speed of workers.
            heartbeat_s: seconds between two signs of life, of runs and of this parent.

        Raises:
            StoreError: the store cannot be written.
        """
        self.work = WorkList.post(store, sent, heartbeat_s=heartbeat_s)
        self._jobs, self._engine, self._sizer = list(jobs), engine, sizer
        self._open = set(range(len(jobs)))
        self._queue: deque[list[int]] = deque()
        self._runs: list[_Run] = []
        self._deaths: dict[int, list[str]] = {}
        self._barren: list[str] = []
        """Why runs ended, one after another, since the work came forward last."""
        self._found: list[Outcome] = []
        self._rows: list[Row] = []
        self._wanted = self._replacements = 0
        self._most = float("inf")
        self._asked = self._beaten = float("-inf")
        self._audio, self._began = 0.0, time.monotonic()
        self._said_waiting = self._news = False

    def run(
        self,
        workers: int,
        callbacks: Callbacks,
        *,
        patience_s: float,
    ) -> Generator[Outcome, None, None]:
        """Yield what :meth:`outcomes` yields; leave no run at work and no list, however it ends.

        Args:
            workers, callbacks: as :meth:`outcomes` takes them.
            patience_s: seconds that runs may take to end when they are called off, before the engine ends them.
        """
        called_off = True
        try:
            yield from self.outcomes(workers, callbacks)
            called_off = False
        finally:
            self.end(called_off=called_off, patience_s=patience_s)

    def outcomes(
        self,
        workers: int,
        callbacks: Callbacks,
    ) -> Generator[Outcome, None, None]:
        """Keep runs at work and yield each outcome when it is there.

        Args:
            workers: how many runs there may be at a time.
            callbacks: called from this thread; ``should_stop`` at each look.

        Raises:
            AcentoError: runs end one after another and finish nothing, or none begins.
            InputError: the engine refuses a run, or nobody works for it.
            TransientError: the engine stays away.
        """
        stopped, told, pause = False, 0.0, LOOK_S[0]
        while True:
            self._beat()
            self._read()
            rows, self._rows = self._rows, []
            for row in rows:
                callbacks.on_metrics(row)
            if self._audio > told:
                callbacks.on_progress(self._audio - told)
                told = self._audio
            if not stopped and (reason := callbacks.should_stop()) is not None:
                self.work.stop(reason)
                stopped = True
            found, self._found = self._found, []
            yield from found
            if not self._open:
                return
            news, self._news = self._news, False
            if news:
                self._barren.clear()
            self._size(workers)
            self._look()
            pause = LOOK_S[0] if news or self._found else min(pause * 1.3, LOOK_S[1])
            time.sleep(pause)

    def end(self, *, called_off: bool, patience_s: float) -> None:
        """Leave nothing behind: no run that goes on, no list.

        Args:
            called_off: runs are to end now, and are waited for; else they are at their end.
            patience_s: seconds that they may take, before the engine ends them.
        """
        try:
            if called_off:
                try:
                    self.work.cancel()
                except Exception as error:  # what ended the work is to be said, and not this
                    _log.warning("Could not tell runs to end: %s", error)
                self.wait(time.monotonic() + patience_s)
            else:
                self._engine.cancel([run.id for run in self._alive() if not run.began])
        finally:
            try:
                self.work.clear()
            except StoreError as error:  # the work is done all the same
                self._engine.say(f"The list of jobs {self.work.id} could not be removed: {error}", warn=True)

    def wait(self, deadline: float) -> None:
        """Wait until every run has ended; at the deadline end what has not."""
        while alive := self._alive():
            try:
                states = self._engine.states([run.id for run in alive])
            except AcentoError as error:
                _log.warning("Runs of %s are ended without waiting for them: %s", self._engine.title, error)
                self._engine.cancel([run.id for run in alive])
                return
            self._read()
            for run in alive:
                run.phase = run.phase if states is None else states.get(run.id, RunState("ended")).phase
                run.ended = run.ended or run.phase in ("ended", "died", "cancelled")
            self._engine.cancel([run.id for run in self._alive() if not run.began and run.phase != "running"])
            if time.monotonic() >= deadline:
                self._engine.cancel([run.id for run in self._alive()])
                return
            if self._alive():
                time.sleep(0.3)

    def _alive(self) -> list[_Run]:
        return [run for run in self._runs if not run.ended]

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self._beaten >= self.work.heartbeat_s:
            self._beaten = now
            self.work.beat()

    # ---- what runs say

    def _read(self) -> None:
        """Read the new records of runs that have not ended."""
        self.work.store.refresh()
        for run in self._alive():
            records = self.work.run(run.name)
            found = records.since(run.read)
            for number, record in found:
                run.read = number
                self._take(run, record)
            if found:
                run.seen = time.monotonic()
                records.clear([number for number, _ in found[:-1]])

    def _take(self, run: _Run, record: Mapping[str, Any]) -> None:
        """Take one record of a run into account."""
        run.began, run.at, run.where = True, record["at"], (str(record["host"]), int(record["pid"]))
        heard = float(record["heard"])
        if heard > run.heard:
            self._audio += heard - run.heard
            run.heard, self._news = heard, True
            run.pace.see(time.monotonic(), heard)
        if record["rows"]:
            self._rows += record["rows"]
            self._news = True
        if "outcome" in record:
            self._finish(int(record["outcome"]), record)
        if "ended" in record:
            self._bury(run, str(record["ended"]), died=bool(record["blame"]))

    def _finish(self, index: int, told: Mapping[str, Any]) -> None:
        """Hand on what came of a job, the first time that somebody says so."""
        for run in self._runs:
            if index in run.indices:
                run.indices.remove(index)
        if index in self._open:
            self._open.remove(index)
            self._news = True
            self._found.append(Outcome(self._jobs[index], *read_outcome(self._jobs[index], dict(told))))

    # ---- who lives

    def _look(self) -> None:
        """See who lives, submit again what the dead left, and keep as many runs at work as are wanted."""
        now = time.monotonic()
        if now - self._asked < ASK_S:
            return
        self._asked = now
        alive = self._alive()
        states = self._engine.states([run.id for run in alive]) if alive else {}
        self._read()  # after the question: what a run said before it ended is there
        now = time.monotonic()
        for run in alive:
            if not run.ended and states is not None and run.id in states:
                self._judge(run, states[run.id], now)
            if not run.ended:
                self._check_life(run, now)
        if not self._open:
            return
        if len(self._barren) > (self._wanted + 2 if any(run.began for run in self._runs) else 1):
            raise AcentoError(
                f"{len(self._barren)} runs of {self._engine.title} ended one after another and finished nothing; the "
                f"last one said: {self._barren[-1]}"
            )
        if states is not None:
            self._submit()
            self._check_waiting(now)

    def _judge(self, run: _Run, state: RunState, now: float) -> None:
        """Take what the engine says of a run into account."""
        if run.phase != state.phase:
            run.phase = state.phase
            if not run.began:
                run.seen = now
        if state.phase == "died":
            self._engine.say(f"A run of {self._engine.title} died: {state.why}", warn=True)
            self._bury(run, state.why, died=True)
        elif state.phase == "cancelled" and not run.began and any(other.began for other in self._alive()):
            # a limit of the engine's that refuses what would have to wait
            self._most = max(1, sum(other.began for other in self._alive()))
            self._bury(run, "", died=False)
        elif state.phase in ("ended", "cancelled"):
            self._bury(run, state.why or "it left jobs undone", died=state.phase == "ended")

    def _check_life(self, run: _Run, now: float) -> None:
        """Give up a run that fell silent, or was taken by a worker and never began."""
        silent = now - run.seen
        if run.began and silent > SILENT_BEATS * self.work.heartbeat_s:
            self._give_up(run, f"it gave no sign of life for {silent:.0f} s")
        elif not run.began and run.phase in ("taken", "running") and silent > self._engine.taken_limit_s:
            self._give_up(run, f"a worker took it, and for {silent:.0f} s it has not begun")

    def _give_up(self, run: _Run, why: str) -> None:
        self._engine.say(f"A run of {self._engine.title} is given up: {why}.", warn=True)
        self.work.leave(run.name)
        self._engine.give_up(run.id, f"Given up: {why}.")
        self._bury(run, why, died=True)

    def _bury(self, run: _Run, why: str, *, died: bool) -> None:
        """Count a run among those that ended, and queue what it left: the job that it died over by itself."""
        run.ended = True
        left = [index for index in run.indices if index in self._open]
        if not left:
            return
        if why:
            self._barren.append(why)
        suspect = run.at if died and run.at in left else None
        if suspect is not None:
            left.remove(suspect)
            self._blame(suspect, run, why)
        for again in (left, [suspect] if suspect is not None and suspect in self._open else []):
            if again:
                self._queue.appendleft(again)
                self._replacements += 1

    def _blame(self, index: int, run: _Run, why: str) -> None:
        """Note that a run died over a job; a job over which three died is failed by name."""
        job = self._jobs[index]
        if job.kind == "finetune" and run.where is not None:
            release_of(self.work.store, f"{job.key}/lease", *run.where)
        deaths = self._deaths.setdefault(index, [])
        deaths.append(why)
        if len(deaths) >= DEATHS:
            self._finish(index, tell_deaths(job, deaths))

    # ---- what is submitted

    def _size(self, workers: int) -> None:
        """Say how many runs the work that is left justifies, and cut it when that is first known."""
        self._sizer.learn(self._jobs, [run.pace for run in self._runs])
        size = self._sizer.wanted(self._jobs, len(self._open), workers, self._audio)
        if size.workers > self._wanted:
            self._wanted = size.workers
            self._engine.say(f"{size.why}.")
        if not self._runs and not self._queue:
            training = self._jobs[0].kind == "finetune"
            seconds = [self._seconds(index) for index in range(len(self._jobs))]
            self._queue.extend(cut(seconds, len(seconds) if training else self._wanted))

    def _submit(self) -> None:
        """Submit slices until as many runs are at work as are wanted."""
        while len(self._alive()) < min(self._wanted, self._most):
            indices = self._queue.popleft() if self._queue else self._take_over()
            if not indices:
                return
            name = f"{len(self._runs) + 1:04d}"
            id = self._engine.submit(self.work.id, name, indices, self._wanted)
            if id is None:
                self._queue.appendleft(indices)
                return
            now = time.monotonic()
            self._runs.append(_Run(name, id, indices, Pace(now), now))

    def _take_over(self) -> list[int]:
        """Return jobs that the run with most of its work before it leaves to a new one; none where it is not worth it.

        A run more is worth its start while fewer were begun than the work justifies; after that only if the other run
        would still be at it for long, and nothing waits for a worker.
        """
        if self._jobs[0].kind == "finetune":
            return []
        alive = [run for run in self._alive() if run.began]
        waiting = len(self._alive()) - len(alive)
        justified = len(self._runs) - self._replacements < self._wanted
        if waiting >= (len(alive) if justified else 1):
            return []
        speed, start_s = self._sizer.speed(self._jobs), self._sizer.start_s
        best: tuple[float, _Run, float, list[int]] | None = None
        for run in alive:
            rest = [index for index in run.indices if index != run.at]
            rtfx = run.pace.rtfx or speed
            seconds = sum(self._seconds(index) for index in rest) / rtfx
            if rest and (best is None or seconds > best[0]):
                best = (seconds, run, rtfx, rest)
        if best is None:
            return []
        seconds, run, rtfx, rest = best
        if not justified and seconds < start_s * max(2.0, 0.2 / settings().start_share):
            return []
        index = cut_tail([self._seconds(index) for index in rest], rtfx, speed, start_s)
        given = rest[index:]
        if given:
            self.work.leave(run.name, given)
            run.indices = [index for index in run.indices if index not in given]
        return given

    def _seconds(self, index: int) -> float:
        job = self._jobs[index]
        return job.seconds if job.kind == "transcribe" else 0.0

    def _check_waiting(self, now: float) -> None:
        """Say why nothing begins; end it when it does not for long."""
        alive = self._alive()
        if not alive or any(run.began for run in alive):
            return
        waited = now - min(run.pace.submitted for run in alive)
        if waited < WAITING_S:
            return
        if not self._said_waiting:
            self._said_waiting = True
            why = self._engine.check_waiting()
            self._engine.say(f"No run of {self._engine.title} has begun in {waited:.0f} s: {why}.", warn=True)
        if waited > START_LIMIT_S:
            raise TransientError(
                f"No run of {self._engine.title} began within {waited / 60:.0f} minutes; see what its workers say."
            )
