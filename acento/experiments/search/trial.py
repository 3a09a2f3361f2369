"""What a search and one of its trainings tell each other: the objective, its report, its outcome."""

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from acento.experiments.search.space.parameters import Scalar
from acento.training.recipe import Recipe

if TYPE_CHECKING:
    from optuna.trial import Trial

EVALUATIONS = "evaluations"


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """What became of one training."""

    dev_wer: float
    """The dev WER of its best checkpoint, a share (0.2 is 20 %)."""
    minutes: float
    """Minutes of training now; those before a kill are already counted."""
    cost: float | None = None
    """Dollars, where the place it ran in knows."""
    done: bool | None = None
    """Whether the training came to its own end; None: it did unless it was told to end."""


class TrialCallback(Protocol):
    """What an objective tells its search."""

    def __call__(self, step: int, wer: float) -> bool:
        """Tell the dev WER of one evaluation; True: end here. A step told before is not counted again."""

    def stop(self) -> str | None:
        """Return why the training should end at its next step, or None while it should not; cheap."""


class Objective(Protocol):
    """Trains with a recipe and says how it went; called from a thread of its own.

    What it raises ends the trial and not the search, unless the place and not the recipe is at fault (a store that
    cannot be written, a network that is down).
    """

    def __call__(self, trial_number: int, recipe: Recipe, report: TrialCallback, /) -> TrialOutcome:
        """Run one trial."""


State = Literal["finished", "pruned", "failed", "running", "open"]
"""``open``: begun and not at an end (killed or stopped); the search takes it up again when it goes on."""


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One line of the table of trials."""

    number: int
    state: State
    params: Mapping[str, Scalar]
    dev_wer: float | None
    """Of the best checkpoint; of a trial without an end: of its last evaluation. None: not evaluated yet."""
    minutes: float
    cost: float | None
    evaluations: tuple[tuple[int, float], ...]
    """Step and dev WER of each evaluation."""
    sentence: str | None
    """Why it failed."""


class TrialReport:
    """The report of one running trial; its steps are numbered 1, 2, … for the pruner.

    Batch sizes differ between trials, and so do steps: what can be compared is the first evaluation with the first.
    """

    def __init__(
        self,
        trial: "Trial",
        known: Iterable[int],
        database: AbstractContextManager[object],
        stop: Callable[[], str | None],
        on_evaluation: Callable[[], object],
    ) -> None:
        """Take Optuna's trial and the evaluations it knows of, its database's lock, why all should stop, and what to
        call after an evaluation.
        """
        self._trial, self._database, self._stop, self._on_evaluation = trial, database, stop, on_evaluation
        self._known = set(known)
        self.pruned = False

    def __call__(self, step: int, wer: float) -> bool:
        """See :meth:`TrialCallback.__call__`."""
        if math.isfinite(wer):
            with self._database:
                seen: list[list[float]] = list(self._trial.user_attrs.get(EVALUATIONS, []))
                if step not in [known for known, _ in seen]:
                    seen.append([step, wer])
                    self._trial.set_user_attr(EVALUATIONS, seen)
                number = [known for known, _ in seen].index(step) + 1
                if number not in self._known:
                    self._known.add(number)
                    self._trial.report(wer, number)
                if number == len(seen):
                    self.pruned = self.pruned or self._trial.should_prune()
            self._on_evaluation()
        return self.stop() is not None

    def stop(self) -> str | None:
        """See :meth:`TrialCallback.stop`."""
        return "the search ends a trial that is worse than others" if self.pruned else self._stop()
