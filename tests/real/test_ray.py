"""A real Ray with two worker processes: the texts and weights of inline, a worker killed or hanging, calling off."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from at_work import lose_one
from batches import alike_elsewhere
from commands import acento
from servers import PrefectServer
from staged import planned_clips, staged
from tiny_whisper import make_whisper
from training_set import training_job, training_set

from acento.core.callbacks import Callbacks
from acento.core.errors import InputError
from acento.core.settings import settings
from acento.core.store import LocalStore
from acento.inference.benchmark import clock, jobs, predictions
from acento.inference.jobs import Measurement
from acento.inference.predictions import digest
from acento.training.job import FinetuneResult, state
from acento.training.loop.checkpoints import Checkpoints
from acento.training.loop.state import Row
from infra.compute import Compute, InlineCompute
from infra.compute.ray import RayCompute

pytestmark = pytest.mark.ray


@pytest.fixture(autouse=True, scope="module")
def _ray() -> Iterator[None]:
    """Start Ray once for all tests of this file: the backend then uses it, and leaves it."""
    import ray

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use as many runs as are asked for, however short the work, with quick signs of life."""
    monkeypatch.setenv("ACENTO_START_SHARE", "1000000")
    monkeypatch.setattr(RayCompute, "heartbeat_s", 0.5)
    settings.cache_clear()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whisper(tmp_path_factory.mktemp("model") / "base", window_s=2)


def test_two_processes_share_the_work_and_write_what_this_process_would(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, what = planned_clips(tmp_path / "inline", model, monkeypatch, clips=16, part_s=4.0)
    list(InlineCompute(here).run(jobs(here, what), workers=2))
    there, same = planned_clips(tmp_path / "ray", model, monkeypatch, clips=16, part_s=4.0)
    heard: list[float] = []
    with closing(RayCompute(there)) as compute:
        outcomes = list(compute.run(jobs(there, same), workers=2, callbacks=Callbacks(on_progress=heard.append)))
    assert [outcome.error for outcome in outcomes] == [None] * len(jobs(there, same))
    assert digest(predictions(there, same)) == digest(predictions(here, what))
    notes = clock(there, same)
    assert len({note.pid for note in notes} - {os.getpid()}) == 2
    assert {(note.backend, note.placements) for note in notes} == {("ray", 2)}
    assert sum(heard) == pytest.approx(same.seconds)
    assert not list(there.list("worklists"))


def test_a_batch_of_recordings_comes_to_the_files_that_this_process_writes(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alike_elsewhere(monkeypatch, tmp_path, str(model), "ray")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_run_that_is_lost_in_the_middle_of_a_part_loses_nothing(
    how: signal.Signals, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, what = planned_clips(tmp_path / "inline", model, monkeypatch, clips=60, part_s=30.0)
    list(InlineCompute(here).run(jobs(here, what), workers=2))
    there, same = planned_clips(tmp_path / "ray", model, monkeypatch, clips=60, part_s=30.0)
    with closing(RayCompute(there)) as compute, ThreadPoolExecutor(1) as aside:
        losing = aside.submit(lose_one, there, jobs(there, same), lambda pid: os.kill(pid, how))
        outcomes = list(compute.run(jobs(there, same), workers=2))
        dead, part = losing.result(60)
    assert [outcome.error for outcome in outcomes] == [None] * len(jobs(there, same))
    assert digest(predictions(there, same)) == digest(predictions(here, what))
    (again,) = [note for note in clock(there, same) if note.job == part.key]
    assert again.pid != dead


def test_a_training_makes_the_weights_that_this_process_would(model: Path, tmp_path: Path) -> None:
    def trained(
        name: str, backend: Callable[[LocalStore], Compute]
    ) -> tuple[FinetuneResult, dict[str, Any], list[Row]]:
        store = LocalStore(tmp_path / name)
        card = training_set(store, tmp_path / f"{name}-clips", train=4, dev=2)
        job = training_job(store, card, model, max_steps=4, dropout=0.1, eval_every=1)
        rows: list[Row] = []
        with closing(backend(store)) as compute:
            (outcome,) = compute.run([job], workers=1, callbacks=Callbacks(on_metrics=rows.append))
        assert isinstance(outcome.result, FinetuneResult), outcome.error
        return outcome.result, Checkpoints(store, job.key).weights(outcome.result.step), rows

    here, ours, noted = trained("inline", InlineCompute)
    there, theirs, told = trained("ray", RayCompute)
    assert (there.why, there.step, there.dev_wer) == ("finished", 4, here.dev_wer)
    assert all(ours[name].equal(theirs[name]) for name in ours)
    assert [row["step"] for row in told] == [row["step"] for row in noted]


def test_interrupted_it_leaves_a_checkpoint(model: Path, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    card = training_set(store, tmp_path / "clips", train=4, dev=2)
    job = training_job(store, card, model, epochs=10_000, max_steps=None, checkpoint_every=10_000, eval_every=10_000)

    def interrupt(row: Row) -> None:
        if row["step"] > 2:
            raise KeyboardInterrupt

    with closing(RayCompute(store)) as compute, pytest.raises(KeyboardInterrupt):
        list(compute.run([job], workers=1, callbacks=Callbacks(on_metrics=interrupt)))
    assert not list(store.list("worklists"))
    assert state(store, job) is None
    found = Checkpoints(store, job.key).latest()
    assert found is not None
    assert found.step > 2


def test_an_address_that_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setenv("ACENTO_RAY_ADDRESS", "nonsense://head")
    monkeypatch.setenv("ACENTO_STORE_SHARED", "1")
    settings.cache_clear()
    with pytest.raises(InputError, match="'nonsense://head' is no address of Ray: use local"):
        RayCompute(LocalStore(tmp_path))._connect()


def test_the_command_runs_slices_in_a_ray_of_its_own(prefect_server: PrefectServer, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    staged(store, tmp_path / "clips", 6)
    make_whisper(tmp_path / "model", window_s=2)
    command = ["benchmark", "-m", "model", "-d", "demo", "--compute", "ray", "--job-id", "on-ray"]
    done = acento(prefect_server, tmp_path, *command, ACENTO_RAY_ADDRESS="local[2]")
    assert done.returncode == 0, done.stdout + done.stderr
    notes = [Measurement.model_validate_json(file.read_bytes()) for file in store.root.glob("measurements/*/*.json")]
    assert {note.backend for note in notes} == {"ray"}
