"""A search runs the trials it was asked for, once each, whatever single trials do."""

from collections import Counter
from pathlib import Path
from threading import Barrier, Lock

import pytest

from acento.core.errors import ModelError, StoreError, TransientError
from acento.experiments.search.outcome import SearchOutcome, TrialOutcome
from acento.experiments.search.trial_manager import RunningTrial
from acento.training.recipe import Recipe
from tests.acento.experiments.search.made_up_search import BASE, GRID, failing, good, plan, search

pytestmark = pytest.mark.slow


def test_a_grid_is_covered_exactly_and_then_ends(tmp_path: Path) -> None:
    seen: list[tuple[str, float]] = []

    def objective(_: int, recipe: Recipe, __: RunningTrial) -> TrialOutcome:
        seen.append((recipe.strategy, recipe.epochs))
        return TrialOutcome(recipe.epochs / 10 + (recipe.strategy == "full"), minutes=1.0)

    outcome = search(tmp_path, plan(space=GRID, sampler="grid"), objective, 100)
    assert sorted(seen) == [(s, e) for s in ("encoder", "full") for e in (1.0, 2.0, 3.0)]
    assert outcome.why == "All 6 points of the grid are done."
    assert outcome.best == BASE.with_values(strategy="encoder", epochs=1.0)
    assert outcome.best_dev_wer == pytest.approx(0.1)
    assert outcome.minutes == pytest.approx(6.0)


def test_the_first_trial_is_what_would_have_been_trained_without_a_search(tmp_path: Path) -> None:
    recipes: list[Recipe] = []

    def objective(_: int, recipe: Recipe, __: RunningTrial) -> TrialOutcome:
        recipes.append(recipe)
        return TrialOutcome(0.3, minutes=1.0)

    search(tmp_path, plan(), objective, 2)
    assert recipes[0] == BASE
    assert recipes[1] != BASE


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_search_in_three_calls_tries_what_one_call_tries(tmp_path: Path, sampler: str) -> None:
    whole = search(tmp_path / "whole", plan(sampler=sampler), good, 11)
    for trials in (3, 9, 11):
        parts = search(tmp_path / "parts", plan(sampler=sampler), good, trials)
    assert [row.params for row in parts.trials] == [row.params for row in whole.trials]
    assert len({str(row.params) for row in whole.trials}) == 11
    assert [row.params for row in search(tmp_path / "seed", plan(sampler=sampler, seed=1), good, 3).trials][1:] != [
        row.params for row in whole.trials
    ][1:3]


def test_four_trials_run_side_by_side_and_try_what_one_after_another_would(tmp_path: Path) -> None:
    together, lock, told = Barrier(4, timeout=60), Lock(), Counter[int]()

    def objective(number: int, recipe: Recipe, report: RunningTrial) -> TrialOutcome:
        with lock:
            told[number] += 1
        together.wait()  # breaks unless four are here at once
        return good(number, recipe, report)

    outcome = search(tmp_path / "four", plan(), objective, 8, parallel=4)
    assert told == Counter(range(8))
    assert [row.state for row in outcome.trials] == ["finished"] * 8
    single = search(tmp_path / "one", plan(), good, 8)
    assert [row.params for row in outcome.trials] == [row.params for row in single.trials]


@pytest.mark.parametrize("pruner", ["median", "halving"])
def test_a_trial_worse_than_others_is_pruned(tmp_path: Path, pruner: str) -> None:
    ends: dict[int, int] = {}

    def objective(number: int, _: Recipe, report: RunningTrial) -> TrialOutcome:
        wer = 0.9 if number == 5 else 0.3 - number / 100
        for evaluation in range(1, 5):
            ends[number] = evaluation
            if report(evaluation * (7 + number), wer):  # steps differ between trials; evaluations are compared
                assert report.stop() is not None
                return TrialOutcome(wer, minutes=1.0)
        return TrialOutcome(wer, minutes=2.0)

    outcome = search(tmp_path, plan(pruner=pruner), objective, 6)
    assert outcome.trials[5].state == "pruned"
    assert outcome.trials[5].dev_wer == pytest.approx(0.9)
    assert ends[5] < 4
    assert outcome.trials[5].evaluations[0] == (12, 0.9)
    assert outcome.best_dev_wer == pytest.approx(0.26)
    assert search(tmp_path / "off", plan(), objective, 6).trials[5].state == "finished"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ModelError("The loss became NaN at step 12."), "The loss became NaN at step 12."),
        (MemoryError("of 8 GB"), "MemoryError: of 8 GB"),
    ],
)
def test_a_trial_that_fails_is_written_down_and_the_search_goes_on(
    tmp_path: Path, error: Exception, sentence: str
) -> None:
    outcome = search(tmp_path, plan(), failing(error, lambda number: number == 1), 4)
    assert [row.state for row in outcome.trials] == ["finished", "failed", "finished", "finished"]
    assert outcome.trials[1].sentence == sentence
    assert sentence in outcome.to_csv()


