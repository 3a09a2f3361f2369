"""A plan's words for how to search (grid, tpe, random; median, halving) as Optuna's objects."""

import optuna

from acento.experiments.search.budget import PrunerName
from acento.experiments.search.sampler import ByNumber
from acento.experiments.search.study import RANDOM_FIRST, SearchPlan


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
