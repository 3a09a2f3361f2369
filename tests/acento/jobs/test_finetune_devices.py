"""A fine-tuning shared by processes: the weights of one, to the last digits; the end of one is the end of all."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file
from tiny_whisper import make_whisper
from training_set import training_job, training_set

from acento.core.errors import AcentoError, InputError
from acento.core.store import LocalStore
from acento.jobs.finetune import finetune
from acento.registry.versions import find_version
from acento.training.devices import check_devices, threads_of
from acento.training.job import FinetuneJob, FinetuneResult
from acento.training.loop.checkpoints import Checkpoints
from acento.training.loop.ranks import Ranks
from acento.training.loop.state import HISTORY, Row, read_history

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _every_core() -> Iterator[None]:
    """Let a test have every core: beside other tests its process has a share of them, and a device is a core."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    yield
    os.sched_setaffinity(0, own)


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a store with a model's training data."""
    monkeypatch.setattr("acento.jobs.finetune.draw", lambda _history, path, **_: path.write_bytes(b"a picture"))
    make_whisper(tmp_path / "model", window_s=2)
    training_set(LocalStore(tmp_path / "prepared"), tmp_path / "clips", train=10)
    return tmp_path / "prepared"


@pytest.fixture
def planned(prepared: Path, tmp_path: Path) -> Callable[..., tuple[LocalStore, FinetuneJob]]:
    """Return what plans a training in a copy of the store."""
    stores = iter(range(100))

    def plan(devices: int, **recipe: Any) -> tuple[LocalStore, FinetuneJob]:
        store = LocalStore(shutil.copytree(prepared, tmp_path / f"store-{next(stores)}"))
        card = training_set(store, tmp_path / "clips", train=10)
        job = training_job(store, card, tmp_path / "model", **recipe)
        return store, job.model_copy(update={"devices": devices})

    return plan


def weights(store: LocalStore, result: FinetuneResult) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = load_file(
        store.local_path(find_version(store, f"tuned@{result.version}").key, "model.safetensors")
    )
    return found


def history(store: LocalStore, result: FinetuneResult) -> list[Row]:
    key = find_version(store, f"tuned@{result.version}").key
    timed = ("seconds", "keep_seconds")
    return [
        {name: value for name, value in row.items() if name not in timed}
        for row in read_history(store.local_path(key, HISTORY))
    ]


@pytest.mark.parametrize(("rank", "count", "clips"), [(0, 1, 5), (0, 3, 7), (1, 3, 7), (2, 3, 2)])
def test_every_clip_is_of_one_process(rank: int, count: int, clips: int) -> None:
    shares = [[*Ranks(one, count).share(clips)] for one in range(count)]
    assert sorted(place for share in shares for place in share) == [*range(clips)]
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert shares[rank] == [*range(rank, clips, count)]


def test_the_number_of_devices_is_part_of_what_a_job_is_where_there_are_several(
    planned: Callable[..., tuple[LocalStore, FinetuneJob]],
) -> None:
    _, job = planned(1)
    before = FinetuneJob.model_validate(job.model_dump(exclude={"devices"}))  # of a version that knew no devices
    assert before == job
    keys = [job.model_copy(update={"devices": count}).fingerprint for count in (1, 2, 3)]
    assert keys[0] == before.fingerprint
    assert len(set(keys)) == 3


