"""Running a search: trials side by side, until as many are done as were asked for or the budget is spent."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import InitVar, dataclass

from acento.core.errors import AcentoError, ModelError, StoreError, may_pass
from acento.experiments.search.budget import Budget
from acento.experiments.search.outcome import SearchOutcome, TrialOutcome, read_outcome
from acento.experiments.search.study import Study, storage_errors
from acento.experiments.search.trial_manager import Objective, RunningTrial, TrialManager

POLL_S = 1.0
"""Seconds between two looks at the budget, and at what other processes do."""

GIVE_UP_AFTER = 3
"""A search whose first trials, this many of them, all fail has something wrong with it that no recipe fixes."""


OnProgress = Callable[[SearchOutcome, int], None]


def run_study(
    study: Study,
    objective: Objective,
    *,
    budget: Budget,
    parallel: int = 1,
    on_progress: OnProgress | None = None,
    should_stop: Callable[[], str | None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> SearchOutcome:
    """Run the trials of a study that are not done yet.

    Trials that a killed search left are taken up first, with the same number and the same values; what is done stays
    done. So the same call after a kill ends with the trials that were asked for, each recorded exactly once. A trial
    that fails is recorded with its sentence, and the search goes on.

    With ``grid`` and ``random``, what trial n tries never depends on timing, kills or ``parallel``; with ``tpe`` it is
    reproducible with ``parallel=1`` (which trials have ended when the next one is asked for is then always the same).
    Whether a trial is pruned depends on those that ended before it, and so on timing where trials run side by side.

    Args:
        study: an open study; several processes may run it at once and share its trials.
        objective: trains with a recipe; called from ``parallel`` threads.
        budget: when to stop.
        parallel: trials side by side in this process.
        on_progress: called with the outcome so far, whose ``why`` is what just happened, and the number of trials that
            run here.
        should_stop: called about once a second and at every evaluation; a sentence ends the search: its running trials
            end and stay open.
        clock: seconds; for minutes of training that an objective does not know (a failed one's).

    Raises:
        ModelError: the first three trials all failed.
        InputError: a budget in dollars, and nobody knows what a trial costs.
        TransientError: what may pass, the network or the study's server; the same call goes on.
        StoreError: the store or the study's file cannot be written.
    """
    with storage_errors(study.place):
        return _Search(study, objective, budget, parallel, on_progress, should_stop, clock).run()


@dataclass
class _Search:
    """One call of :func:`run_study`, which says what its arguments are."""

    study: Study
    objective: Objective
    budget: Budget
    parallel: int
    on_progress: OnProgress | None
    should_stop: Callable[[], str | None]
    clock: InitVar[Callable[[], float]]

    def __post_init__(self, clock: Callable[[], float]) -> None:
        self._manager = TrialManager(self.study, self.budget, clock, self._asked_to_stop)
        self._running: dict[Future[TrialOutcome], RunningTrial] = {}
        self._failures = 0

    def run(self) -> SearchOutcome:
        """Run until there is a reason not to."""
        why: str | None = None
        with self._manager.open(), ThreadPoolExecutor(self.parallel, thread_name_prefix="trial") as pool:
            try:
                while True:
                    why = why or self._reason_to_end()
                    while why is None and len(self._running) < self.parallel:
                        taken = self._manager.take()
                        if taken is None:
                            break
                        self._running[pool.submit(self._train, taken)] = taken
                        self._report(f"trial {taken.number} begins with {_words(taken.point)}")
                        why = self._reason_to_end()
                    if self._running:
                        done, _ = wait(self._running, timeout=POLL_S, return_when=FIRST_COMPLETED)
                        for future in done:
                            self._end(self._running.pop(future), future)
                    elif why is not None or not self._manager.others():
                        break
                    else:
                        time.sleep(POLL_S)
            except BaseException:
                self._manager.stopping = self._manager.stopping or "the search was interrupted"
                raise
        if why is None:
            limit = self._manager.limit
            grid = self.study.plan.sampler == "grid" and limit != self.budget.trials
            why = f"All {limit} points of the grid are done." if grid else f"All {limit} trials are done."
        self._report(why)
        return read_outcome(self.study, why, self._manager.limit)

    def _train(self, taken: RunningTrial) -> TrialOutcome:
        recipe = self.study.plan.space.recipe(self.study.plan.base, taken.point)
        return self.objective(taken.number, recipe, taken)

    def _end(self, taken: RunningTrial, future: Future[TrialOutcome]) -> None:
        """Record how a trial ended.

        Raises:
            ModelError: the first trials all failed.
        """
        error = future.exception()
        if error is None:
            outcome = future.result()
            state = self._manager.finish(taken, outcome)
            ends = {"finished": f"has a dev WER of {outcome.dev_wer:.2%}", "open": "stopped; it stays open"}
            self._report(f"trial {taken.number} {ends.get(state, state)}")
        elif self._manager.stopping is not None or _of_the_place(error):
            self._manager.release(taken)
            if _of_the_place(error):
                raise error
            return
        else:
            sentence = str(error) if isinstance(error, AcentoError) else f"{type(error).__name__}: {error}"
            state = self._manager.fail(taken, sentence)
            self._report(f"trial {taken.number} failed: {sentence}")
        self._failures += state == "failed"
        if self._failures >= GIVE_UP_AFTER:
            rows = self._manager.rows()
            if not any(row.state in ("finished", "pruned") for row in rows):
                sentence = next(row.sentence for row in rows if row.number == taken.number) or ""
                raise ModelError(f"The first {self._failures} trials all failed, the last one so: {sentence}")

    def _reason_to_end(self) -> str | None:
        """Return why no further trial should begin, and stop running ones where that is wanted."""
        asked = self._asked_to_stop()
        if asked is not None:
            return f"The search was stopped ({asked}); the same command goes on with it."
        spent = self._manager.spent()
        if spent is not None and self.budget.when_spent == "stop":
            self._manager.stopping = spent
        return spent

    def _asked_to_stop(self) -> str | None:
        """Return why the caller wants to stop, if so; then every running trial stops too."""
        asked = self.should_stop()
        if asked is not None:
            self._manager.stopping = asked
        return asked

    def _report(self, sentence: str) -> None:
        if self.on_progress is not None:
            self.on_progress(read_outcome(self.study, sentence, self._manager.limit), len(self._running))


def _of_the_place(error: BaseException) -> bool:
    """Tell whether an error is of the place and not of the recipe: every other trial would meet it too."""
    return may_pass(error) or isinstance(error, StoreError) or not isinstance(error, Exception)


def _words(point: Mapping[str, object]) -> str:
    """Return a point in words, such as ``strategy=lora, learning_rate=0.00031``."""
    return ", ".join(
        f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}" for name, value in point.items()
    )
