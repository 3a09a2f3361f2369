"""The parent of runs: it submits slices of the jobs to an engine, and submits again what is still lacking."""

import logging
import time
from collections import defaultdict, deque
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from acento.core.callbacks import Callbacks
from acento.core.errors import AcentoError, StoreError, TransientError
from acento.core.store.coordination import release_of
from acento.jobs.job import Job
from acento.training.loop.state import Row
from infra.compute.base import Outcome
from infra.compute.dispatch.engine import START_LIMIT_S, RunState, SliceEngine
from infra.compute.dispatch.serialization import dump_deaths, load_outcome
from infra.compute.dispatch.sizing import Pace, Sizer
from infra.compute.dispatch.slices import Run, Slices
from infra.compute.dispatch.worklist import WorkList

_log = logging.getLogger(__name__)

POLL_ENGINE_S = 2.0
"""Seconds between two questions to the engine."""
POLL_RECORDS_S = (0.2, 2.0)
"""Seconds between two looks at the records of runs: at first and after news, and at most."""
DEATHS = 3
"""So many runs may die over one job, before the job itself is held to be the cause."""
WAITING_S = 60.0
"""After so many seconds without a run that begins, it is said why that may be."""


class Dispatcher:
    """The runs of one work list, from the first slice to the last outcome."""

    def __init__(self, work: WorkList, jobs: Sequence[Job], engine: SliceEngine, sizer: Sizer) -> None:
        """Take the parent's side of the list, its jobs as the caller knows them, the engine, and the sizer."""
        self.work = work
        self._jobs, self._engine = list(jobs), engine
        self._slices = Slices(work, self._jobs, sizer)
        self._open = set(range(len(jobs)))
        self._runs: list[Run] = []
        self._deaths: defaultdict[int, list[str]] = defaultdict(list)
        self._failures: list[str] = []
        """Why runs ended, one after another, since the work came forward last."""
        self._found: deque[Outcome] = deque()
        self._rows: deque[Row] = deque()
        self._most = float("inf")
        self._polled = self._heartbeat = float("-inf")
        self._audio_s = self._told_s = 0.0
        self._warned_waiting = self._news = False

    def run(self, workers: int, callbacks: Callbacks, *, patience_s: float) -> Generator[Outcome, None, None]:
        """Keep runs at work and yield each outcome when it is there; leave no run and no list, however it ends.

        Args:
            workers: how many runs there may be at a time.
            callbacks: called from this thread; ``should_stop`` at each poll.
            patience_s: seconds that runs may take to end when they are called off, before the engine ends them.

        Raises:
            AcentoError: runs end one after another and finish nothing, or none begins.
            InputError: the engine refuses a run, or nobody works for it.
            TransientError: the engine stays away.
        """
        try:
            yield from self._outcomes(workers, callbacks)
            self._engine.cancel([run.id for run in self._alive if not run.began])
        except BaseException:
            try:
                self.work.cancel()
            except Exception as error:  # what ended the work is to be said, and not this
                _log.warning("Could not tell runs to end: %s", error)
            self.wait(time.monotonic() + patience_s)
            raise
        finally:
            try:
                self.work.clear()
            except StoreError as error:  # the work is done all the same
                self._engine.say(f"The list of jobs {self.work.id} could not be removed: {error}", warn=True)

    def _outcomes(self, workers: int, callbacks: Callbacks) -> Generator[Outcome, None, None]:
        stopped, pause = False, POLL_RECORDS_S[0]
        while True:
            if time.monotonic() - self._heartbeat >= self.work.heartbeat_s:
                self._heartbeat = time.monotonic()
                self.work.beat()
            self._read_records()
            while self._rows:
                callbacks.on_metrics(self._rows.popleft())
            if self._audio_s > self._told_s:
                callbacks.on_progress(self._audio_s - self._told_s)
                self._told_s = self._audio_s
            if not stopped and (reason := callbacks.should_stop()) is not None:
                self.work.stop(reason)
                stopped = True
            while self._found:
                yield self._found.popleft()
            if not self._open:
                return
            news, self._news = self._news, False
            if news:
                self._failures.clear()
            if why := self._slices.size(len(self._open), workers, self._audio_s, self._runs):
                self._engine.say(f"{why}.")
            self._poll_engine()
            pause = POLL_RECORDS_S[0] if news or self._found else min(pause * 1.3, POLL_RECORDS_S[1])
            time.sleep(pause)

    def wait(self, deadline: float) -> None:
        """Wait until every run has ended; at the deadline end what has not."""
        while alive := self._alive:
            try:
                states = self._engine.states([run.id for run in alive])
            except AcentoError as error:
                _log.warning("Runs of %s are ended without waiting for them: %s", self._engine.title, error)
                self._engine.cancel([run.id for run in alive])
                return
            self._read_records()
            for run in alive:
                run.phase = run.phase if states is None else states.get(run.id, RunState("ended")).phase
                run.ended = run.ended or run.phase in ("ended", "died", "cancelled")
            self._engine.cancel([run.id for run in self._alive if not run.began and run.phase != "running"])
            if time.monotonic() >= deadline:
                self._engine.cancel([run.id for run in self._alive])
                return
            if self._alive:
                time.sleep(0.3)

    @property
    def _alive(self) -> list[Run]:
        return [run for run in self._runs if not run.ended]

    def _read_records(self) -> None:
        """Read the new records of runs that have not ended."""
        self.work.store.refresh()
        for run in self._alive:
            records = self.work.run(run.name)
            found = records.since(run.read)
            for number, record in found:
                run.read = number
                audio_s = run.update(record)
                self._audio_s += audio_s
                self._rows += record["rows"]
                self._news = self._news or bool(audio_s or record["rows"])
                if "outcome" in record:
                    self._complete(int(record["outcome"]), record)
                if "ended" in record:
                    self._end_run(run, str(record["ended"]), died=bool(record["blame"]))
            if len(found) > 1:
                records.clear([number for number, _ in found[:-1]])

    def _complete(self, index: int, record: Mapping[str, Any]) -> None:
        """Hand on what came of a job, the first time that somebody says so."""
        for run in self._runs:
            if index in run.indices:
                run.indices.remove(index)
        if index in self._open:
            self._open.remove(index)
            self._news = True
            self._found.append(load_outcome(self._jobs[index], record))

    def _poll_engine(self) -> None:
        """See who lives, submit again what the dead left, and keep as many runs at work as are wanted."""
        if time.monotonic() - self._polled < POLL_ENGINE_S:
            return
        self._polled = time.monotonic()
        alive = self._alive
        states = self._engine.states([run.id for run in alive]) if alive else {}
        self._read_records()  # after the question: what a run said before it ended is there
        now = time.monotonic()
        for run in alive:
            if not run.ended and states is not None and run.id in states:
                self._apply_state(run, states[run.id], now)
            if not run.ended and (why := run.lost(now, self.work.heartbeat_s, self._engine.taken_limit_s)):
                self._give_up(run, why)
        if not self._open:
            return
        if len(self._failures) > (self._slices.wanted + 2 if any(run.began for run in self._runs) else 1):
            raise AcentoError(
                f"{len(self._failures)} runs of {self._engine.title} ended one after another and finished nothing; the "
                f"last one said: {self._failures[-1]}"
            )
        if states is not None:
            self._submit()
            self._check_waiting(now)

    def _apply_state(self, run: Run, state: RunState, now: float) -> None:
        """Take what the engine says of a run into account."""
        if run.phase != state.phase:
            run.phase = state.phase
            if not run.began:
                run.seen = now
        if state.phase == "died":
            self._engine.say(f"A run of {self._engine.title} died: {state.why}", warn=True)
            self._end_run(run, state.why, died=True)
        elif state.phase == "cancelled" and not run.began and any(other.began for other in self._alive):
            # a limit of the engine's that refuses what would have to wait
            self._most = max(1, sum(other.began for other in self._alive))
            self._end_run(run, "", died=False)
        elif state.phase in ("ended", "cancelled"):
            self._end_run(run, state.why or "it left jobs undone", died=state.phase == "ended")

    def _give_up(self, run: Run, why: str) -> None:
        self._engine.say(f"A run of {self._engine.title} is given up: {why}.", warn=True)
        self.work.leave(run.name)
        self._engine.give_up(run.id, f"Given up: {why}.")
        self._end_run(run, why, died=True)

    def _end_run(self, run: Run, why: str, *, died: bool) -> None:
        """Count a run among those that ended, and queue what it left: the job that it died over by itself."""
        run.ended = True
        left = [index for index in run.indices if index in self._open]
        if not left:
            return
        if why:
            self._failures.append(why)
        rest = [index for index in left if not died or index != run.at]
        if rest:
            self._slices.put_first(rest, replaces=True)
        if rest != left:
            self._count_death(run, why)

    def _count_death(self, run: Run, why: str) -> None:
        """Submit the job that a run died over again; one over which three died is failed by name."""
        assert run.at is not None
        job, deaths = self._jobs[run.at], self._deaths[run.at]
        if job.kind == "finetune" and run.process is not None:
            release_of(self.work.store, f"{job.key}/lease", *run.process)
        deaths.append(why)
        if len(deaths) >= DEATHS:
            self._complete(run.at, dump_deaths(job, deaths))
        else:
            self._slices.put_first([run.at], replaces=True)

    def _submit(self) -> None:
        while len(self._alive) < min(self._slices.wanted, self._most):
            indices = self._slices.take(self._runs)
            if not indices:
                return
            name = f"{len(self._runs) + 1:04d}"
            id = self._engine.submit(self.work.id, name, indices, self._slices.wanted)
            if id is None:
                self._slices.put_first(indices)
                return
            now = time.monotonic()
            self._runs.append(Run(name, id, indices, Pace(now), now))

    def _check_waiting(self, now: float) -> None:
        """Say why nothing begins; end it when it does not for long."""
        waiting = [run.pace.submitted for run in self._alive]
        waited = now - min(waiting, default=now)
        if waited < WAITING_S or any(run.began for run in self._alive):
            return
        if not self._warned_waiting:
            self._warned_waiting = True
            why = self._engine.check_waiting()
            self._engine.say(f"No run of {self._engine.title} has begun in {waited:.0f} s: {why}.", warn=True)
        if waited > START_LIMIT_S:
            raise TransientError(
                f"No run of {self._engine.title} began within {waited / 60:.0f} minutes; see what its workers say."
            )
