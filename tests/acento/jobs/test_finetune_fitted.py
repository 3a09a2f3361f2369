"""A fine-tuning in fitted windows, from the base to a version that says what it was taught."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny_whisper import make_whisper
from training_set import training_job, training_set

from acento.core.callbacks import Callbacks
from acento.core.store import LocalStore
from acento.jobs.finetune import finetune
from acento.models.base import Recognizer
from acento.models.checkpoints.taught import mark_taught, taught
from acento.models.windows import Fit
from acento.registry.model_version import ModelVersion
from acento.registry.versions import find_version, read_history
from acento.training.data.subsets import Share
from acento.training.job import FinetuneJob
from acento.training.loop import evaluate

torch.set_num_threads(1)
Used = list[Fit | None]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setattr("acento.jobs.finetune.draw", lambda _history, path, **_: path.write_bytes(b"a picture"))
    return LocalStore(tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_whisper(tmp_path / "model", window_s=4, layers=(2, 1))


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Used:
    """Return what each decoding of prepared clips was done in."""
    used: Used = []
    real = evaluate.decode

    def decode(recognizer: Recognizer, *args: Any, **options: Any) -> Any:
        used.append(recognizer.fit)
        return real(recognizer, *args, **options)

    monkeypatch.setattr(evaluate, "decode", decode)
    return used


def planned(store: LocalStore, tmp_path: Path, folder: Path, **recipe: object) -> FinetuneJob:
    card = training_set(store, tmp_path / "clips")
    return training_job(store, card, folder, **{"eval_every": 1, "batch_size": 2, "accumulate": 1, **recipe})


def trained(store: LocalStore, job: FinetuneJob) -> ModelVersion:
    result = finetune(store, job)
    return find_version(store, f"tuned@{result.version}")


def test_the_version_says_what_windows_it_was_taught(
    store: LocalStore, tmp_path: Path, folder: Path, windows: Used
) -> None:
    version = trained(store, planned(store, tmp_path, folder, window="fit", margins=(0.4, 0.4), keep_full=1.0))
    fit = version.about.window
    assert fit is not None
    assert fit.margin_s == 0.4
    rows = [row for row in read_history(store, version) if "loss" in row]
    assert len(rows) == 3
    assert fit.shortest_s == pytest.approx(min(row["context_s"] for row in rows))
    assert all(row["keep_loss"] > 0 for row in rows)
    assert taught(version.path) == fit
    assert version.about.recipe["window"] == "fit"
    said = f"clip + 0.4 s, at least {fit.shortest_s:g} s; learned with margins of 0.4 to 0.4 s"
    assert f"{said}, the full window kept on 100% of the steps" in version.card
    assert windows == [None, fit], "the base is used in its own window, and what is learned in the fitted one"


@pytest.mark.slow
def test_full_windows_leave_no_mark_and_take_one_away(
    store: LocalStore, tmp_path: Path, folder: Path, windows: Used
) -> None:
    plain = trained(store, planned(store, tmp_path, folder))
    assert plain.about.window is None
    assert "acento_window" not in json.loads((plain.path / "config.json").read_text())
    assert "windows |" not in plain.card
    mark_taught(folder, Fit(margin_s=0.5))
    again = trained(store, planned(store, tmp_path, folder))
    assert taught(again.path) is None
    assert windows == [None, None, Fit(margin_s=0.5), None]


def test_a_share_of_the_data_decodes_its_test_clips_so_too(
    store: LocalStore, tmp_path: Path, folder: Path, windows: Used
) -> None:
    job = planned(store, tmp_path, folder, window="fit")
    finetune(store, job.model_copy(update={"part": Share(percent=50), "publish": False}))
    base, before, *after, tuned = windows
    assert (base, before) == (None, None)
    assert None not in (*after, tuned)


@pytest.mark.slow
def test_stopped_and_gone_on_the_weights_are_bit_equal(store: LocalStore, tmp_path: Path, folder: Path) -> None:
    values = {"window": "fit", "keep_full": 0.5, "strategy": "last-n", "last_n": 1, "dropout": 0.1, "max_steps": 4}
    values |= {"epochs": 9, "eval_every": 9, "augmentation": {"speed": 0.5, "time_masks": 1}}
    job = planned(store, tmp_path, folder, **values)
    broken = LocalStore(tmp_path / "broken")
    other = planned(broken, tmp_path, folder, **values)
    assert other.fingerprint == job.fingerprint
    straight = trained(store, job)
    steps: list[int] = []

    def enough() -> str | None:
        return "enough" if 2 in steps else None

    stop = Callbacks(on_metrics=lambda row: steps.append(row["step"]), should_stop=enough)
    assert not finetune(broken, other, callbacks=stop).done
    resumed = trained(broken, other)
    assert resumed.version == straight.version
    one, two = (load_file(version.path / "model.safetensors") for version in (straight, resumed))
    assert all(torch.equal(one[name], two[name]) for name in one)
