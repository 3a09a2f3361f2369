"""Recipes: defaults by data and device, changed by a file and then by flags, and what is refused."""

from pathlib import Path

import pytest

from acento.core.errors import InputError
from acento.training.augment.options import Augmentation
from acento.training.recipe import Recipe, fine_tuning_rate, read_recipe, recipe_for, settle


def test_wider_models_learn_more_slowly() -> None:
    rates = [fine_tuning_rate(width) for width in (144, 384, 500, 512, 768, 1024, 1280, 2000)]
    assert rates == sorted(rates, reverse=True)
    assert fine_tuning_rate(512) == 2.5e-5


def test_a_few_clips_and_thousands_have_recipes_of_their_own() -> None:
    few, many = recipe_for(166, "cuda"), recipe_for(5000, "cuda")
    assert few.epochs > many.epochs
    assert few.batch_size * few.accumulate < many.batch_size * many.accumulate
    assert few.strategy == many.strategy == "encoder"


def test_the_same_clips_make_a_step_on_every_device() -> None:
    steps = {recipe.batch_size * recipe.accumulate for recipe in (recipe_for(5000, d) for d in ("cpu", "cuda", "mps"))}
    assert steps == {32}


def test_flags_go_before_the_file_and_the_file_before_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("strategy: last-n\nepochs: 3\nlearning_rate: 1e-4\naugmentation: {speed: 0.5}\n")
    recipe = recipe_for(150, "cpu", settle(read_recipe(file), ["epochs=2.5", "seed=null"]))
    assert (recipe.strategy, recipe.epochs, recipe.learning_rate) == ("last-n", 2.5, 1e-4)
    assert recipe.augmentation == Augmentation(speed=0.5)
    assert recipe.patience == recipe_for(150, "cpu").patience


def test_adapters_take_a_higher_rate_wherever_the_strategy_was_named(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("strategy: lora\n")
    by_file = recipe_for(150, "cpu", read_recipe(file))
    by_flag = recipe_for(150, "cpu", {"strategy": "lora"})
    assert by_file == by_flag
    assert by_file.learning_rate == pytest.approx(10 * recipe_for(150, "cpu").learning_rate)


def test_a_recipe_is_the_same_after_json() -> None:
    recipe = recipe_for(150, "cpu").with_values(augmentation={"noise": 0.3}, lora_sites=["fc1"])
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"speed": 1}, "A recipe has no 'speed'; it has strategy, last_n,"),
        ({"augmentation": {"loudness": 1}}, r"A recipe has no 'augmentation.loudness'; it has speed, speed_range,"),
        ({"learning_rate": -1.0}, "learning_rate=-1.0 cannot be used: input should be greater than 0"),
        ({"strategy": "both"}, "strategy='both' cannot be used"),
        ({"betas": (0.9, 1.5)}, "both must be at least 0 and below 1"),
        ({"normalizer": "none-such"}, "normalizer='none-such' cannot be used: there is basic, chilean-leaderboard"),
        ({"strategy": "lora", "lora_sites": ()}, "lora_sites must name at least one kind of layer"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        recipe_for(150, "cpu", values)


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", "just words"])
def test_a_file_that_is_no_recipe_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=r"Recipe .*mine\.yaml"):
        read_recipe(file)