def test_a_training_that_diverged_is_a_failure(tmp_path: Path) -> None:
    def objective(number: int, recipe: Recipe, report: RunningTrial) -> TrialOutcome:
        report(5, float("nan"))
        return TrialOutcome(float("nan"), minutes=1.0) if number == 1 else good(number, recipe, report)

    outcome = search(tmp_path, plan(), objective, 3)
    assert [row.state for row in outcome.trials] == ["finished", "failed", "finished"]
    assert "diverged" in (outcome.trials[1].sentence or "")


def test_when_the_first_three_trials_fail_the_search_ends_with_the_sentence(tmp_path: Path) -> None:
    objective = failing(ModelError("No such layer."), lambda _: True)
    with pytest.raises(ModelError, match=r"The first 3 trials all failed, the last one so: No such layer\."):
        search(tmp_path, plan(), objective, 8)
    assert search(tmp_path, plan(), good, 8).done == 8  # what was wrong is mended: it goes on


@pytest.mark.parametrize("error", [TransientError("The network is down."), StoreError("The disk is full.")])
def test_what_is_not_the_recipes_fault_ends_the_search_and_leaves_the_trial_open(
    tmp_path: Path, error: Exception
) -> None:
    with pytest.raises(type(error), match=str(error)):
        search(tmp_path, plan(), failing(error, lambda number: number == 1), 3)
    outcome = search(tmp_path, plan(), good, 3)
    assert [row.state for row in outcome.trials] == ["finished"] * 3


def test_asked_to_stop_the_running_trial_stays_open_and_is_taken_up_first(tmp_path: Path) -> None:
    asked: list[str] = []
    begun: list[int] = []

    def objective(number: int, recipe: Recipe, report: RunningTrial) -> TrialOutcome:
        begun.append(number)
        if number == 1 and begun.count(1) == 1:
            asked.append("SIGTERM")
            assert report(10, 0.5)
            return TrialOutcome(0.5, minutes=1.0)
        report(10, 0.5)
        report(20, 0.4)
        return good(number, recipe, report)

    first = search(tmp_path, plan(), objective, 4, should_stop=lambda: asked[0] if asked else None)
    assert first.why == "The search was stopped (SIGTERM); the same command goes on with it."
    assert [row.state for row in first.trials] == ["finished", "open"]
    again = search(tmp_path, plan(), objective, 4)
    assert begun == [0, 1, 1, 2, 3]
    assert again.trials[1].params == first.trials[1].params
    assert again.trials[1].evaluations == ((10, 0.5), (20, 0.4))
    assert again.why == "All 4 trials are done."


def test_a_larger_number_adds_trials_and_the_same_number_adds_none(tmp_path: Path) -> None:
    assert search(tmp_path, plan(), good, 2).done == 2
    assert search(tmp_path, plan(), failing(ModelError("unused"), lambda _: True), 2).done == 2
    assert search(tmp_path, plan(), good, 3).done == 3


def test_the_listener_hears_how_far_it_is(tmp_path: Path) -> None:
    told: list[tuple[SearchOutcome, int]] = []
    search(tmp_path, plan(), good, 2, on_progress=lambda *outcome: told.append(outcome))
    assert [(outcome.done, running) for outcome, running in told] == [(0, 1), (1, 0), (1, 1), (2, 0), (2, 0)]
    assert told[-1][0].best_dev_wer is not None
    assert told[-1][0].why == "All 2 trials are done."
    assert "learning_rate=1e-05" in told[0][0].why
