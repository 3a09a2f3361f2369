"""The windows of each job that trains: asked for in one of two places, settled by the training clips."""

from typing import Any

import pytest
from staged import staged_splits
from tiny_whisper import make_whisper

from acento.api.precheck import check_training
from acento.api.searching import plan_search
from acento.api.training import plan_training
from acento.core.errors import InputError
from acento.core.store import LocalStore
from acento.requests import (
    CurveRequest,
    FinetuneRequest,
    FoldsRequest,
    SearchRequest,
    SpecializeRequest,
    TrainingRequest,
)
from acento.training.recipe import Recipe

TRAININGS = (FinetuneRequest, SpecializeRequest, SearchRequest, CurveRequest, FoldsRequest)
NAMED: dict[str, Any] = {"dataset": "small", "base_model": "b"}


@pytest.mark.parametrize("kind", TRAININGS)
def test_every_training_takes_its_window_as_an_option_or_in_the_recipe(kind: type[TrainingRequest]) -> None:
    assert not {"window", "keep_full"} & set(kind.of(**NAMED).changes)
    options = kind.of(**NAMED, window="fit", keep_full=0.25).changes
    assert options == kind.of(**NAMED, recipe={"window": "fit", "keep_full": 0.25}).changes
    assert kind.of(**NAMED, window="fit", recipe={"window": "fit"}).changes["window"] == "fit"
    assert kind.of(**NAMED, keep_full=0.0, recipe={"window": None}).changes["keep_full"] == 0.0


@pytest.mark.parametrize("kind", TRAININGS)
def test_what_contradicts_itself_or_cannot_be_is_one_sentence(kind: type[TrainingRequest]) -> None:
    with pytest.raises(InputError, match=r"^window is fit and the recipe's window is auto: say one of them\.$"):
        kind.of(**NAMED, window="fit", recipe={"window": "auto"})
    with pytest.raises(InputError, match=r"^keep_full is 0\.0 and the recipe's keep_full is 0\.5: say one of them\.$"):
        kind.of(**NAMED, keep_full=0, recipe={"keep_full": 0.5})
    with pytest.raises(InputError, match=r"^--window must be 'auto', 'full' or 'fit'; got 'short'"):
        kind.checked({**NAMED, "window": "short"}, typed=True)
    for share in (-0.1, 1.1):
        with pytest.raises(InputError, match=r"^--keep-full must be at "):
            kind.checked({**NAMED, "keep_full": share}, typed=True)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    store = LocalStore(tmp_path_factory.mktemp("data") / "store")
    staged_splits(store, tmp_path_factory.mktemp("clips"))
    return store


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """Return models by the seconds of their window; half of the training clips are under half a second."""
    return {seconds: str(make_whisper(tmp_path_factory.mktemp("base") / "m", window_s=seconds)) for seconds in (1, 2)}


def planned(store: LocalStore, base: str, **asked: Any) -> Recipe:
    request = FinetuneRequest.of(dataset="small", base_model=base, device="cpu", threads=1, **asked)
    return plan_training(store, request).job.recipe


def test_the_training_clips_settle_what_nobody_asks_for(store: LocalStore, bases: dict[int, str]) -> None:
    assert planned(store, bases[2]).window == "fit"
    assert planned(store, bases[1]).window == "full"
    assert planned(store, bases[1], window="fit").window == "fit"
    assert planned(store, bases[2], window="full") == planned(store, bases[2], recipe={"window": "full"})
    assert planned(store, bases[2], keep_full=0.25).keep_full == 0.25
    asked: dict[str, Any] = {"dataset": "small", "device": "cpu", "trials": 1}
    found = [plan_search(store, SearchRequest.of(**asked, base_model=bases[seconds])).base for seconds in (1, 2)]
    assert [recipe.window for recipe in found] == ["full", "fit"]


def test_what_a_model_cannot_learn_in_is_said_before_anything_is_prepared(
    store: LocalStore, bases: dict[int, str]
) -> None:
    with pytest.raises(InputError, match="family 'parakeet-ctc' have no window to be fitted"):
        check_training(store, FinetuneRequest.of(dataset="small", base_model="demo:parakeet-mini", window="fit"))
    with pytest.raises(InputError, match="this training has full windows only"):
        check_training(store, FinetuneRequest.of(dataset="small", base_model=bases[2], window="full", keep_full=0.1))
    with pytest.raises(InputError, match="this training has full windows only"):
        planned(store, bases[1], keep_full=0.1)
