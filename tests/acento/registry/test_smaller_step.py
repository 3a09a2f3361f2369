"""A smaller step: chosen on dev, asked of dev once, the next smaller one where that was refused."""

from pathlib import Path
from typing import Any

import pytest
from registered import registered
from tiny_whisper import make_whisper
from training_set import training_set

from acento.core.store import LocalStore
from acento.models.base import Recognizer
from acento.models.checkpoints.resolver import resolve
from acento.models.checkpoints.taught import mark_taught
from acento.models.windows import Fit
from acento.registry import interpolation as between
from acento.registry.interpolation import RATIOS, smaller_step
from acento.registry.model_version import ModelVersion
from acento.training.loop.evaluate import DevScore

pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def learned(
    store: LocalStore, folder: Path, dev_wer_before: float | None = None, fit: Fit | None = None
) -> ModelVersion:
    """Publish a model that differs from its base in all weights."""
    card = training_set(store, folder / "lessons", train=2, dev=2)
    base = resolve(str(make_whisper(folder / "base", window_s=2)))
    about = {"id": base.id, "revision": None, "digest": base.digest, "family": "whisper"}
    tuned = make_whisper(folder / "tuned", seed=5, window_s=2)
    mark_taught(tuned, fit)
    facts = {"dataset": f"{card.name}@{card.version}", "dev_wer_before": dev_wer_before}
    return registered(store, tuned, base=about, **facts)


def test_dev_is_asked_once_and_the_same_step_is_the_same_version(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned = learned(store, tmp_path)
    first, why = smaller_step(store, tuned, below=1.0)
    assert first is not None
    assert first.about.parent == tuned.version
    assert first.about.recipe["interpolate"] in RATIOS

    def evaluate(*_: object, **__: object) -> None:
        pytest.fail("dev was decoded again")

    monkeypatch.setattr(between, "evaluate", evaluate)
    assert smaller_step(store, tuned, below=1.0) == (first, why)


def test_dev_is_decoded_in_the_windows_that_the_version_is_used_with(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit, used = Fit(margin_s=0.5), set[Fit | None]()
    tuned, real = learned(store, tmp_path, fit=fit), between.evaluate

    def evaluate(recognizer: Recognizer, *args: Any, **options: Any) -> DevScore:
        used.add(recognizer.fit)
        return real(recognizer, *args, **options)

    monkeypatch.setattr(between, "RATIOS", RATIOS[:1])
    monkeypatch.setattr(between, "evaluate", evaluate)
    made, _ = smaller_step(store, tuned, below=1.0)
    assert used == {fit}
    assert made is not None
    assert made.window == fit


def test_where_a_step_was_refused_the_next_smaller_one_is_tried_until_none_is_left(
    store: LocalStore, tmp_path: Path
) -> None:
    tuned = learned(store, tmp_path)
    below, taken = 1.0, []
    while (made := smaller_step(store, tuned, below)[0]) is not None:
        below = made.about.recipe["interpolate"]
        taken.append(below)
    assert taken == sorted(taken, reverse=True)
    assert taken[-1] == RATIOS[0]
    assert "No step smaller than 0.3 is left" in smaller_step(store, tuned, below)[1]


def test_a_step_that_is_no_better_on_dev_than_the_base_is_none(store: LocalStore, tmp_path: Path) -> None:
    made, why = smaller_step(store, learned(store, tmp_path, dev_wer_before=0.0))
    assert made is None
    assert "no better on dev than the base (0.0%)" in why
