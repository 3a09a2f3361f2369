"""The trial manager of one process: it hands out trials of a study, sends heartbeats, and records how trials end."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING

from acento.core.errors import InputError
from acento.experiments.search.budget import Budget
from acento.experiments.search.outcome import (
    COST,
    EVALUATIONS,
    HEARTBEAT,
    MINUTES,
    SENTENCE,
    TrialOutcome,
    TrialRow,
    read_rows,
)
from acento.experiments.search.space import Scalar
from acento.experiments.search.study import Study
from acento.training.recipe import Recipe

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

BEAT_S = 15.0
"""Seconds between two notes of what a running trial took so far."""

_log = logging.getLogger(__name__)


class RunningTrial:
    """A trial that this process works on; its training reports evaluations, which count 1, 2, … for the pruner.

    Batch sizes differ between trials, and so do steps: what can be compared is the first evaluation with the first.
    """

    def __init__(self, manager: "TrialManager", trial: "Trial", known: "FrozenTrial | None") -> None:
        """Take the manager, Optuna's trial, and what is known of it where it was begun before."""
        beat = {} if known is None else known.user_attrs.get(HEARTBEAT, {})
        self.trial, self.number = trial, trial.number
        self.point: dict[str, Scalar] = manager.plan.space.suggest(trial, manager.plan.base)
        self.began, self.earlier = manager.clock(), float(beat.get(MINUTES, 0.0))
        """When it began by the manager's clock, in seconds, and the minutes that earlier owners spent on it."""
        self.pruned = False
        self._manager = manager
        self._reported = set(() if known is None else known.intermediate_values)

    def __call__(self, step: int, wer: float) -> bool:
        """Take the dev WER of one evaluation; True: end here. A step reported before is not counted again."""
        if math.isfinite(wer):
            with self._manager.lock:
                seen: list[list[float]] = list(self.trial.user_attrs.get(EVALUATIONS, []))
                steps = [known for known, _ in seen]
                if step not in steps:
                    steps.append(step)
                    self.trial.set_user_attr(EVALUATIONS, [*seen, [step, wer]])
                number = steps.index(step) + 1
                if number not in self._reported:
                    self._reported.add(number)
                    self.trial.report(wer, number)
                if number == len(steps):
                    self.pruned = self.pruned or self.trial.should_prune()
            self._manager.on_evaluation()
        return self.stop() is not None

    def stop(self) -> str | None:
        """Return why the training should end at its next step, or None while it should not; cheap."""
        return "the search ends a trial that is worse than others" if self.pruned else self._manager.stopping

    @property
    def minutes(self) -> float:
        """What it took up to now."""
        return self.earlier + (self._manager.clock() - self.began) / 60


Objective = Callable[[int, Recipe, RunningTrial], TrialOutcome]
"""Trains a trial of some number with a recipe and returns how it went; called from a thread of its own.

What it raises ends the trial and not the search, unless the place and not the recipe is at fault (a store that cannot
be written, a network that is down).
"""


