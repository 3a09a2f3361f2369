"""The trial manager of one process: it hands out trials of a study, sends heartbeats, and records how trials end."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING

from acento.experiments.search.budget import Budget, Spent
from acento.experiments.search.outcome import COST, HEARTBEAT, MINUTES, SENTENCE, read_rows
from acento.experiments.search.space.parameters import Scalar
from acento.experiments.search.study import Study
from acento.experiments.search.trial import TrialOutcome, TrialReport, TrialRow

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

BEAT_S = 15.0
"""Seconds between two notes of what a running trial took so far."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class RunningTrial:
    """A trial that this process works on."""

    trial: "Trial"
    number: int
    point: dict[str, Scalar]
    report: TrialReport
    began: float
    """By the manager's clock, in seconds."""
    earlier: float
    """Minutes that earlier owners spent on it."""


class TrialManager:
    """Every access of a process to its study's database: one at a time, from whichever thread."""

    def __init__(
        self, study: Study, budget: Budget, clock: Callable[[], float], on_evaluation: Callable[[], object]
    ) -> None:
        """Take the study, its budget, a clock in seconds, and what to call after an evaluation."""
        self._study, self._budget, self._clock, self._on_evaluation = study, budget, clock, on_evaluation
        self._limit = study.plan.limit(budget.trials)
        self._lock = RLock()
        self._taken: dict[int, RunningTrial] = {}
        self.stopping: str | None = None
        """Why running trials should end at their next step."""

    @property
    def limit(self) -> int | None:
        """How many trials there will be; None: as many as the budget allows."""
        return self._limit

    @contextmanager
    def open(self) -> Iterator[None]:
        """Note what trials take while the block runs; afterwards those that are still taken are free for others."""
        done = Event()
        beating = Thread(target=self._beat, args=(done,), name="search-heartbeat", daemon=True)
        beating.start()
        try:
            yield
        finally:
            done.set()
            beating.join()
            with self._lock:
                for taken in list(self._taken.values()):
                    self.release(taken)

    def take(self) -> RunningTrial | None:
        """Return a trial to work on: one that was begun and left, the lowest first, else a new one; None: no more."""
        from optuna.trial import Trial, TrialState

        with self._lock:
            while True:
                trials = self._trials()
                for known in trials:
                    if known.state != TrialState.RUNNING or known.number in self._taken or self._beyond(known.number):
                        continue
                    lease = self._study.lease(known.number)
                    if not lease.try_acquire():
                        continue
                    known = self._trials()[known.number]
                    if known.state == TrialState.RUNNING:
                        return self._begin(Trial(self._study.trials, known._trial_id), known)
                    lease.release()  # whoever had it told its end just now
                if self._beyond(len(trials)):
                    return None
                trial = self._study.trials.ask()
                # where other processes asked too, this may be one more than is wanted: it waits for a search for more
                if not self._beyond(trial.number) and self._study.lease(trial.number).try_acquire():
                    return self._begin(trial, None)

    def others(self) -> bool:
        """Tell whether trials without an end are in other hands (or in none any more), so that this is not the end."""
        with self._lock:
            return any(row.state in ("running", "open") and row.number not in self._taken for row in self.rows())

    def rows(self) -> list[TrialRow]:
        """Return the table of trials."""
        with self._lock:
            return read_rows(self._study, self._limit)

    def spent(self) -> Spent:
        """Return what all trials took, those that run here up to this moment."""
        with self._lock:
            minutes, dollars = [], []
            for row in self.rows():
                taken = self._taken.get(row.number)
                now = row.minutes if taken is None else self._minutes(taken)
                minutes.append(now)
                known = row.cost if taken is None else self._budget.cost(now, None)
                dollars.append(known or 0.0)
            return Spent(math.fsum(minutes), math.fsum(dollars))

    def finish(self, taken: RunningTrial, outcome: TrialOutcome) -> str:
        """Write down how a trial ended; returns ``finished``, ``pruned``, ``failed``, or ``open`` if it was stopped."""
        minutes = taken.earlier + outcome.minutes
        if outcome.done is False and not taken.report.pruned and self.stopping is None:
            return self.fail(taken, "the training ended early, without a request to stop", minutes)
        done = outcome.done if outcome.done is not None else taken.report.stop() is None
        if done and not math.isfinite(outcome.dev_wer):
            return self.fail(taken, f"the training diverged: its dev WER is {outcome.dev_wer}", minutes)
        earlier = self._budget.cost(taken.earlier, None) or 0.0
        cost = self._budget.cost(minutes, None if outcome.cost is None else outcome.cost + earlier)
        if not done and not taken.report.pruned:
            self.release(taken, minutes)
            return "open"
        self._tell(taken, "COMPLETE" if done else "PRUNED", outcome.dev_wer if done else None, minutes, cost)
        self._budget.dollars_of(taken.number, cost)
        return "finished" if done else "pruned"

    def fail(self, taken: RunningTrial, sentence: str, minutes: float | None = None) -> str:
        """Write down that a trial failed, and why."""
        minutes = self._minutes(taken) if minutes is None else minutes
        with self._lock:
            taken.trial.set_user_attr(SENTENCE, sentence)
            self._tell(taken, "FAIL", None, minutes, self._budget.cost(minutes, None))
        return "failed"

    def release(self, taken: RunningTrial, minutes: float | None = None) -> None:
        """Leave a trial open, for the next one who goes on with the search."""
        with self._lock:
            self._taken.pop(taken.number, None)
            try:
                self._sign(taken, minutes)
            finally:
                self._study.lease(taken.number).release()

    def _begin(self, trial: "Trial", known: "FrozenTrial | None") -> RunningTrial:
        """Take a trial, its point drawn where it has none yet."""
        plan = self._study.plan
        report = TrialReport(
            trial,
            () if known is None else known.intermediate_values,
            self._lock,
            lambda: self.stopping,
            self._on_evaluation,
        )
        beat = {} if known is None else known.user_attrs.get(HEARTBEAT, {})
        taken = RunningTrial(
            trial=trial,
            number=trial.number,
            point=plan.space.suggest(trial, plan.base),
            report=report,
            began=self._clock(),
            earlier=float(beat.get(MINUTES, 0.0)),
        )
        self._taken[taken.number] = taken
        self._sign(taken)
        return taken

    def _tell(self, taken: RunningTrial, state: str, value: float | None, minutes: float, cost: float | None) -> None:
        """Tell Optuna of an end, once: where somebody else took the trial over and told it, theirs stays."""
        from optuna.trial import TrialState

        with self._lock:
            self._taken.pop(taken.number, None)
            try:
                if not self._trials()[taken.number].state.is_finished():
                    taken.trial.set_user_attr(MINUTES, minutes)
                    taken.trial.set_user_attr(COST, cost)
                    self._study.trials.tell(taken.trial, value, TrialState[state])
            finally:
                self._study.lease(taken.number).release()

    def _trials(self) -> "list[FrozenTrial]":
        """Return what the study knows of every trial, by number: they are numbered from 0 without a gap."""
        return sorted(self._study.trials.get_trials(deepcopy=False), key=lambda trial: trial.number)

    def _sign(self, taken: RunningTrial, minutes: float | None = None) -> None:
        """Note on a trial what it took so far."""
        minutes = self._minutes(taken) if minutes is None else minutes
        noted = {"at": time.time(), MINUTES: minutes, COST: self._budget.cost(minutes, None)}
        taken.trial.set_user_attr(HEARTBEAT, noted)

    def _beat(self, done: Event) -> None:
        """Note what trials take until done; a database that does not answer now may do so at the next one."""
        while not done.wait(BEAT_S):
            with self._lock:
                try:
                    for taken in self._taken.values():
                        self._sign(taken)
                except Exception as error:  # a search must not end by a missed note
                    _log.warning("What the search's trials take could not be noted (%s).", error)

    def _minutes(self, taken: RunningTrial) -> float:
        """Return what a trial took up to now."""
        return taken.earlier + (self._clock() - taken.began) / 60

    def _beyond(self, number: int) -> bool:
        """Tell whether a trial of this number is more than were asked for."""
        return self._limit is not None and number >= self._limit
