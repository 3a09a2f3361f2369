"""A real Spark with two executor processes: the texts of inline, an executor killed, a training, calling off."""

import json
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
from s3 import S3Server
from servers import PrefectServer
from staged import planned_clips, staged
from tiny_whisper import make_whisper
from training_set import training_job, training_set

from acento.core.callbacks import Callbacks
from acento.core.settings import settings
from acento.core.store import LocalStore, open_store
from acento.inference.benchmark import clock, jobs, predictions
from acento.inference.jobs import Measurement
from acento.inference.predictions import digest
from acento.registry.runs.records import find_run
from acento.training.job import FinetuneResult, state
from acento.training.loop.checkpoints import Checkpoints
from acento.training.loop.state import Row
from infra.compute import Compute, InlineCompute
from infra.compute.dispatch.worker import SliceTask
from infra.compute.spark import SparkCompute, run_task
from infra.spark.session import Session, open_session
from tests.real.local_cluster import no_folders_left

pytestmark = pytest.mark.spark

MASTER = "local-cluster[2,1,1024]"
"""Two executors, each a process with one core and 1024 MB."""


@pytest.fixture(scope="module")
def spark() -> Iterator[Session]:
    with no_folders_left(), closing(open_session(MASTER, gpu=False)) as session:
        yield session


