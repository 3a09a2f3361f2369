"""Trainings as slices: rows arrive, orders to stop reach them, a machine that is gone loses nothing."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from servers import wait_until

from acento.core.callbacks import Callbacks
from acento.core.store import LocalStore
from acento.core.store.coordination import Lease
from acento.inference.runner import Worker
from acento.jobs.job import Job, Result
from acento.models.base import DecodeOptions
from acento.training.job import FinetuneResult
from acento.training.loop.state import Row
from infra.compute.dispatch.dispatcher import Dispatcher
from tests.infra.dispatch.dispatching import (
    carry_out,
    scripted,
)
from tests.infra.dispatch.local_engine import engine

pytestmark = pytest.mark.usefixtures("quick_and_fake")


def stopped(job: Job, step: int) -> FinetuneResult:
    return FinetuneResult(
        key=job.key,
        name="n",
        done=False,
        why="stopped",
        sentence="stopped",
        step=step,
        steps=9,
        best_step=None,
        dev_wer_before=None,
        dev_wer=None,
        version=None,
        cached=False,
    )


def finished(job: Job, step: int) -> FinetuneResult:
    return stopped(job, step).model_copy(update={"done": True, "why": "finished"})


def test_rows_of_a_training_arrive_before_its_result_and_a_stop_reaches_it_while_the_engine_is_away(
    tmp_path: Path,
) -> None:
    store, job = LocalStore(tmp_path), training()
    rows: list[int] = []

    def train(job: Job, worker: Worker) -> Result:
        for step in range(3):
            worker.callbacks.on_metrics({"step": step})
        wait_until(lambda: worker.should_stop() is not None, "the order to stop", 30)
        assert worker.should_stop() == "enough"
        worker.callbacks.on_metrics({"step": 3})
        return stopped(job, 3)

    def noted(row: Row) -> None:
        rows.append(row["step"])
        local.away = row["step"] < 3

    with engine(lambda: LocalStore(store.root), runner=scripted(train)) as local:
        (outcome,) = carry_out(
            store,
            [job],
            local,
            1,
            callbacks=Callbacks(on_metrics=noted, should_stop=lambda: "enough" if rows else None),
        )
    assert rows == [0, 1, 2, 3]
    assert isinstance(outcome.result, FinetuneResult)
    assert outcome.result.why == "stopped"


def test_a_training_on_a_machine_that_is_taken_away_goes_on_in_the_next_run(tmp_path: Path) -> None:
    store, marker = LocalStore(tmp_path), tmp_path / "begun"

    def train(job: Job, worker: Worker) -> Result:
        if marker.exists():
            return finished(job, 9)
        marker.touch()
        os.kill(os.getpid(), signal.SIGTERM)
        wait_until(lambda: worker.should_stop() is not None, "the notice", 30)
        return stopped(job, 4)

    with engine(lambda: LocalStore(store.root), runner=scripted(train)) as local:
        (outcome,) = carry_out(store, [training()], local, 1)
    assert isinstance(outcome.result, FinetuneResult)
    assert outcome.result.done
    assert local.submitted == [[0], [0]]


def test_a_training_whose_process_is_killed_goes_on_as_soon_as_that_is_known(tmp_path: Path) -> None:
    store, marker = LocalStore(tmp_path), tmp_path / "begun"
    lost: list[int] = []

    def train(job: Job, _: Worker) -> Result:
        with Lease(store, f"{job.key}/lease", "the training is under way"):
            if not marker.exists():
                marker.touch()
                time.sleep(60)
            return finished(job, 9)

    def watch(_: Dispatcher) -> None:
        if not lost and marker.exists():
            lost.append(local.children["0001"])
            os.kill(lost[0], signal.SIGKILL)

    began = time.monotonic()
    with engine(lambda: LocalStore(store.root), runner=scripted(train)) as local:
        (outcome,) = carry_out(store, [training()], local, 1, watch=watch)
    assert outcome.error is None
    assert time.monotonic() - began < 30


def test_the_lease_of_a_machine_that_is_gone_is_given_back_by_the_parent(tmp_path: Path) -> None:
    store, job, marker = LocalStore(tmp_path), training(), tmp_path / "begun"

    def train(job: Job, _: Worker) -> Result:
        if not marker.exists():
            marker.touch()
            holder = {"id": "x", "host": os.uname().nodename, "pid": os.getpid(), "born": "1", "since": 0.0}
            elsewhere = {**holder, "machine": "elsewhere", "until": 9e12}
            store.create_exclusive(f"{job.key}/lease/000001.json", json.dumps(elsewhere).encode())
            os.kill(os.getpid(), signal.SIGKILL)
        with Lease(store, f"{job.key}/lease", "the training is under way"):
            return finished(job, 9)

    with engine(lambda: LocalStore(store.root), runner=scripted(train)) as local:
        (outcome,) = carry_out(store, [job], local, 1)
    assert outcome.error is None


def training() -> Job:
    from acento.models.checkpoints.checkpoint import ModelSpec
    from acento.training.job import FinetuneJob
    from acento.training.recipe import Recipe

    return FinetuneJob(
        name="n",
        base=ModelSpec(id="m", revision=None, family="whisper", digest="d"),
        dataset="d@1",
        dataset_fingerprint="f",
        train="t",
        dev="d",
        train_clips=1,
        dev_clips=1,
        left_out=0,
        language=None,
        recipe=Recipe(),
        options=DecodeOptions(),
    )