class TrialManager:
    """Every access of a process to its study's database: one at a time, from whichever thread."""

    def __init__(
        self, study: Study, budget: Budget, clock: Callable[[], float], on_evaluation: Callable[[], object]
    ) -> None:
        """Take the study, its budget, a clock in seconds, and what to call after an evaluation."""
        self.plan, self.clock, self.on_evaluation = study.plan, clock, on_evaluation
        self.limit = study.plan.limit(budget.trials)
        """How many trials there will be; None: as many as the budget allows."""
        self.lock = RLock()
        """Held while the database is accessed."""
        self.stopping: str | None = None
        """Why running trials should end at their next step."""
        self._study, self._budget = study, budget
        self._taken: dict[int, RunningTrial] = {}

    @contextmanager
    def open(self) -> Iterator[None]:
        """Record what trials take while the block runs; afterwards those that are still taken are free for others."""
        done = Event()
        beating = Thread(target=self._send_heartbeats, args=(done,), name="search-heartbeat", daemon=True)
        beating.start()
        try:
            yield
        finally:
            done.set()
            beating.join()
            with self.lock:
                for taken in list(self._taken.values()):
                    self.release(taken)

    def take(self) -> RunningTrial | None:
        """Return a trial to work on: one that was begun and left, the lowest first, else a new one; None: no more."""
        from optuna.trial import Trial, TrialState

        with self.lock:
            while True:
                trials = self._study.frozen_trials()
                for known in trials:
                    if known.state != TrialState.RUNNING or known.number in self._taken or self._beyond(known.number):
                        continue
                    lease = self._study.lease(known.number)
                    if not lease.try_acquire():
                        continue
                    known = self._study.frozen_trials()[known.number]
                    if known.state == TrialState.RUNNING:
                        return self._begin(Trial(self._study.trials, known._trial_id), known)
                    lease.release()  # whoever had it recorded its end just now
                if self._beyond(len(trials)):
                    return None
                trial = self._study.trials.ask()
                # where other processes asked too, this may be one more than is wanted: it waits for a search for more
                if not self._beyond(trial.number) and self._study.lease(trial.number).try_acquire():
                    return self._begin(trial, None)

    def others(self) -> bool:
        """Return whether other processes hold trials without an end, or nobody does, so that this is not the end."""
        with self.lock:
            return any(row.state in ("running", "open") and row.number not in self._taken for row in self.rows())

    def rows(self) -> list[TrialRow]:
        """Return the table of trials."""
        with self.lock:
            return read_rows(self._study, self.limit)

    def spent(self) -> str | None:
        """Return a sentence if the budget is spent by what all trials took, those that run here up to this moment."""
        with self.lock:
            minutes, dollars = [], []
            for row in self.rows():
                taken = self._taken.get(row.number)
                now = row.minutes if taken is None else taken.minutes
                minutes.append(now)
                dollars.append((row.cost if taken is None else self._budget.cost(now, None)) or 0.0)
            return self._budget.spent(math.fsum(minutes), math.fsum(dollars))

    def finish(self, taken: RunningTrial, outcome: TrialOutcome) -> str:
        """Record how a trial ended; return ``finished``, ``pruned``, ``failed``, or ``open`` if it was stopped.

        Raises:
            InputError: dollars are counted, and nobody knows what the trial cost.
        """
        minutes = taken.earlier + outcome.minutes
        if outcome.done is False and not taken.pruned and self.stopping is None:
            return self.fail(taken, "the training ended early, without a request to stop", minutes)
        done = outcome.done if outcome.done is not None else taken.stop() is None
        if done and not math.isfinite(outcome.dev_wer):
            return self.fail(taken, f"the training diverged: its dev WER is {outcome.dev_wer}", minutes)
        earlier = self._budget.cost(taken.earlier, None) or 0.0
        cost = self._budget.cost(minutes, None if outcome.cost is None else outcome.cost + earlier)
        if not done and not taken.pruned:
            self.release(taken, minutes)
            return "open"
        self._record(taken, "COMPLETE" if done else "PRUNED", outcome.dev_wer if done else None, minutes, cost)
        if cost is None and self._budget.dollars is not None:
            raise InputError(
                f"The cost of trial {taken.number} is unknown, so the budget of ${self._budget.dollars:.2f} cannot be "
                "kept; give the price of an hour, or a budget in minutes or trials."
            )
        return "finished" if done else "pruned"

    def fail(self, taken: RunningTrial, sentence: str, minutes: float | None = None) -> str:
        """Record that a trial failed, and why."""
        minutes = taken.minutes if minutes is None else minutes
        with self.lock:
            taken.trial.set_user_attr(SENTENCE, sentence)
            self._record(taken, "FAIL", None, minutes, self._budget.cost(minutes, None))
        return "failed"

    def release(self, taken: RunningTrial, minutes: float | None = None) -> None:
        """Leave a trial open, for the next one who goes on with the search."""
        with self.lock:
            self._taken.pop(taken.number, None)
            try:
                self._beat(taken, minutes)
            finally:
                self._study.lease(taken.number).release()

    def _begin(self, trial: "Trial", known: "FrozenTrial | None") -> RunningTrial:
        taken = self._taken[trial.number] = RunningTrial(self, trial, known)
        self._beat(taken)
        return taken

    def _record(self, taken: RunningTrial, state: str, value: float | None, minutes: float, cost: float | None) -> None:
        """Record an end in the study, once: where another process took the trial over and recorded one, that stays."""
        from optuna.trial import TrialState

        with self.lock:
            self._taken.pop(taken.number, None)
            try:
                if not self._study.frozen_trials()[taken.number].state.is_finished():
                    taken.trial.set_user_attr(MINUTES, minutes)
                    taken.trial.set_user_attr(COST, cost)
                    self._study.trials.tell(taken.trial, value, TrialState[state])
            finally:
                self._study.lease(taken.number).release()

    def _beat(self, taken: RunningTrial, minutes: float | None = None) -> None:
        """Record on a trial what it took so far."""
        minutes = taken.minutes if minutes is None else minutes
        beat = {"at": time.time(), MINUTES: minutes, COST: self._budget.cost(minutes, None)}
        taken.trial.set_user_attr(HEARTBEAT, beat)

    def _send_heartbeats(self, done: Event) -> None:
        """Record what trials take until done; a database that does not answer now may do so at the next one."""
        while not done.wait(BEAT_S):
            with self.lock:
                try:
                    for taken in self._taken.values():
                        self._beat(taken)
                except Exception as error:  # a search must not end by a missed note
                    _log.warning("Could not record what the search's trials take (%s).", error)

    def _beyond(self, number: int) -> bool:
        return self.limit is not None and number >= self.limit
