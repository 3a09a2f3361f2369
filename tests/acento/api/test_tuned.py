"""What runs each model of a benchmark: as it was asked for, or what is fastest on this machine; and what is said."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_recognizer import FAKE, FakeRecognizer, fake_model
from staged import staged
from tiny_whisper import make_whisper

from acento.api.benchmarking import plan_benchmark, run_benchmark
from acento.api.estimating import estimate_benchmark
from acento.core.errors import InputError
from acento.core.settings import settings
from acento.core.store import LocalStore
from acento.inference.tuning import batches, settle
from acento.models.base import DecodeOptions, Recognizer
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.devices import Elsewhere
from acento.models.families import FAMILIES
from acento.registry.runs.records import chosen_in
from acento.requests import BenchmarkRequest


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalStore]:
    """Return a store with six clips; the fake family is one whose threads and batch size are tried out."""
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    monkeypatch.delenv("ACENTO_THREADS", raising=False)
    settings.cache_clear()
    monkeypatch.setitem(FAMILIES, "fake", FAKE)
    monkeypatch.setattr(settle, "TUNED", frozenset({"fake"}))
    monkeypatch.setattr(settle, "cores", lambda: 2)
    monkeypatch.setattr(batches, "_LEAST_S", 0.01)
    found = LocalStore(tmp_path / "store")
    staged(found, tmp_path / "clips", 12)
    yield found
    settings.cache_clear()


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[DecodeOptions]:
    """Return what was loaded to be tried out: half as slow on two threads, a quarter in bfloat16."""
    loaded: list[DecodeOptions] = []

    def load(_: Checkpoint, options: DecodeOptions) -> Recognizer:
        loaded.append(options)
        return FakeRecognizer(infer_s=0.08 / options.threads**3 / (4 if options.dtype == "bfloat16" else 1))

    monkeypatch.setattr(settle, "_load", load)
    return loaded


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(fake_model(tmp_path / "model"))


def asked(model: str, **more: object) -> BenchmarkRequest:
    return BenchmarkRequest.of(models=[model], datasets=["demo"], **more)


def test_threads_that_were_found_are_in_the_plan_and_in_the_runs_record(
    store: LocalStore, model: str, tried: list[DecodeOptions]
) -> None:
    finished = run_benchmark(store, asked(model))
    (sentence,) = chosen_in(store, finished.run)
    assert sentence.startswith(f"{model}: 2 threads, batch ")
    conditions = finished.leaderboard.boards[0].rows[0].entry.conditions
    assert conditions is not None
    assert (conditions.threads, conditions.placements) == (2, 1), "two threads are all that two cores hold"
    count = len(tried)
    (planned,) = plan_benchmark(store, asked(model)).transcriptions
    assert (planned.options.threads, planned.workers) == (2, 1)
    assert len(tried) == count, "it is measured once"


@pytest.mark.parametrize("way", ["option", "variable"])
def test_threads_and_batch_that_were_asked_for_are_not_tried_out(
    store: LocalStore, model: str, tried: list[DecodeOptions], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    more: dict[str, object] = {"gpu_batch_size": 3}
    if way == "option":
        more["threads"] = 1
    else:
        monkeypatch.setenv("ACENTO_THREADS", "1")
        settings.cache_clear()
    (planned,) = plan_benchmark(store, asked(model, **more)).transcriptions
    assert (planned.options.threads, planned.batch_size, planned.chosen) == (1, 3, "")
    assert not tried


@pytest.mark.slow
def test_what_was_begun_with_the_defaults_goes_on_so(
    store: LocalStore, model: str, tried: list[DecodeOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "TUNED", frozenset())
    run_benchmark(store, asked(model))
    monkeypatch.setattr(settle, "TUNED", frozenset({"fake"}))
    (planned,) = plan_benchmark(store, asked(model)).transcriptions
    assert planned.options.threads == 1
    assert not tried


def test_workers_elsewhere_are_not_measured_here_and_that_is_said(
    store: LocalStore, model: str, tried: list[DecodeOptions]
) -> None:
    for engine in (None, "auto"):
        (planned,) = plan_benchmark(store, asked(model, engine=engine), Elsewhere()).transcriptions
        assert (planned.options.threads, planned.options.dtype) == (1, "float32")
        assert planned.chosen == "workers elsewhere cannot be measured here: defaults run it"
    assert not tried


@pytest.mark.slow
def test_a_dry_run_measures_nothing_and_knows_what_was_measured(
    store: LocalStore, model: str, tried: list[DecodeOptions]
) -> None:
    request = asked(model, engine="auto", engine_bound=0.5)
    assert estimate_benchmark(store, request).work[0].parts_done == 0
    assert not tried
    assert not [*store.list_files("tuning")]
    run_benchmark(store, request)
    count = len(tried)
    work = estimate_benchmark(store, request).work[0]
    assert work.parts_done == work.parts, "of the engine that was found"
    assert len(tried) == count


def test_the_engine_is_found_within_the_bound(store: LocalStore, model: str, tried: list[DecodeOptions]) -> None:
    (loose,) = plan_benchmark(store, asked(model, engine="auto", engine_bound=0.5)).transcriptions
    (strict,) = plan_benchmark(store, asked(model, engine="auto", engine_bound=0.0)).transcriptions
    assert (loose.options.dtype, strict.options.dtype) == ("bfloat16", "float32")
    assert "transformers bfloat16, " in loose.chosen
    assert strict.chosen.startswith("transformers float32 stays (by 12 clips of demo v1/test)")
    assert tried


def test_what_auto_cannot_mean_is_a_sentence(store: LocalStore, model: str) -> None:
    with pytest.raises(InputError, match="engine_bound"):
        asked(model, engine="auto", engine_bound=1.5)
    with pytest.raises(InputError, match="engine"):
        asked(model, engine="fastest")
    with pytest.raises(InputError, match="quantization"):
        asked(model, engine="auto", quantization="int4")
    with pytest.raises(InputError, match="add --engine ctranslate2, or auto"):
        plan_benchmark(store, asked(model, quantization="int8"))


@pytest.mark.slow
def test_a_whisper_runs_on_what_was_measured_to_be_fastest(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ctranslate2")
    monkeypatch.setattr(settle, "TUNED", frozenset({"whisper-ctranslate2"}))
    whisper = str(make_whisper(tmp_path / "whisper"))
    found = run_benchmark(store, asked(whisper, engine="auto", engine_bound=0.9, normalizer="none"))
    (sentence,) = chosen_in(store, found.run)
    again = run_benchmark(store, asked(whisper, engine="auto", engine_bound=0.9, normalizer="none"))
    assert chosen_in(store, again.run) == [sentence]
    entry, other = (one.leaderboard.boards[0].rows[0].entry for one in (found, again))
    assert entry.model in (whisper, f"{whisper}:ctranslate2-int8")
    assert (entry.model, entry.model_hash, entry.score) == (other.model, other.model_hash, other.score)
    assert "ctranslate2 int8" in sentence, "chosen, or not and why"
    assert len([*store.list_files("tuning")]) == 1 + (entry.model != whisper)
