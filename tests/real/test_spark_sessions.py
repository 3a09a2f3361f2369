"""Sessions of a real Spark: one that gives out GPUs, one whose Java dies, one that is no master.

The GPUs are those of a made-up ``nvidia-smi``; that Spark schedules by them is real.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from staged import staged

from acento.core.errors import InputError, TransientError
from acento.core.settings import settings
from acento.core.store import LocalStore
from acento.inference.benchmark import jobs, plan_transcription, unfinished
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from infra.compute.spark import SparkCompute, SparkEngine, see_gpus
from infra.spark import session as session_module
from infra.spark.session import open_session, settings_of
from tests.real.local_cluster import no_folders_left

pytestmark = pytest.mark.spark


def test_each_task_sees_the_gpu_that_spark_gave_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nprintf '0\\n1\\n'\n")
    tool.chmod(0o755)
    script = tmp_path / "discovery"
    script.write_text(f"#!/bin/sh\nPATH={tmp_path}:$PATH exec {session_module.DISCOVERY}\n")
    script.chmod(0o755)
    ours = settings_of("local-cluster[1,2,2048]", gpu=True)
    worker = {"spark.worker.resource.gpu.amount": "2", "spark.worker.resource.gpu.discoveryScript": str(script)}
    more = {"spark.executor.cores": "1", "spark.executor.memory": "512m"}
    monkeypatch.setattr(session_module, "settings_of", lambda *_, **__: ours | worker | more)

    def seen(*_: Any) -> Iterator[tuple[tuple[str, ...], str]]:
        from pyspark import TaskContext

        context = TaskContext.get()
        assert context is not None
        yield see_gpus(context.resources()), os.environ["CUDA_VISIBLE_DEVICES"]

    with no_folders_left(), closing(open_session("local-cluster[1,2,2048]", gpu=True)) as session:
        assert session.owned
        tasks = session.context.parallelize(range(2), 2).mapPartitionsWithIndex(seen)
        assert sorted(tasks.collect()) == [(("0",), "0"), (("1",), "1")]


def test_a_master_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="'sparkle://head' is no Spark master: use local"):
        open_session("sparkle://head", gpu=False)


def test_a_session_whose_java_dies_fails_what_may_be_tried_again_and_the_next_run_has_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACENTO_SPARK_MASTER", "local[1]")
    monkeypatch.setattr("acento.inference.plan.PART_SECONDS", 0.6)
    settings.cache_clear()
    store = LocalStore(tmp_path / "store")
    card = staged(store, tmp_path / "clips", 40)
    model = resolve("demo:whisper-mini")
    what = plan_transcription(store, card, model, split="test", options=DecodeOptions(threads=1), batch_size=1)
    with closing(SparkCompute(store)) as compute:
        assert [outcome.error for outcome in compute.run([*jobs(store, what)][:1], workers=1)] == [None]
        submit = SparkEngine.submit

        def submit_and_kill(*work: Any) -> str | None:
            run = submit(*work)
            java().kill()
            return run

        with monkeypatch.context() as patch:
            patch.setattr(SparkEngine, "submit", submit_and_kill)
            with pytest.raises(TransientError, match="ended by itself"):
                list(compute.run(jobs(store, what), workers=1))
        todo = unfinished(store, jobs(store, what))
        assert [outcome.error for outcome in compute.run(todo, workers=1)] == [None] * len(todo)
    assert not unfinished(store, jobs(store, what))


def java() -> subprocess.Popen[bytes]:
    """Return the Java process of this process's session."""
    from pyspark import SparkContext

    process: subprocess.Popen[bytes] = SparkContext._gateway.proc
    return process
