"""How much memory a training needs: the estimate, what is made of it, and that it holds for a real process."""

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from servers import ROOT
from tiny_whisper import make_whisper
from training_set import training_job, training_set

from acento.core.callbacks import Callbacks
from acento.core.errors import ModelError
from acento.core.store import LocalStore
from acento.jobs.finetune import finetune
from acento.models.checkpoints.resolver import resolve
from acento.models.trainable import Trainable
from acento.registry.versions import find_version
from acento.training.data.prepared import Prepared, load_prepared
from acento.training.job import FinetuneJob
from acento.training.loop import memory
from acento.training.loop.memory import MARGIN, Need, fitting_size, free_memory, need_of
from acento.training.loop.state import Row
from acento.training.planning import load_trainable
from acento.training.recipe import Recipe

torch.set_num_threads(1)
GB = 10**9


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whisper(tmp_path_factory.mktemp("base") / "m", window_s=2)


@pytest.fixture
def planned(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FinetuneJob]:
    monkeypatch.setattr("acento.jobs.finetune.draw", lambda _history, path, **_: path.write_bytes(b"a picture"))
    store = LocalStore(tmp_path / "store")
    card = training_set(store, tmp_path / "clips", train=4)
    return lambda **recipe: training_job(store, card, folder, **{"batch_size": 4, "accumulate": 1} | recipe)


def loaded(planned: Callable[..., FinetuneJob], tmp_path: Path, **recipe: object) -> tuple[Trainable, Prepared, Recipe]:
    job = planned(**recipe)
    checkpoint = resolve(job.base.id)
    trainable = load_trainable(checkpoint.family, checkpoint.folder, "es", job.recipe, "cpu")
    return trainable, load_prepared(LocalStore(tmp_path / "store"), job.train), job.recipe


def need(planned: Callable[..., FinetuneJob], tmp_path: Path, **recipe: object) -> Need:
    return need_of(*loaded(planned, tmp_path, **recipe), nullcontext())


@pytest.mark.parametrize(
    ("free", "clips"),
    [
        (None, None),  # nobody can tell
        (10 * GB, None),
        (8.9 * GB, 4),  # 1 + 8 would leave nothing to others
        (5.6 * GB, 4),
        (5.5 * GB, 2),
        (2.3 * GB, 1),
        (2.01 * GB, 1),  # it fits, if nobody else takes anything
    ],
)
def test_forward_passes_are_halved_until_they_fit(free: float | None, clips: int | None) -> None:
    size = None if free is None else int(free)
    assert fitting_size(Need(GB, GB), size, Recipe(batch_size=8), "the training of x") == clips


def test_what_cannot_fit_is_refused_with_what_would_help() -> None:
    said = r"The training of x needs about 2\.0 GB .* one clip .* 1\.9 GB are free; set activation_checkpointing"
    with pytest.raises(ModelError, match=said):
        fitting_size(Need(GB, GB), int(1.9 * GB), Recipe(batch_size=8), "the training of x")


@pytest.mark.slow
def test_what_learns_less_needs_less(planned: Callable[..., FinetuneJob], tmp_path: Path) -> None:
    full, encoder = (need(planned, tmp_path, strategy=one) for one in ("full", "encoder"))
    assert full.fixed > encoder.fixed
    assert full.clip > encoder.clip
    assert need(planned, tmp_path, strategy="full", activation_checkpointing=True).clip < full.clip
    assert need(planned, tmp_path, strategy="full", average=0.9).fixed > full.fixed
    assert need(planned, tmp_path, strategy="lora", lora_rank=1).fixed < encoder.fixed


def test_fitted_windows_need_less_unless_the_full_one_is_kept_too(
    planned: Callable[..., FinetuneJob], tmp_path: Path
) -> None:
    full, kept = need(planned, tmp_path), need(planned, tmp_path, window="fit", keep_full=0.1)
    shorter, longer = (need(planned, tmp_path, window="fit", margins=(0.1, most)) for most in (0.1, 0.8))
    assert shorter.clip < longer.clip < full.clip
    assert kept.clip == pytest.approx(full.clip, rel=0.05), "of two passes, one after the other, the larger counts"
    assert shorter.fixed < full.fixed, "features are as long as their clips"