def test_more_devices_than_there_are_are_refused() -> None:
    check_devices("cpu", 1)
    check_devices("mps", 1)
    with pytest.raises(InputError, match=r"--devices 1000: this machine has \d+ cores; ask for no more"):
        check_devices("cpu", 1000)
    with pytest.raises(InputError, match="--devices 2: this machine has 1 GPU"):
        check_devices("mps", 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe",
    [
        {"strategy": "encoder", "batch_size": 4, "max_steps": 4, "eval_every": 1},
        {"strategy": "full", "batch_size": 3, "max_steps": 3, "window": "fit", "keep_full": 0.5, "average": 0.9},
    ],
    ids=["full window", "fitted"],
)
def test_two_processes_learn_what_one_does(
    recipe: dict[str, Any], planned: Callable[..., tuple[LocalStore, FinetuneJob]]
) -> None:
    alone, together = ((store, finetune(store, job)) for store, job in (planned(count, **recipe) for count in (1, 2)))
    (_, one), (_, two) = alone, together
    assert one.key != two.key, "sums in another order are another training"
    assert (one.step, one.why) == (two.step, two.why)
    first, second = weights(*alone), weights(*together)
    assert any(not torch.equal(first[name], second[name]) for name in first), "sums in another order"
    apart = torch.cat([(second[name] - tensor).abs().flatten() for name, tensor in first.items()])
    # Adam divides by a gradient's own size, so that the last digits of one that is nearly nothing may count in full
    assert apart.mean() < 1e-6
    assert apart.max() < 1e-3
    for mine, theirs in zip(history(*alone), history(*together), strict=True):
        assert mine.keys() == theirs.keys()
        if "loss" in mine:
            assert mine["loss"] == pytest.approx(theirs["loss"], rel=1e-4)
            assert mine["grad_norm"] == pytest.approx(theirs["grad_norm"], rel=1e-3)


SCRIPT = """
import sys
from pathlib import Path
import acento.jobs.finetune
from acento.core.errors import AcentoError
from acento.core.store import LocalStore
from acento.training.job import FinetuneJob
acento.jobs.finetune.draw = lambda _history, path, **_: path.write_bytes(b"a picture")
root, job = sys.argv[1:]
try:
    print(acento.jobs.finetune.finetune(LocalStore(Path(root)), FinetuneJob.model_validate_json(job)).version)
except AcentoError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def begun(store: LocalStore, job: FinetuneJob) -> tuple["subprocess.Popen[str]", psutil.Process]:
    """Return a training in a process of its own, once it went on from where it stood, and the one that follows it."""
    checkpoints = Checkpoints(store, job.key)
    stood = max(checkpoints.steps(), default=0)
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(store.root), job.model_dump_json()]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 200
    while time.monotonic() < until and process.poll() is None:
        if max(checkpoints.steps(), default=0) > stood:
            (other,) = psutil.Process(process.pid).children()
            return process, other
        time.sleep(0.02)
    raise AssertionError(process.communicate()[1] if process.poll() is not None else "it never took a step")


@pytest.mark.slow
def test_a_process_that_is_killed_ends_all_and_the_training_goes_on_from_its_checkpoint(
    planned: Callable[..., tuple[LocalStore, FinetuneJob]],
) -> None:
    recipe = {"batch_size": 4, "max_steps": 40, "epochs": 50, "checkpoint_every": 1, "eval_every": 10, "dropout": 0.1}
    straight, job = planned(2, **recipe)
    unbroken = finetune(straight, job)
    store, job = planned(2, **recipe)
    for whose in ("the other", "rank 0"):
        process, other = begun(store, job)
        os.kill(process.pid if whose == "rank 0" else other.pid, signal.SIGKILL)
        _, said = process.communicate(timeout=60)
        _, alive = psutil.wait_procs([other], timeout=60)
        assert not alive, "nobody is left"
        if whose == "the other":
            assert said.strip().splitlines()[-1] == (
                "TransientError: Process 2 of 2 of this training was killed (signal 9); the same command goes on from "
                "the last checkpoint."
            )
    result = finetune(store, job)
    assert history(store, result) == history(straight, unbroken)
    expected = weights(straight, unbroken)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in weights(store, result).items())


@pytest.mark.slow
def test_what_ends_another_process_is_said(
    planned: Callable[..., tuple[LocalStore, FinetuneJob]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, job = planned(2, max_steps=1)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "hooks"))
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks" / "sitecustomize.py").write_text("raise SystemExit('no library is here')")
    with pytest.raises(AcentoError, match=r"Process 2 of 2 of this training ended: .*; the same command goes on"):
        finetune(store, job)


def test_threads_are_shared_on_the_cpu_alone() -> None:
    from acento.models.base import DecodeOptions

    def job(**options: Any) -> FinetuneJob:
        return FinetuneJob.model_construct(devices=2, options=DecodeOptions(**options))

    assert threads_of(job(threads=4)) == 2
    assert threads_of(job(threads=1)) == 1
    assert threads_of(job(threads=4, device_type="cuda")) == 4
