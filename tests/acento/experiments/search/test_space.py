"""A space says what is searched; what a recipe cannot take is said before anything is trained."""

from pathlib import Path

import pytest

from acento.core.errors import InputError
from acento.experiments.search.reading import default_space, parse_space, read_file
from acento.experiments.search.space import Choices, Range
from acento.models.families import FAMILIES
from acento.training.recipe import Recipe, recipe_for

BASE = Recipe()


def test_a_file_of_ranges_lists_and_nested_fields_is_read(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(
        "learning_rate: {low: 1e-5, high: 1e-3, log: true}\n"
        "strategy: [encoder, lora]\n"
        "batch_size: {low: 4, high: 16, step: 4}\n"
        "augmentation:\n  noise: [0, 0.3, 0.6]\n"
        "augmentation.time_masks: 2\n"
        "balance: [null, accent]\n"
    )
    space = parse_space(read_file(path), BASE)
    assert space.parameters["learning_rate"] == Range(low=1e-5, high=1e-3, log=True)
    assert space.parameters["batch_size"] == Range(low=4, high=16, step=4, integer=True)
    assert space.parameters["augmentation.noise"] == Choices(values=(0.0, 0.3, 0.6))
    assert space.parameters["augmentation.time_masks"] == Choices(values=(2,))
    assert space.parameters["balance"] == Choices(values=(None, "accent"))


def test_a_space_is_the_same_after_json() -> None:
    space = default_space(BASE, 166, FAMILIES["whisper"])
    assert type(space).model_validate(space.model_dump(mode="json")) == space


def test_numbers_that_yaml_takes_for_words_are_numbers() -> None:
    space = parse_space({"learning_rate": ["1e-5", "1e-4"]}, BASE)
    assert space.parameters["learning_rate"] == Choices(values=(1e-5, 1e-4))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"learnig_rate": [1e-5]}, "a recipe has no field 'learnig_rate'; it has strategy"),
        ({"augmentation": {"noize": [0, 1]}}, "augmentation has no field 'noize'; it has speed"),
        ({"strategy": [["encoder"]]}, "strategy"),
        ({"strategy": ["encoder", "best"]}, "strategy='best' cannot be used"),
        ({"strategy": {"low": 1, "high": 2}}, "strategy is no number, so it has no range"),
        ({"learning_rate": {"low": 1e-3, "high": 1e-5}}, "low 0.001 must be below high 1e-05"),
        ({"dropout": {"low": 0, "high": 0.3, "log": True}}, "a log range must begin above 0"),
        ({"dropout": {"low": 0, "high": 1.5}}, "dropout=1.5 cannot be used"),
        ({"batch_size": {"low": 1.5, "high": 4}}, "it takes whole numbers"),
        ({"dropout": {"min": 0, "max": 0.3}}, "neither a list of values nor a range"),
        ({"dropout": []}, "at least 1 item"),
        ({"dropout": [0.1, 0.1]}, "listed twice"),
        ({"augmentation.noise": [0, 1], "augmentation": {"noise": [0]}}, "augmentation.noise is there twice"),
        ({"augmentation": [1]}, "augmentation has fields of its own"),
        ({"normalizer": ["none", "basic"]}, "normalizer cannot be searched: it decides how"),
        ({"seed": [0, 1]}, "seed cannot be searched"),
        ({"lora_rank": [8, 16]}, "lora_rank counts only where strategy is lora, which it never is"),
        ({}, "names no field"),
        (["dropout"], "names no field"),
    ],
)
def test_what_cannot_be_searched_is_said_in_a_sentence(raw: object, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_space(raw, BASE, "space.yaml")
    assert str(caught.value).startswith("space.yaml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text("a: [")
    with pytest.raises(InputError, match=r"space\.yaml is no YAML"):
        read_file(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_file(tmp_path / "absent.yaml")


def test_a_grid_is_every_combination_once() -> None:
    space = parse_space({"strategy": ["encoder", "full"], "epochs": [1, 2], "batch_size": {"low": 2, "high": 4}}, BASE)
    points = space.grid(0)
    assert {tuple(point.values()) for point in points} == {
        (strategy, epochs, batch) for strategy in ("encoder", "full") for epochs in (1, 2) for batch in (2, 3, 4)
    }
    assert len(points) == 12
    assert points == space.grid(0)
    assert points != space.grid(1)


def test_a_grid_varies_what_a_strategy_does_not_use_only_where_it_does() -> None:
    space = parse_space({"lora_rank": [4, 8, 16], "strategy": ["encoder", "lora", "last-n"], "last_n": [1, 2]}, BASE)
    points = space.grid(0)
    assert len(points) == 1 + 3 + 2
    assert len({space.recipe(BASE, point).model_dump_json() for point in points}) == 6


def test_a_grid_needs_an_end_of_values() -> None:
    with pytest.raises(InputError, match=r"A grid needs a list of values for learning_rate, such as \[1e-05, 0.001\]"):
        parse_space({"learning_rate": {"low": 1e-5, "high": 1e-3, "log": True}}, BASE).grid(0)
    many = {"batch_size": {"low": 1, "high": 500}, "epochs": {"low": 1, "high": 50, "step": 1}}
    with pytest.raises(InputError, match="more than 10000 points"):
        parse_space(many, BASE).grid(0)


def test_a_stepped_range_ends_where_it_says() -> None:
    assert Range(low=0, high=0.3, step=0.1).finite() == (0.0, 0.1, 0.2, 0.3)
    assert Range(low=0, high=0.25, step=0.1).finite() == (0.0, 0.1, 0.2)


def test_lists_are_choices_too() -> None:
    space = parse_space({"lora_sites": [["q_proj"], ["q_proj", "v_proj"]], "strategy": "lora"}, BASE)
    recipes = [space.recipe(BASE, point) for point in space.grid(0)]
    assert {recipe.lora_sites for recipe in recipes} == {("q_proj",), ("q_proj", "v_proj")}
    assert space.point_of(Recipe(strategy="lora")) == {"strategy": "lora", "lora_sites": '["q_proj", "v_proj"]'}


def test_a_family_is_searched_only_where_it_can_learn() -> None:
    space = default_space(recipe_for(166, "cpu", strategy="lora"), 166, FAMILIES["voxtral"])
    assert set(space.parameters["strategy"].values) == {"encoder", "lora"}  # type: ignore[union-attr]
    space = default_space(BASE, 166, FAMILIES["moonshine"])
    assert "augmentation.time_masks" not in space.parameters


@pytest.mark.parametrize("clips", [166, 5000])
@pytest.mark.parametrize("strategy", ["encoder", "lora"])
def test_the_default_recipe_lies_in_the_default_space(clips: int, strategy: str) -> None:
    base = recipe_for(clips, "cpu", strategy=strategy)  # type: ignore[arg-type]
    space = default_space(base, clips, FAMILIES["whisper"])
    point = space.point_of(base)
    assert point is not None
    assert space.recipe(base, point) == base


def test_a_recipe_outside_of_the_space_has_no_point() -> None:
    assert parse_space({"epochs": [1, 2]}, BASE).point_of(BASE.with_values(epochs=3)) is None