def test_the_estimate_changes_nothing_of_the_model(planned: Callable[..., FinetuneJob], tmp_path: Path) -> None:
    trainable, train, recipe = loaded(planned, tmp_path, strategy="full")
    before = {name: tensor.clone() for name, tensor in trainable.model.state_dict().items()}
    learning = trainable.model.training
    need_of(trainable, train, recipe, nullcontext())
    assert all(torch.equal(tensor, before[name]) for name, tensor in trainable.model.state_dict().items())
    assert all(parameter.grad is None for parameter in trainable.model.parameters())
    assert trainable.model.training is learning


def test_running_statistics_of_a_norm_are_as_before() -> None:
    checkpoint = resolve("demo:parakeet-mini")
    recipe = Recipe(strategy="full")
    trainable = load_trainable(checkpoint.family, checkpoint.folder, "es", recipe, "cpu")

    class Clips:
        examples = (type("Example", (), {"samples": 16000, "labels": (3, 4, 5)})(),)

        def audio(self, _: int) -> Any:
            return torch.randn(16000).numpy()

    before = {name: buffer.clone() for name, buffer in trainable.model.named_buffers()}
    assert before, "it has no running statistics: take another model"
    assert need_of(trainable, Clips(), recipe, nullcontext()).clip > 1_000_000  # type: ignore[arg-type]
    assert all(torch.equal(buffer, before[name]) for name, buffer in trainable.model.named_buffers())


@pytest.mark.slow
def test_with_little_memory_passes_are_smaller_and_the_weights_the_same(
    planned: Callable[..., FinetuneJob], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = planned()
    store = LocalStore(tmp_path / "store")
    result = finetune(store, job.model_copy(update={"name": "whole"}))
    whole = load_file(store.local_folder(find_version(store, f"whole@{result.version}").key) / "model.safetensors")
    asked = need(planned, tmp_path)
    room = int(asked.of(2) / (1 - MARGIN)) + 1
    monkeypatch.setattr(memory, "free_memory", lambda _: room)
    other = job.model_copy(update={"name": "parts", "options": job.options.model_copy(update={"threads": 2})})
    rows: list[Row] = []
    result = finetune(store, other, callbacks=Callbacks(on_metrics=rows.append))
    assert "A batch of 4 clips needs about" in result.sentence
    assert "forward passes have 2 clips, with the gradients of the whole batch" in result.sentence
    assert {row["forward_size"] for row in rows if "loss" in row} == {2}
    parts = load_file(store.local_folder(find_version(store, f"parts@{result.version}").key) / "model.safetensors")
    for name, tensor in whole.items():
        torch.testing.assert_close(parts[name], tensor, rtol=1e-3, atol=1e-4)


def test_with_no_memory_it_is_refused_before_the_first_step(
    planned: Callable[..., FinetuneJob], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda _: 1000)
    rows: list[Row] = []
    with pytest.raises(ModelError, match=r"The training of tuned on lessons@1 needs about .* 1\.0 kB are free"):
        finetune(LocalStore(tmp_path / "store"), planned(), callbacks=Callbacks(on_metrics=rows.append))
    assert rows == []


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [tmp_path / name for name in ("max", "current", "stat")]
    for path, text in zip(files, ("1000000\n", "700000\n", "anon 5\ninactive_file 100000\n"), strict=True):
        path.write_text(text)
    monkeypatch.setattr(memory, "_CGROUPS", ((*map(str, files), "inactive_file"),))
    assert free_memory("cpu") == 400_000
    files[0].write_text("max\n")
    assert (free_memory("cpu") or 0) > 1_000_000
    assert free_memory("mps") is None


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of a process is read from /proc")
@pytest.mark.parametrize(("model", "strategy"), [("demo:whisper-mini", "full"), ("demo:parakeet-mini", "encoder")])
def test_the_estimate_is_within_a_quarter_of_what_a_process_takes(model: str, strategy: str) -> None:
    asked = {
        "model": model,
        "strategy": strategy,
        "batch": 16,
        "seconds": 5.0,
        "language": "es",
        "checkpointing": False,
    }
    command = [sys.executable, str(ROOT / "benchmarks" / "memory.py"), "--one", json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["estimated"] == pytest.approx(found["measured"], rel=0.25)
