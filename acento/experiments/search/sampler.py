"""What trial n tries: a point fixed beforehand, else a draw whose randomness depends on the seed and n alone.

Optuna's samplers draw from one stream that begins anew in every process: a search that was killed and started again
would try its first points a second time. Here each trial has a stream of its own. So a grid's and a random search's
trial n is the same whatever happened before it; TPE's depends on the trials told when it was asked, and is therefore
reproducible, across kills too, where trials run one after another.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from acento.experiments.search.plan import RANDOM_FIRST, PrunerName, SearchPlan
from acento.experiments.search.space.parameters import Scalar


class ByNumber(BaseSampler):  # type: ignore[misc]  # Optuna's types are not followed
    """Hands each trial to a sampler of its own; the first trials get the planned points."""

    def __init__(self, planned: Sequence[Mapping[str, Scalar]], make: Callable[[int], BaseSampler], seed: int) -> None:
        """Take the points of trials 0, 1, …, and what makes a sampler of a seed for the trials after these."""
        self._planned, self._make, self._seed = planned, make, seed
        self._current: tuple[int, BaseSampler] | None = None

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that are drawn together."""
        if trial.number < len(self._planned):
            return {}
        return self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw the parameters that are drawn together."""
        if trial.number < len(self._planned):
            return {}
        return self._of(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one parameter."""
        if trial.number < len(self._planned):
            return self._planned[trial.number][param_name]
        return self._of(trial).sample_independent(study, trial, param_name, param_distribution)

    def _of(self, trial: FrozenTrial) -> BaseSampler:
        """Return the sampler of this trial; a study asks for one trial at a time."""
        if self._current is None or self._current[0] != trial.number:
            stream = np.random.SeedSequence([self._seed, trial.number])
            self._current = trial.number, self._make(int(stream.generate_state(1)[0]))
        return self._current[1]


def sampler_of(plan: SearchPlan) -> ByNumber:
    """Return the sampler of a plan.

    Raises:
        InputError: a grid over a range that has no end of values.
    """
    planned = plan.planned()
    if plan.sampler == "tpe":
        return ByNumber(
            planned, lambda seed: optuna.samplers.TPESampler(seed=seed, n_startup_trials=RANDOM_FIRST), plan.seed
        )
    return ByNumber(planned, lambda seed: optuna.samplers.RandomSampler(seed=seed), plan.seed)


def pruner_of(name: PrunerName) -> optuna.pruners.BasePruner:
    """Return the pruner of that name; its steps are evaluations, counted from 1.

    ``median`` ends a trial whose best dev WER so far is worse than the median of the others at the same evaluation,
    once three trials have finished, and never at the first evaluation, which mostly shows the warm-up. ``halving``
    lets the best third of the trials go on after 1, 3, 9, … evaluations (asynchronous successive halving, Li et al.
    2020, "A System for Massively Parallel Hyperparameter Tuning").
    """
    if name == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=2, n_min_trials=2)
    if name == "halving":
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
    return optuna.pruners.NopPruner()
