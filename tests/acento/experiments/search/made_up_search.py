"""A search with made-up trainings: what a dev WER is follows from the recipe at once."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from acento.core.store import Store
from acento.experiments.search.budget import Budget
from acento.experiments.search.outcome import SearchOutcome, TrialOutcome
from acento.experiments.search.reading import parse_space
from acento.experiments.search.run import run_study
from acento.experiments.search.space import SearchPlan
from acento.experiments.search.study import open_study
from acento.experiments.search.trial_manager import Objective, RunningTrial
from acento.training.recipe import Recipe

BASE = Recipe()
RATES = parse_space({"learning_rate": {"low": 1e-5, "high": 1e-3, "log": True}, "strategy": ["encoder", "full"]}, BASE)
GRID = parse_space({"strategy": ["encoder", "full"], "epochs": [1, 2, 3]}, BASE)


def plan(**given: Any) -> SearchPlan:
    """Return a plan: a random search over learning rate and strategy, unless told otherwise."""
    return SearchPlan(**{"name": "s", "space": RATES, "base": BASE, "sampler": "random", "pruner": "none", **given})


def search(
    folder: Path | Store, made: SearchPlan, objective: Objective, trials: int | None, **given: Any
) -> SearchOutcome:
    """Open a study in a folder or a store, run it, and close it."""
    budget = given.pop("budget", Budget(trials=trials))
    with open_study(made, folder) as study:
        return run_study(study, objective, budget=budget, **given)


def opened(made: SearchPlan, place: Path | str | Store) -> None:
    """Open a study and close it."""
    with open_study(made, place):
        pass


def good(_: int, recipe: Recipe, __: RunningTrial) -> TrialOutcome:
    """An objective whose WER falls with the learning rate."""
    return TrialOutcome(0.5 - 100 * recipe.learning_rate, minutes=1.0)


def failing(error: Exception, where: Callable[[int], bool]) -> Objective:
    """Return an objective that fails for some trials."""

    def objective(number: int, recipe: Recipe, report: RunningTrial) -> TrialOutcome:
        if where(number):
            raise error
        return good(number, recipe, report)

    return objective


@contextmanager
def unsynced() -> Iterator[None]:
    """Let studies in files be written without waiting for the disk: these tests kill processes, not machines."""

    def relax(connection: Any, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", relax)
    try:
        yield
    finally:
        event.remove(Engine, "connect", relax)
