"""Our parts of an Optuna study: what trial n tries, when a trial is pruned, and a journal in a store."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.storages.journal import BaseJournalBackend
from optuna.study import Study
from optuna.trial import FrozenTrial

from acento.core.store import Store
from acento.core.store.coordination import Records
from acento.experiments.search.budget import PrunerName
from acento.experiments.search.space import RANDOM_FIRST, Scalar, SearchPlan


class ByNumber(BaseSampler):  # type: ignore[misc]  # Optuna's types are not followed
    """Hands each trial to a sampler of its own; the first trials get the planned points.

    Optuna's samplers draw from one stream that begins anew in every process: a search that was killed and started again
    would try its first points a second time. Here the randomness of a trial depends on the seed and its number alone.
    So a grid's and a random search's trial n is the same whatever happened before it; TPE's depends on the trials
    recorded when it was asked, and is therefore reproducible, across kills too, where trials run one after another.
    """

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

    def make(seed: int) -> BaseSampler:
        if plan.sampler == "tpe":
            return optuna.samplers.TPESampler(seed=seed, n_startup_trials=RANDOM_FIRST)
        return optuna.samplers.RandomSampler(seed=seed)

    return ByNumber(plan.planned(), make, plan.seed)


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


class StoreJournal(BaseJournalBackend):  # type: ignore[misc]
    """The entries of one search in a store that is no local folder, numbered, each written by exactly one process.

    Whatever Optuna does to a study is an entry. The next number is free or taken, so all processes at a search, on
    whatever machine, see the same entries in the same order; no database and no lock is needed. Optuna calls it from
    one thread at a time.
    """

    def __init__(self, store: Store, folder: str) -> None:
        """Take the store, and the folder of the entries in it."""
        self._records = Records(store, f"{folder}/", width=8)
        self._entries: list[dict[str, Any]] = []
        self._read = 0

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """Return the entries from a number on, those of other processes too."""
        for number, entries in self._records.since(self._read):
            self._entries += entries
            self._read = number
        return self._entries[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add entries, all of them or none, after those that others add meanwhile."""
        while not self._records.put(self._read + 1, logs):
            self.read_logs(0)
        self._entries += json.loads(json.dumps(logs))
        self._read += 1
