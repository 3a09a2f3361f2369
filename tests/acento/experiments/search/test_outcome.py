"""What is left of a search: a table, a recipe to train with, what mattered, and two pictures."""

import csv
import struct
import warnings
from pathlib import Path

import pytest
import yaml

from acento.core.errors import ModelError
from acento.experiments.search.outcome import TrialOutcome, write_outcome
from acento.experiments.search.reading import parse_space
from acento.experiments.search.trial_manager import RunningTrial
from acento.training.recipe import Recipe, read_recipe, recipe_for
from tests.acento.experiments.search.made_up_search import BASE, failing, good, plan, search

SPACE = parse_space({"strategy": ["encoder", "full"], "dropout": [0.0, 0.1, 0.2], "average": [0.0, 0.9]}, BASE)


def by_dropout(_: int, recipe: Recipe, __: RunningTrial) -> TrialOutcome:
    """An objective in which dropout decides nearly everything, strategy a little, and the average nothing."""
    return TrialOutcome(0.2 + recipe.dropout + 0.01 * (recipe.strategy == "full"), minutes=1.0)


@pytest.mark.slow
def test_importance_is_greatest_for_what_made_the_difference(tmp_path: Path) -> None:
    outcome = search(tmp_path, plan(space=SPACE, sampler="grid"), by_dropout, None)
    assert outcome.importance is not None
    assert list(outcome.importance) == ["dropout", "strategy", "average"]
    assert outcome.importance["dropout"] > 0.9
    assert sum(outcome.importance.values()) == pytest.approx(1.0)


@pytest.mark.slow
def test_importance_is_not_guessed_from_few_trials_or_from_none_that_differ(tmp_path: Path) -> None:
    made = plan(space=SPACE, sampler="grid")
    assert search(tmp_path / "few", made, by_dropout, 7).importance is None

    def same(_: int, __: Recipe, ___: RunningTrial) -> TrialOutcome:
        return TrialOutcome(0.2, minutes=1.0)

    assert search(tmp_path / "same", made, same, 8).importance is None


@pytest.mark.slow
def test_what_is_written_can_be_read_trained_with_and_looked_at(tmp_path: Path) -> None:
    made = plan(space=SPACE, sampler="grid")
    outcome = search(tmp_path, made, failing(ModelError("Too hot."), lambda number: number == 4), None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        files = write_outcome(outcome, tmp_path / "out")
    assert [file.name for file in files] == ["trials.csv", "best.yaml", "history.png"]
    assert outcome.importance is None  # `good` knows the learning rate only, and the space leaves it alone
    rows = list(csv.DictReader(files[0].open()))
    assert [row["trial"] for row in rows] == [str(number) for number in range(12)]
    assert rows[4]["state"] == "failed"
    assert rows[4]["sentence"] == "Too hot."
    assert rows[4]["dev_wer"] == ""
    assert recipe_for(166, "cpu", read_recipe(files[1])) == outcome.best
    assert yaml.safe_load(files[1].read_text())["strategy"] == outcome.best.strategy  # type: ignore[union-attr]


@pytest.mark.slow
def test_the_pictures_are_pictures(tmp_path: Path) -> None:
    outcome = search(tmp_path, plan(space=SPACE, sampler="grid"), by_dropout, None)
    files = write_outcome(outcome, tmp_path)
    for file in files[-2:]:
        head = file.read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", head[16:24])
        assert width > 600
        assert height > 200


def test_nothing_finished_is_no_best(tmp_path: Path) -> None:
    def pruned(_: int, __: Recipe, report: RunningTrial) -> TrialOutcome:
        report(1, 0.5)
        return TrialOutcome(0.5, minutes=1.0, done=False)

    outcome = search(tmp_path, plan(), pruned, 1)
    assert (outcome.best, outcome.best_trial, outcome.best_dev_wer) == (None, None, None)
    assert outcome.trials[0].state == "failed"
    assert [file.name for file in write_outcome(outcome, tmp_path)] == ["trials.csv", "history.png"]


@pytest.mark.slow
def test_of_equals_the_first_is_the_best(tmp_path: Path) -> None:
    def same(_: int, __: Recipe, ___: RunningTrial) -> TrialOutcome:
        return TrialOutcome(0.2, minutes=1.0)

    assert search(tmp_path, plan(), same, 3).best == BASE
    assert search(tmp_path, plan(), good, 3).best_trial == 0