@pytest.fixture(autouse=True)
def _master(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use that master, and as many runs as are asked for, however short the work."""
    monkeypatch.setenv("ACENTO_SPARK_MASTER", MASTER)
    monkeypatch.setenv("ACENTO_START_SHARE", "1000000")
    settings.cache_clear()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whisper(tmp_path_factory.mktemp("model") / "base", window_s=2)


def parent(pid: int) -> int:
    """Return the number of a process's parent."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return int(stat.rpartition(")")[2].split()[1])


def executor(pid: int) -> int:
    """Return the Java process of an executor, from one of its Python workers: between them is Spark's daemon."""
    found = parent(parent(pid))
    assert "CoarseGrainedExecutorBackend" in Path(f"/proc/{found}/cmdline").read_text()
    return found


def kill(pid: int) -> None:
    """Kill one of an executor's Python workers, and the executor."""
    os.kill(executor(pid), signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)


def test_two_executors_share_the_work_and_write_what_this_process_would(
    spark: Session, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, what = planned_clips(tmp_path / "inline", model, monkeypatch, clips=16, part_s=4.0)
    list(InlineCompute(here).run(jobs(here, what), workers=2))
    there, same = planned_clips(tmp_path / "spark", model, monkeypatch, clips=16, part_s=4.0)
    heard: list[float] = []
    with closing(SparkCompute(there)) as compute:
        outcomes = list(compute.run(jobs(there, same), workers=2, callbacks=Callbacks(on_progress=heard.append)))
    assert [outcome.error for outcome in outcomes] == [None] * len(jobs(there, same))
    assert digest(predictions(there, same)) == digest(predictions(here, what))
    notes = clock(there, same)
    workers = {note.pid for note in notes}
    assert len(workers) >= 2, "an executor has one core, and so one Python worker at a time"
    assert os.getpid() not in workers
    assert {note.backend for note in notes} == {"spark"}
    assert sum(heard) == pytest.approx(same.seconds)
    assert not list(there.list("worklists"))
    assert not spark.context._jsc.sc().isStopped()  # it was there before, and is not the backend's to stop


@pytest.mark.usefixtures("spark")
def test_a_batch_of_recordings_comes_to_the_files_that_this_process_writes(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alike_elsewhere(monkeypatch, tmp_path, str(model), "spark")


@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize("how", ["its executor is killed", "it hangs"])
def test_a_run_that_is_lost_in_the_middle_of_a_part_loses_nothing(
    how: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SparkCompute, "heartbeat_s", 0.5)
    here, what = planned_clips(tmp_path / "inline", model, monkeypatch, clips=60, part_s=30.0)
    list(InlineCompute(here).run(jobs(here, what), workers=2))
    there, same = planned_clips(tmp_path / "spark", model, monkeypatch, clips=60, part_s=30.0)
    with closing(SparkCompute(there)) as compute, ThreadPoolExecutor(1) as aside:
        killing = aside.submit(lose_one, there, jobs(there, same), kill if how != "it hangs" else lambda _: None)
        outcomes = list(compute.run(jobs(there, same), workers=2))
        dead, part = killing.result(60)
    assert [outcome.error for outcome in outcomes] == [None] * len(jobs(there, same))
    assert digest(predictions(there, same)) == digest(predictions(here, what))
    (again,) = [note for note in clock(there, same) if note.job == part.key]
    assert again.pid != dead


@pytest.mark.usefixtures("spark")
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
    there, theirs, told = trained("spark", SparkCompute)
    assert (there.why, there.step, there.dev_wer) == ("finished", 4, here.dev_wer)
    assert there.model is not None
    assert ours.keys() == theirs.keys()
    assert all(ours[name].equal(theirs[name]) for name in ours)
    assert [row["step"] for row in told] == [row["step"] for row in noted]


def test_interrupted_it_leaves_a_checkpoint_and_no_task_running(spark: Session, model: Path, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    card = training_set(store, tmp_path / "clips", train=4, dev=2)
    job = training_job(store, card, model, epochs=10_000, max_steps=None, checkpoint_every=10_000, eval_every=10_000)

    def interrupt(row: Row) -> None:
        if row["step"] > 2:
            raise KeyboardInterrupt

    with closing(SparkCompute(store)) as compute, pytest.raises(KeyboardInterrupt):
        list(compute.run([job], workers=1, callbacks=Callbacks(on_metrics=interrupt)))
    assert not spark.context.statusTracker().getActiveJobsIds()
    assert not list(store.list("worklists"))
    assert state(store, job) is None
    found = Checkpoints(store, job.key).latest()
    assert found is not None
    assert found.step > 2


def test_executors_that_do_not_see_the_store_say_so(spark: Session, tmp_path: Path) -> None:
    task = SliceTask(str(tmp_path / "nowhere"), "0" * 16, "0001", (0,), "spark", 1, {})
    (done,) = spark.context.parallelize([0], 1).mapPartitions(lambda rows: run_task(task, rows)).collect()
    assert "a worker, does not see the store" in done.refused
    assert done.done == 0


def test_the_command_runs_slices_in_a_session_of_its_own(prefect_server: PrefectServer, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    staged(store, tmp_path / "clips", 6)
    make_whisper(tmp_path / "model", window_s=2)
    command = ["benchmark", "-m", "model", "-d", "demo", "--compute", "spark", "--job-id", "on-spark"]
    done = acento(prefect_server, tmp_path, *command, ACENTO_SPARK_MASTER="local[2]")
    assert done.returncode == 0, done.stdout + done.stderr
    notes = [Measurement.model_validate_json(file.read_bytes()) for file in store.root.glob("measurements/*/*.json")]
    assert {note.backend for note in notes} == {"spark"}
    assert all(note.placement for note in notes)


def test_executors_share_the_work_on_a_store_on_s3(prefect_server: PrefectServer, s3: S3Server, tmp_path: Path) -> None:
    make_whisper(tmp_path / "model", window_s=2)
    texts = {}
    for compute, url in {"inline": str(tmp_path / "store"), "spark": f"s3://{s3.bucket()}/acento"}.items():
        store = open_store(url)
        staged(store, tmp_path / "clips", 6)
        command = ["benchmark", "-m", "model", "-d", "demo", "--compute", compute, "--job-id", "one", "--threads", "1"]
        variables = {**s3.environment, "ACENTO_STORE": url, "ACENTO_CACHE": str(tmp_path / "cache")}
        with no_folders_left():
            done = acento(prefect_server, tmp_path, *command, **variables, ACENTO_SPARK_MASTER=MASTER)
        assert done.returncode == 0, done.stdout + done.stderr
        (result,) = json.loads(store.read_bytes(find_run(store, "one").key, "run.json"))["results"]
        texts[compute] = result["texts_sha256"]
    notes = [Measurement.model_validate_json(store.read_file(file.key) or b"") for file in store.walk("measurements")]
    assert {note.backend for note in notes} == {"spark"}
    assert texts["spark"] == texts["inline"]
