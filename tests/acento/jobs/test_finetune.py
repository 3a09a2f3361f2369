"""A fine-tuning from a job to a model version: how it ends, goes on, and what it says."""

import errno
import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny_whisper import make_whisper
from training_set import training_job, training_set

from acento.core.callbacks import Callbacks
from acento.core.errors import DamagedError, StoreError, TransientError
from acento.core.progress import Progress, listening
from acento.core.store import LocalStore
from acento.core.store import local as local_store
from acento.families.whisper.training import WhisperTrainable
from acento.jobs.finetune import finetune
from acento.registry.versions import find_version
from acento.scoring.counting.counts import ErrorCounts
from acento.training.job import FinetuneJob, FinetuneResult, state
from acento.training.loop.checkpoints import Checkpoints
from acento.training.loop.evaluate import DevScore
from acento.training.loop.state import HISTORY, Row, read_history

torch.set_num_threads(1)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whisper(tmp_path_factory.mktemp("base") / "m", window_s=2)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setattr("acento.jobs.finetune.draw", lambda _history, path, **_: path.write_bytes(b"a picture"))
    return LocalStore(tmp_path / "store")


@pytest.fixture
def planned(store: LocalStore, tmp_path: Path, folder: Path) -> Callable[..., FinetuneJob]:
    card = training_set(store, tmp_path / "clips")
    return lambda **recipe: training_job(store, card, folder, **recipe)


def wers(monkeypatch: pytest.MonkeyPatch, *values: float) -> None:
    """Let dev have these WERs, one evaluation after another."""
    left = list(values)
    monkeypatch.setattr("acento.training.loop.loop.evaluate", lambda *_, **__: score(left.pop(0)))


def score(wer: float) -> DevScore:
    return DevScore(wer, None, None, runaways=0, clips=2, failed=0, counts=ErrorCounts())


def weights(store: LocalStore, result: FinetuneResult) -> dict[str, Any]:
    assert result.version is not None
    return load_file(store.local_path(find_version(store, f"tuned@{result.version}").key, "model.safetensors"))


def plain(rows: list[Row]) -> list[Row]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def test_it_ends_in_a_version_with_its_recipe_and_history(
    store: LocalStore, planned: Callable[..., FinetuneJob]
) -> None:
    job = planned(eval_every=1)
    rows: list[Row] = []
    progress: list[Progress] = []
    with listening(progress.append):
        result = finetune(store, job, callbacks=Callbacks(on_metrics=rows.append))
    assert (result.done, result.why, result.step, result.steps, result.cached) == (True, "finished", 3, 3, False)
    assert result.sentence.startswith("All 3 steps are done. ")
    version = find_version(store, "tuned")
    assert result.model == version.id
    assert (version.about.strategy, version.about.language, version.about.job) == ("encoder", "es", job.key)
    assert version.about.dev_wer == result.dev_wer
    assert json.loads(store.read_bytes(version.key, "recipe.json")) == job.recipe.model_dump(mode="json")
    written = read_history(store.local_path(version.key, HISTORY))
    assert written == rows
    assert [row["step"] for row in written] == [0, 1, 2, 2, 3, 3]
    assert [row["step"] for row in written if "dev_wer" in row] == [0, 2, 3]
    assert {"step", "epoch", "loss", "learning_rate", "grad_norm", "seconds"} == set(written[1])
    assert {"dev_wer", "dev_low", "dev_high", "runaways", "clips"} <= set(written[0])
    steps = [one for one in progress if one.unit == "steps"]
    assert [(one.done, one.total) for one in steps] == [(1, 3), (2, 3), (3, 3)]
    assert any(one.step == "decode dev" for one in progress)


def test_done_it_is_found_and_not_done_again(store: LocalStore, planned: Callable[..., FinetuneJob]) -> None:
    job = planned()
    assert state(store, job) is None
    first = finetune(store, job)
    again = finetune(store, job, callbacks=Callbacks(on_metrics=lambda _: pytest.fail("it trains again")))
    assert again == first.model_copy(update={"cached": True}) == state(store, job)


def test_under_another_name_it_is_published_and_not_trained_again(
    store: LocalStore, planned: Callable[..., FinetuneJob]
) -> None:
    job = planned()
    first = finetune(store, job)
    other = finetune(
        store,
        job.model_copy(update={"name": "other"}),
        callbacks=Callbacks(on_metrics=lambda _: pytest.fail("it trains again")),
    )
    assert other.model == f"registry:other@{first.version}"


def test_a_version_that_was_removed_is_published_again(store: LocalStore, planned: Callable[..., FinetuneJob]) -> None:
    job = planned()
    first = finetune(store, job)
    store.remove(find_version(store, "tuned").key)
    assert state(store, job) is None
    assert finetune(store, job).version == first.version
    assert find_version(store, "tuned").version == first.version


