"""Which windows a training is in: what auto comes to, what is refused, and what is said beforehand."""

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from acento.core.errors import InputError
from acento.core.store import LocalStore, Store
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.taught import CONFIG_KEY, mark_taught, taught
from acento.models.families import FAMILIES
from acento.models.windows import Fit
from acento.training.job import FinetuneJob
from acento.training.planning import check_recipe, recipe_of_model
from acento.training.recipe import Recipe
from acento.training.windows import settle_window, warn_of_windows


@pytest.fixture
def whisper(tmp_path: Path) -> Checkpoint:
    folder = tmp_path / "whisper"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "whisper", "max_source_positions": 1500}))
    return Checkpoint("whisper", None, folder, "digest", FAMILIES["whisper"])


def unasked() -> Iterable[float]:
    raise AssertionError("the clips decide nothing here")


@pytest.mark.parametrize(
    ("seconds", "window"),
    [
        ([14.9] * 9 + [29.0], "fit"),
        ([14.9] * 8 + [29.0] * 2, "full"),
        ([15.0] * 10, "full"),
        ([0.1], "fit"),
        ([], "full"),
    ],
)
def test_auto_fits_where_nine_of_ten_clips_are_under_half_the_window(
    whisper: Checkpoint, seconds: list[float], window: str
) -> None:
    for asked in (None, "auto"):
        assert settle_window(whisper, asked, lambda: seconds) == window


def test_the_half_is_that_of_the_models_own_window(whisper: Checkpoint) -> None:
    (whisper.folder / "config.json").write_text(json.dumps({"max_source_positions": 300}))
    assert settle_window(whisper, "auto", lambda: [2.9]) == "fit"
    assert settle_window(whisper, "auto", lambda: [3.0]) == "full"


def test_what_is_asked_for_is_done_whatever_the_clips(whisper: Checkpoint) -> None:
    for asked in ("full", "fit"):
        assert settle_window(whisper, asked, unasked) == asked
    for wrong in ("short", 8, ["fit"]):
        with pytest.raises(InputError, match="cannot be used: it is auto, full, fit"):
            settle_window(whisper, wrong, unasked)


def test_a_model_that_was_taught_short_windows_goes_on_with_them(whisper: Checkpoint) -> None:
    mark_taught(whisper.folder, Fit())
    assert settle_window(whisper, "auto", unasked) == "fit"
    assert settle_window(whisper, "full", unasked) == "full"


@pytest.mark.parametrize("family", [name for name, one in FAMILIES.items() if one.trainer and name != "whisper"])
def test_families_without_such_a_window_learn_as_ever(whisper: Checkpoint, family: str) -> None:
    other = replace(whisper, family=FAMILIES[family])
    assert settle_window(other, "auto", unasked) == "full"
    for asked, named in (
        ({"window": "fit"}, "window"),
        ({"keep_full": 0.25}, "keep_full"),
        ({"window": "fit", "keep_full": 0.25}, "window and keep_full"),
    ):
        with pytest.raises(InputError, match=f"'{family}' have no window to be fitted: .* leave {named} out"):
            recipe_of_model(other, 100, "cpu", asked, None, unasked)
    recipe = recipe_of_model(other, 100, "cpu", {}, None, unasked)
    assert recipe == recipe_of_model(other, 100, "cpu", {"window": "full"})
    assert "window" not in recipe.model_dump(), "it is named as it was before there was a choice"


def test_the_full_window_cannot_be_kept_where_nothing_else_is_learned(whisper: Checkpoint) -> None:
    assert recipe_of_model(whisper, 100, "cpu", {"keep_full": 0.25}, None, lambda: [2.0]).keep_full == 0.25
    for overrides, seconds in (({"window": "full"}, 2.0), ({}, 20.0)):
        with pytest.raises(InputError, match=r"keep_full=0\.25 keeps the full window .* ask for window=fit"):
            recipe_of_model(whisper, 100, "cpu", {"keep_full": 0.25, **overrides}, None, lambda: [seconds])  # noqa: B023
    with pytest.raises(InputError, match=r"keep_full=1\.5"):
        recipe_of_model(whisper, 100, "cpu", {"window": "fit", "keep_full": 1.5})
    check_recipe(whisper.family, Recipe(window="fit", keep_full=1.0))


