"""A search ends when its minutes or its dollars are spent, and says so."""

from pathlib import Path
from time import sleep

import pytest

from acento.core.errors import InputError
from acento.experiments.search.budget import Budget
from acento.experiments.search.outcome import TrialOutcome
from acento.experiments.search.trial_manager import RunningTrial
from acento.training.recipe import Recipe
from tests.acento.experiments.search.made_up_search import good, plan, search

pytestmark = pytest.mark.slow


def test_minutes_end_a_search_and_starting_it_again_does_not_renew_them(tmp_path: Path) -> None:
    outcome = search(tmp_path, plan(), good, None, budget=Budget(minutes=3))
    assert outcome.done == 3
    assert outcome.why == "The budget of 3 training minutes is spent (3.0)."
    assert search(tmp_path, plan(), good, None, budget=Budget(minutes=3)).done == 3
    assert search(tmp_path, plan(), good, None, budget=Budget(minutes=3.5)).done == 4


def test_minutes_that_a_trial_does_not_end_by_itself_can_stop_it_and_more_minutes_go_on(tmp_path: Path) -> None:
    now = [0.0]

    def objective(number: int, recipe: Recipe, report: RunningTrial) -> TrialOutcome:
        if number == 1 and now[0] == 0:
            now[0] += 120
            while report.stop() is None:  # until the search has looked at its clock
                sleep(0.01)
            return TrialOutcome(0.4, minutes=2.0)
        return good(number, recipe, report)

    budget = Budget(trials=2, minutes=2.5, when_spent="stop")
    outcome = search(tmp_path, plan(), objective, None, budget=budget, clock=lambda: now[0])
    assert [row.state for row in outcome.trials] == ["finished", "open"]
    assert outcome.trials[1].minutes == pytest.approx(2.0)
    assert outcome.best_trial == 0
    more = search(tmp_path, plan(), objective, 2, clock=lambda: now[0])
    assert [row.state for row in more.trials] == ["finished", "finished"]
    assert more.trials[1].params == outcome.trials[1].params
    assert more.trials[1].minutes == pytest.approx(3.0)


def test_dollars_end_a_search_by_the_price_of_an_hour_or_by_what_trials_cost(tmp_path: Path) -> None:
    priced = search(tmp_path / "p", plan(), good, None, budget=Budget(dollars=0.1, price_per_hour=3))
    assert priced.done == 2
    assert priced.dollars == pytest.approx(0.1)
    assert priced.why == "The budget of $0.10 is spent ($0.10)."

    def knows(_: int, __: Recipe, ___: RunningTrial) -> TrialOutcome:
        return TrialOutcome(0.2, minutes=1.0, cost=0.5)

    assert search(tmp_path / "k", plan(), knows, None, budget=Budget(dollars=1.2)).done == 3
    with pytest.raises(InputError, match="The cost of trial 0 is unknown"):
        search(tmp_path / "n", plan(), good, None, budget=Budget(dollars=1))
