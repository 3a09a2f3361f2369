"""The normalizer of each job: named, or by the language of its data; an unknown one is refused before anything."""

from types import SimpleNamespace
from typing import Any

import pytest
from staged import staged_splits
from tiny_whisper import make_whisper

from acento.api.searching import plan_search
from acento.api.specializing import fix_question, run_steps
from acento.api.training import finetune_model, plan_training
from acento.core.errors import InputError
from acento.core.store import LocalStore
from acento.requests import (
    BenchmarkRequest,
    CurveRequest,
    FinetuneRequest,
    FoldsRequest,
    Request,
    SearchRequest,
    SpecializeRequest,
    TrainingRequest,
)
from acento.training.recipe import Recipe

TRAININGS = (FinetuneRequest, SpecializeRequest, SearchRequest, CurveRequest, FoldsRequest)
ASKED: dict[type[Request], dict[str, object]] = {
    BenchmarkRequest: {"models": ["m"], "datasets": ["d"]},
    **{kind: {"dataset": "d", "base_model": "b"} for kind in TRAININGS},
}


@pytest.mark.parametrize("kind", ASKED)
def test_an_unknown_normalizer_is_refused_in_a_sentence_by_every_verb(kind: type[Request]) -> None:
    with pytest.raises(InputError) as raised:
        kind.checked(ASKED[kind] | {"normalizer": "mine"}, typed=True)
    said = str(raised.value)
    assert said.startswith("--normalizer: There is no normalizer 'mine'; there is: none-1, basic-1, ")
    assert "spanish-1" in said
    assert said.count(". ") == 0


@pytest.mark.parametrize("kind", ASKED)
def test_a_normalizer_is_known_by_name_by_version_and_by_language(kind: type[Request]) -> None:
    for name in ("basic", "basic-1", "unicode-tr", None):
        assert kind.checked(ASKED[kind] | {"normalizer": name}).normalizer == name  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="no normalizer 'basic-9'"):
        kind.checked(ASKED[kind] | {"normalizer": "basic-9"})


@pytest.mark.parametrize("kind", TRAININGS)
def test_a_training_puts_it_into_the_recipe_before_what_the_recipe_says(kind: type[TrainingRequest]) -> None:
    asked = {"dataset": "d", "base_model": "b", "recipe": {"normalizer": "none", "epochs": 2}}
    assert kind.checked(asked | {"normalizer": "basic"}).changes["normalizer"] == "basic"
    assert kind.checked(asked).changes["normalizer"] == "none"
    assert "normalizer" not in kind.checked({"dataset": "d", "base_model": "b"}).changes


def test_a_recipe_has_the_name_alone_so_that_the_same_training_is_found() -> None:
    assert Recipe.checked({"normalizer": "basic-1"}) == Recipe.checked({"normalizer": "basic"})
    assert Recipe().normalizer == "chilean-leaderboard", "what a recipe had that was stored without one"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[LocalStore, str]:
    root = tmp_path_factory.mktemp("normalizers")
    store = LocalStore(root / "store")
    staged_splits(store, root / "clips")
    return store, str(make_whisper(root / "model"))


def planned(place: tuple[LocalStore, str], **asked: Any) -> str:
    store, base = place
    request = FinetuneRequest.of(dataset="small", base_model=base, device="cpu", threads=1, **asked)
    return plan_training(store, request).job.recipe.normalizer


def test_dev_is_measured_by_the_rule_of_the_datas_language(place: tuple[LocalStore, str]) -> None:
    assert planned(place) == "spanish"
    assert planned(place, recipe={"max_steps": 1, "normalizer": None}) == "spanish"
    assert planned(place, language="en") == "spanish", "what is spoken, not what the model is taught to write"


def test_a_named_normalizer_is_that_of_dev(place: tuple[LocalStore, str]) -> None:
    assert planned(place, normalizer="basic") == "basic"
    assert planned(place, recipe={"normalizer": "none"}) == "none"
    assert planned(place, normalizer="chilean-leaderboard") == "chilean-leaderboard"
    assert planned(place, normalizer="open-asr-leaderboard-multilingual") == "open-asr-leaderboard-es"


def test_trials_are_measured_by_it_too(place: tuple[LocalStore, str]) -> None:
    store, base = place
    asked: dict[str, Any] = {"dataset": "small", "base_model": base, "device": "cpu", "trials": 1}
    assert plan_search(store, SearchRequest.of(**asked)).base.normalizer == "spanish"
    assert plan_search(store, SearchRequest.of(**asked, normalizer="basic")).base.normalizer == "basic"


@pytest.mark.parametrize("name", ["basic", None])
def test_a_specialization_benchmarks_and_trains_by_the_same_rule(name: str | None) -> None:
    asked: list[Request] = []

    def carry(step: Any, *args: Any) -> Any:
        asked.extend(one for one in args if isinstance(one, Request))
        if step is fix_question:
            return SimpleNamespace(incumbent="b", datasets=["d@1"])
        if step is finetune_model:
            return SimpleNamespace(model=None, sentence="The training was stopped.")
        return SimpleNamespace(run="run-1", leaderboard=SimpleNamespace(left_out={}))

    request = SpecializeRequest(dataset="d", base_model="b", allow_invalid=True, normalizer=name)
    with pytest.raises(Exception, match="left no model"):
        run_steps(request, carry)
    kinds = {type(one): one for one in asked}
    assert set(kinds) == {BenchmarkRequest, FinetuneRequest}
    assert {one.normalizer for one in asked} == {name}  # type: ignore[attr-defined]