def test_a_config_says_what_was_taught_and_nothing_else_of_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"d_model": 8, "a": [1, 2]}')
    mark_taught(tmp_path, None)
    assert path.read_text() == '{"d_model": 8, "a": [1, 2]}', "to the byte where there is nothing to say"
    mark_taught(tmp_path, Fit(margin_s=0.5, shortest_s=1.5))
    assert taught(tmp_path) == Fit(margin_s=0.5, shortest_s=1.5)
    assert json.loads(path.read_text()) == {
        "a": [1, 2],
        "d_model": 8,
        CONFIG_KEY: {"margin_s": 0.5, "shortest_s": 1.5},
    }
    written = path.read_text()
    mark_taught(tmp_path, Fit(margin_s=0.5, shortest_s=1.5))
    assert path.read_text() == written
    mark_taught(tmp_path, None)
    assert taught(tmp_path) is None
    assert json.loads(path.read_text()) == {"a": [1, 2], "d_model": 8}
    mark_taught(tmp_path / "nowhere", Fit())
    assert not (tmp_path / "nowhere").exists()


@pytest.fixture
def begun(tmp_path: Path) -> Callable[..., tuple[Store, FinetuneJob]]:
    """Return what makes a store in which a training stands at step 40, with a job of the same but for its recipe."""
    store = LocalStore(tmp_path / "store")

    def make(first: dict[str, Any], then: dict[str, Any]) -> tuple[Store, FinetuneJob]:
        spec = {"id": "whisper", "revision": None, "digest": "digest", "family": "whisper", "decoding_version": 1}
        values = {"name": "tuned", "base": spec, "dataset": "d@1", "dataset_fingerprint": "f", "train": "t", "dev": "e"}
        values |= {"train_clips": 1, "dev_clips": 1, "left_out": 0, "language": "es", "options": {}}
        jobs = [FinetuneJob.model_validate({**values, "recipe": Recipe.checked(one)}) for one in (first, then)]
        for step in (10, 40):
            with store.publish(f"{jobs[0].key}/checkpoints/{step:08d}"):
                pass
        return store, jobs[1]

    return make


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"window": "fit"}, {}),
        ({}, {"window": "fit"}),
        ({}, {"window": "fit", "keep_full": 0.25}),
        ({"window": "fit", "margins": (0.5, 1.0)}, {"margins": (0.5, 1.0)}),
    ],
)
def test_a_training_that_was_begun_in_other_windows_is_another_and_that_is_said(
    begun: Callable[..., tuple[Store, FinetuneJob]],
    whisper: Checkpoint,
    caplog: pytest.LogCaptureFixture,
    first: dict[str, Any],
    then: dict[str, Any],
) -> None:
    store, job = begun(first, then)
    was, now = (recipe.get("window", "full") for recipe in (first, then))
    with caplog.at_level(logging.WARNING):
        warn_of_windows(store, job, whisper)
    (said,) = caplog.messages
    assert f"was begun with window={was} and stands at step 40" in said
    assert f"With window={now} it is another one" in said
    assert f"--window {was}" in said


def test_a_training_that_goes_on_or_is_new_says_nothing(
    begun: Callable[..., tuple[Store, FinetuneJob]], whisper: Checkpoint, caplog: pytest.LogCaptureFixture
) -> None:
    for first, then in (({"window": "fit"}, {"window": "fit"}), ({"seed": 3}, {"window": "fit"})):
        warn_of_windows(*begun(first, then), whisper)
    assert caplog.messages == []


def test_full_windows_alone_make_a_taught_model_forget_and_that_is_said(
    begun: Callable[..., tuple[Store, FinetuneJob]], whisper: Checkpoint, caplog: pytest.LogCaptureFixture
) -> None:
    mark_taught(whisper.folder, Fit())
    warn_of_windows(*begun({"seed": 3}, {}), whisper)
    (said,) = caplog.messages
    assert "was taught short windows, and this training shows it full ones only" in said
    assert "--window fit" in said