@pytest.mark.parametrize(
    "recipe",
    [
        {"strategy": "encoder", "dropout": 0.2},
        {"strategy": "decoder"},
        pytest.param({"strategy": "full", "optimizer": "adamw-8bit"}, marks=pytest.mark.eightbit),
        {"strategy": "lora", "lora_dropout": 0.3},
        {"strategy": "full", "average": 0.9, "interpolate": 0.5, "balance": "speaker"},
        {"strategy": "last-n", "augmentation": {"gain": 1.0, "noise": 0.5, "time_masks": 1}},
    ],
    ids=lambda recipe: recipe["strategy"],
)
def test_stopped_after_every_step_it_ends_bit_equal_to_one_that_was_not(
    store: LocalStore, tmp_path: Path, planned: Callable[..., FinetuneJob], recipe: dict[str, object]
) -> None:
    job = planned(max_steps=5, eval_every=1, **recipe)
    other = LocalStore(tmp_path / "other")
    shutil.copytree(tmp_path / "store" / "prepared", tmp_path / "other" / "prepared")
    straight_rows: list[Row] = []
    straight = finetune(other, job, callbacks=Callbacks(on_metrics=straight_rows.append))

    results = []
    while not results or not results[-1].done:
        seen: list[Row] = []
        results.append(
            finetune(
                store,
                job,
                callbacks=Callbacks(
                    on_metrics=seen.append,
                    should_stop=lambda seen=seen: "enough" if any("loss" in row for row in seen) else None,
                ),
            )
        )
    assert len(results) >= 5
    assert {result.why for result in results[:-1]} == {"stopped"}
    assert "(enough)" in results[0].sentence
    ours, theirs = weights(store, results[-1]), weights(other, straight)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert results[-1].version == straight.version
    rows = read_history(store.local_path(find_version(store, "tuned").key, HISTORY))
    assert plain(rows) == plain(straight_rows)
    assert results[-1].best_step == straight.best_step


def test_a_time_limit_leaves_a_checkpoint_and_no_version(
    store: LocalStore, planned: Callable[..., FinetuneJob]
) -> None:
    job = planned()
    result = finetune(store, job, minutes=0.0)
    assert (result.done, result.why, result.version) == (False, "time limit", None)
    assert Checkpoints(store, job.key).steps() == [0]
    assert finetune(store, job).done


def test_it_stops_within_an_evaluation_and_does_it_again(
    store: LocalStore, planned: Callable[..., FinetuneJob]
) -> None:
    job = planned(eval_every=1)
    rows: list[Row] = []
    asked = []

    def stop() -> str | None:
        asked.append(len(rows))
        return "SIGTERM" if len(rows) == 3 and asked.count(3) == 1 else None

    result = finetune(store, job, callbacks=Callbacks(on_metrics=rows.append, should_stop=stop))
    assert (result.why, result.step, [row["step"] for row in rows]) == ("stopped", 2, [0, 1, 2])
    rows.clear()
    assert finetune(store, job, callbacks=Callbacks(on_metrics=rows.append)).done
    assert [(row["step"], "dev_wer" in row) for row in rows] == [(2, True), (3, False), (3, True)]


