"""Trainings in processes of their own: the same weights as in this one, stopped with a checkpoint, a death is said."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tiny_whisper import make_whisper
from training_set import training_job, training_set

from acento.core.callbacks import Callbacks
from acento.core.errors import AcentoError, ModelError
from acento.core.store import LocalStore
from acento.inference.runner import Runner, Worker
from acento.registry.versions import versions
from acento.training.job import FinetuneJob, state
from acento.training.loop.checkpoints import Checkpoints
from infra.compute import InlineCompute
from infra.compute.training_processes import TrainingProcesses

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalStore, Path, TrainingProcesses]]:
    """Make a store with lessons, a base model, and what trains apart: one process serves every test."""
    root = tmp_path_factory.mktemp("apart")
    store = LocalStore(root / "store")
    training_set(store, root / "clips", train=4, dev=2)
    with closing(TrainingProcesses(store)) as trainer:
        yield store, make_whisper(root / "base", window_s=2), trainer


def planned(store: LocalStore, model: Path, **recipe: Any) -> FinetuneJob:
    from acento.data.dataset import load_card

    values = {"max_steps": 4, "dropout": 0.1, "eval_every": 1, **recipe}
    job = training_job(store, load_card(store, "lessons"), model, **values)
    return job.model_copy(update={"publish": False})


def best(store: LocalStore, job: FinetuneJob, step: int) -> dict[str, Any]:
    return Checkpoints(store, job.key).weights(step)


def test_it_makes_the_weights_that_this_process_would_and_publishes_none(
    processes: tuple[LocalStore, Path, TrainingProcesses], tmp_path: Path
) -> None:
    store, model, trainer = processes
    job = planned(store, model)
    rows: list[dict[str, Any]] = []
    result = trainer.execute(job, Worker(callbacks=Callbacks(on_metrics=rows.append)))
    assert (result.why, result.step, result.version) == ("finished", 4, None)
    assert [row["step"] for row in rows if "loss" in row] == [1, 2, 3, 4]
    assert next(row["step"] for row in rows if "dev_wer" in row) == 0
    assert not versions(store)
    assert state(store, job) == result.model_copy(update={"cached": True})

    other = LocalStore(tmp_path / "store")
    training_set(other, tmp_path / "clips", train=4, dev=2)
    here = Runner(other).execute(planned(other, model))
    ours, theirs = best(other, job, here.step), best(store, job, result.step)
    assert ours.keys() == theirs.keys()
    assert all(ours[name].equal(theirs[name]) for name in ours)

    trained_again = Worker(callbacks=Callbacks(on_metrics=lambda _: pytest.fail("it trains again")))
    published = Runner(store).execute(job.model_copy(update={"publish": True}), trained_again)
    (version,) = versions(store)
    assert published.version == version.version
    assert published.dev_wer == result.dev_wer


def test_told_to_stop_it_leaves_a_checkpoint_and_goes_on_from_it(
    processes: tuple[LocalStore, Path, TrainingProcesses],
) -> None:
    store, model, trainer = processes
    job = planned(store, model, max_steps=400, checkpoint_every=1000, eval_every=1000)
    rows: list[dict[str, Any]] = []
    stopped = trainer.execute(
        job,
        Worker(callbacks=Callbacks(on_metrics=rows.append, should_stop=lambda: "enough" if len(rows) > 3 else None)),
    )
    assert (stopped.done, stopped.why) == (False, "stopped")
    assert "(enough)" in stopped.sentence
    assert 0 < stopped.step < 400
    assert Checkpoints(store, job.key).steps()[-1] == stopped.step
    rows.clear()
    trainer.execute(
        job, Worker(callbacks=Callbacks(on_metrics=rows.append, should_stop=lambda: "enough" if rows else None))
    )
    assert rows[0]["step"] == stopped.step + 1


def test_what_the_training_raises_is_raised_here(processes: tuple[LocalStore, Path, TrainingProcesses]) -> None:
    store, model, trainer = processes
    job = planned(store, model, strategy="lora", lora_sites=["nothing"])
    with pytest.raises(ModelError):
        trainer.execute(job, Worker())


def test_a_process_that_dies_is_one_failed_training(processes: tuple[LocalStore, Path, TrainingProcesses]) -> None:
    store, model, trainer = processes
    trainer.execute(planned(store, model), Worker())
    (child,) = trainer._idle
    job = planned(store, model, max_steps=400, learning_rate=2e-3)
    with pytest.raises(AcentoError, match="ended by itself"):
        trainer.execute(
            job, Worker(callbacks=Callbacks(on_metrics=lambda _: os.kill(child._process.pid, signal.SIGKILL)))
        )
    assert not trainer._idle


def test_inline_trains_a_second_job_beside_the_first(processes: tuple[LocalStore, Path, TrainingProcesses]) -> None:
    store, model, _ = processes
    jobs = [planned(store, model, learning_rate=rate, max_steps=4) for rate in (3e-3, 4e-3)]
    with closing(InlineCompute(store)) as compute, ThreadPoolExecutor(2) as threads:
        done = [threads.submit(lambda job: list(compute.run([job], workers=1)), job) for job in jobs]
        outcomes = [future.result()[0] for future in done]
        in_processes = len(compute._processes._idle)
    assert [outcome.error for outcome in outcomes] == [None, None]
    assert [outcome.result.why for outcome in outcomes if outcome.result] == ["finished", "finished"]
    assert in_processes == 1
