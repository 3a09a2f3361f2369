"""Planning a benchmark: each model by its engine, none that this machine lacks the framework for; and what is done."""

import sys
from pathlib import Path

import pytest
from staged import staged
from tiny_whisper import make_whisper

from acento.api.benchmarking import find_models
from acento.core.errors import InputError, ModelError
from acento.core.settings import settings
from acento.core.store import LocalStore
from acento.inference.benchmark import jobs
from acento.models import families
from acento.models.devices import Elsewhere
from acento.requests import BenchmarkRequest
from infra.compute import InlineCompute
from tasks.benchmark import plan_run


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    settings.cache_clear()
    return [str(make_whisper(tmp_path / name, seed=seed)) for seed, name in enumerate(("one", "two"))]


def request(models: list[str], **asked: str) -> BenchmarkRequest:
    return BenchmarkRequest(models=models, datasets=["demo"], **asked)  # type: ignore[arg-type]


def test_an_engine_runs_every_whisper_that_names_no_reader(models: list[str]) -> None:
    names = [models[0], f"{models[1]}:ctranslate2-float32", f"{models[1]}:transformers"]
    found, left_out = find_models(request(names, engine="ctranslate2", quantization="int8"))
    assert [one.id for one in found] == [f"{models[0]}:ctranslate2-int8", *names[1:]]
    assert [one.family.name for one in found] == ["whisper-ctranslate2", "whisper-ctranslate2", "whisper"]
    assert left_out == {}


def test_a_quantization_needs_an_engine_that_takes_one(models: list[str]) -> None:
    with pytest.raises(InputError, match="add --engine ctranslate2"):
        find_models(request(models, quantization="int8"))
    with pytest.raises(InputError, match="transformers takes --dtype"):
        find_models(request(models, engine="transformers", quantization="int8"))


def test_what_is_not_installed_leaves_out_only_the_models_that_need_it(
    models: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    converted = f"{models[1]}:ctranslate2-int8"
    find_models(request([converted]))

    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    found, left_out = find_models(request([models[0], converted]))
    with pytest.raises(
        ModelError, match=r"needs ctranslate2, which is not installed: pip install 'acento\[ctranslate2\]'"
    ):
        find_models(request([converted]))
    assert [one.id for one in found] == [models[0]]
    assert list(left_out) == [converted]
    assert "pip install 'acento[ctranslate2]'" in left_out[converted]


def test_elsewhere_every_model_is_tried_as_what_is_installed_there_cannot_be_asked(
    models: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    converted = f"{models[1]}:ctranslate2-int8"
    find_models(request([converted]))
    monkeypatch.setattr(families.Family, "missing", lambda _: "not installed here")
    with pytest.raises(ModelError, match="not installed here"):
        find_models(request([models[0], converted]))
    found, left_out = find_models(request([models[0], converted]), Elsewhere())
    assert [one.id for one in found] == [models[0], converted]
    assert left_out == {}


def test_what_is_in_the_store_needs_no_backend_that_could_begin(
    models: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path / "store")
    staged(store, tmp_path / "clips", 2)

    def check(_: str | None, *, begin: bool = True) -> Elsewhere:
        if begin:
            raise InputError("No worker is online.")
        return Elsewhere()

    here = plan_run.fn(request(models[:1]))
    monkeypatch.setattr("tasks.compute.check_compute", check)
    with pytest.raises(InputError, match="No worker is online"):
        plan_run.fn(request(models[:1], compute="work-pool"))
    for transcription in here.transcriptions:
        list(InlineCompute(store).run(jobs(store, transcription), workers=1))
    assert plan_run.fn(request(models[:1], compute="work-pool")).transcriptions == here.transcriptions