def test_the_best_by_dev_wer_is_published_and_the_first_of_equals(
    store: LocalStore, planned: Callable[..., FinetuneJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = planned(max_steps=4, eval_every=0.5)
    wers(monkeypatch, 0.9, 0.6, 0.3, 0.3, 0.7)
    result = finetune(store, job)
    assert (result.dev_wer_before, result.dev_wer, result.best_step) == (0.9, 0.3, 2)
    assert "Dev WER went from 90.0% to 30.0% (step 2, normalizer basic-1)" in result.sentence
    assert Checkpoints(store, job.key).steps() == [2, 4]
    best = Checkpoints(store, job.key).weights(2)
    published = weights(store, result)
    assert all(torch.equal(published[name.removeprefix("weights.")], tensor) for name, tensor in best.items())


def test_patience_ends_it_and_survives_a_stop(
    store: LocalStore, planned: Callable[..., FinetuneJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = planned(max_steps=50, eval_every=0.5, patience=3)
    wers(monkeypatch, 0.9, 0.5, 0.6, 0.5)
    rows: list[Row] = []
    stopped = finetune(
        store, job, callbacks=Callbacks(on_metrics=rows.append, should_stop=lambda: "pause" if len(rows) == 7 else None)
    )
    assert (stopped.why, stopped.step) == ("stopped", 3)
    wers(monkeypatch, 0.7, 0.1)
    result = finetune(store, job)
    assert (result.why, result.step, result.best_step, result.dev_wer) == ("early stopping", 4, 1, 0.5)
    assert "no better than 50.0% for 3 evaluations" in result.sentence


def test_where_nothing_was_better_than_the_base_it_says_so_and_publishes_the_best(
    store: LocalStore, planned: Callable[..., FinetuneJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    wers(monkeypatch, 0.2, 0.3)
    result = finetune(store, planned(max_steps=1))
    assert (result.dev_wer_before, result.dev_wer) == (0.2, 0.3)
    assert "Nothing was better on dev than the base model's 20.0%" in result.sentence
    assert result.version is not None


def test_a_loss_that_turns_nan_stops_keeps_the_last_good_checkpoint_and_says_so(
    store: LocalStore, planned: Callable[..., FinetuneJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = planned(max_steps=4, checkpoint_every=1, eval_every=9, accumulate=1, batch_size=4)
    real, calls = WhisperTrainable.loss, []

    def loss(self: WhisperTrainable, *args: Any, **options: Any) -> Any:
        calls.append(1)
        found, tokens = real(self, *args, **options)
        return (found * math.nan if len(calls) > 3 else found), tokens  # the first one only counts memory

    monkeypatch.setattr(WhisperTrainable, "loss", loss)
    result = finetune(store, job)
    assert (result.why, result.done, result.step, result.version) == ("diverged", True, 2, None)
    assert "The loss became nan in step 3 of 4" in result.sentence
    assert "checkpoint after step 2 is kept; lower learning_rate" in result.sentence
    assert Checkpoints(store, job.key).steps() == [2]
    assert all(tensor.isfinite().all() for tensor in Checkpoints(store, job.key).weights(2).values())
    assert state(store, job) is None, "another try is free"
    monkeypatch.undo()


def test_a_disk_that_is_full_ends_it_and_the_checkpoint_before_stays(
    store: LocalStore, planned: Callable[..., FinetuneJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = planned(checkpoint_every=1, eval_every=9)
    real = local_store.write_synced

    def full(path: Path, data: bytes) -> None:
        if b'"step": 2' in data:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(local_store, "write_synced", full)
        with pytest.raises(StoreError, match=r"No space left on device.*free some space"):
            finetune(store, job)
    assert Checkpoints(store, job.key).steps() == [1]
    rows: list[Row] = []
    assert finetune(store, job, callbacks=Callbacks(on_metrics=rows.append)).done
    assert [row["step"] for row in rows if "loss" in row] == [2, 3]


def test_two_at_once_are_refused_and_the_first_one_ends_well(
    store: LocalStore, planned: Callable[..., FinetuneJob]
) -> None:
    job = planned()
    refused = []

    def meanwhile(row: Row) -> None:
        if row["step"] == 1:
            with pytest.raises(TransientError, match="is being trained by process") as error:
                finetune(LocalStore(store.root), job)
            refused.append(str(error.value))

    assert finetune(store, job, callbacks=Callbacks(on_metrics=meanwhile)).done
    assert refused


def test_one_clip_is_enough_to_train(store: LocalStore, tmp_path: Path, folder: Path) -> None:
    card = training_set(store, tmp_path / "one", train=1, dev=1)
    result = finetune(store, training_job(store, card, folder, max_steps=2))
    assert (result.done, result.step) == (True, 2)


def test_a_base_model_that_changed_since_it_was_planned_is_refused(store: LocalStore, tmp_path: Path) -> None:
    card = training_set(store, tmp_path / "clips")
    base = make_whisper(tmp_path / "base", window_s=2)
    job = training_job(store, card, base)
    make_whisper(base, window_s=2, seed=77)
    with pytest.raises(DamagedError, match="has changed since the training was planned"):
        finetune(store, job)


def test_the_average_and_the_interpolation_are_what_dev_hears(
    store: LocalStore, planned: Callable[..., FinetuneJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = planned(strategy="full", interpolate=0.5, average=0.5, max_steps=2)
    heard = []

    def scored(recognizer: Any, *_: object, **__: object) -> DevScore:
        heard.append({name: tensor.clone() for name, tensor in recognizer.model.state_dict().items()})
        return score(0.5)

    monkeypatch.setattr("acento.training.loop.loop.evaluate", scored)
    result = finetune(store, job)
    published = weights(store, result)
    assert (result.best_step, len(heard)) == (1, 3), "of equals the first is the best, and comes from its checkpoint"
    assert all(torch.equal(heard[1][name], tensor) for name, tensor in published.items())
    assert any(not torch.equal(heard[0][name], tensor) for name, tensor in published.items())
