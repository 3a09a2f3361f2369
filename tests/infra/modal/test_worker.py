"""The Modal worker in Acento's environment: Acento's volumes, a check of the store, slices and trainings.

What the worker does by itself is tested in its own package, ``infra/prefect-modal-worker/tests``.
"""

import json
import os
from collections.abc import Iterator
from contextlib import closing

import pytest
from modal_pool import ModalPool
from modal_service import ModalService
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.workers.base import BaseWorker
from prefect_modal_worker.errors import SetupError
from prefect_modal_worker.worker import ModalWorker
from registered import registered
from servers import PrefectServer, running
from staged import staged
from tiny_whisper import make_whisper
from training_set import training_job, training_set

from acento.core.settings import settings
from acento.core.store import open_store
from acento.data.dataset import load_card
from acento.inference.benchmark import clock, jobs, plan_transcription, predictions
from acento.inference.predictions import digest
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.training.loop.checkpoints import Checkpoints
from infra.compute import open_compute
from infra.modal.worker import AcentoConfiguration, AcentoWorker, check_store_url

VOLUMES = {f"/acento/{name}": f"acento-{name}" for name in ("datasets", "models", "results")}


def test_a_new_pool_mounts_acento_s_volumes_and_has_no_other_variables() -> None:
    assert BaseWorker.get_worker_class_from_type("modal") is AcentoWorker
    mine, plain = (one.get_default_base_job_template() for one in (AcentoWorker, ModalWorker))
    assert mine["job_configuration"] == plain["job_configuration"]
    mine, plain = (one["variables"]["properties"] for one in (mine, plain))
    assert mine.pop("volumes") == {**plain.pop("volumes"), "default": VOLUMES}
    assert mine == plain
    assert AcentoConfiguration().volumes == VOLUMES


@pytest.mark.parametrize("url", ["/home/me/.acento", ".acento", "file:///data/store"])
def test_a_folder_of_this_machine_is_no_store_for_a_sandbox(url: str) -> None:
    with pytest.raises(SetupError, match="a folder of this machine: set ACENTO_STORE to"):
        check_store_url(url)


@pytest.mark.parametrize("url", ["s3://bucket/prefix", "modal://acento-results"])
def test_a_store_elsewhere_is_fine(url: str) -> None:
    check_store_url(url)


def test_a_run_whose_store_is_a_folder_is_refused() -> None:
    asked = AcentoConfiguration(check_api_url=False, env={"ACENTO_STORE": "/home/me/.acento"})
    with pytest.raises(SetupError, match=r"cannot reach the store /home/me/\.acento"):
        AcentoWorker("gpus").check(asked)


@pytest.fixture(scope="module")
def pool(prefect_server: PrefectServer, modal_api: ModalService, tmp_path_factory: pytest.TempPathFactory) -> ModalPool:
    """Make a pool of type modal and a deployment on it."""
    return ModalPool.made("acento-on-modal", prefect_server, modal_api, tmp_path_factory.mktemp("plan"))


@pytest.fixture(scope="module")
def worker(pool: ModalPool) -> Iterator[running]:
    """Run a worker for the pool."""
    with pool.worker() as started:
        started.ready(lambda: "started!" in started.output(), 120)
        yield started


@pytest.fixture
def parent(pool, modal, monkeypatch, tmp_path):
    """Be a parent of runs in that pool's sandboxes, which reach their store by a secret."""

    def using(**secrets):
        modal.secrets.update(secrets)
        asked = {"image": "registry.example/acento:1", "secrets": [*secrets], "check_api_url": False}
        monkeypatch.setenv("ACENTO_JOB_VARIABLES", json.dumps(asked))
        settings.cache_clear()

    monkeypatch.setenv("ACENTO_WORK_POOL", pool.name)
    monkeypatch.setenv("ACENTO_START_SHARE", "1000000")
    monkeypatch.setenv("ACENTO_CACHE", str(tmp_path / "cache"))
    with temporary_settings({PREFECT_API_URL: pool.server.url}):
        yield using


@pytest.mark.slow
@pytest.mark.server
def test_placements_of_the_work_pool_backend_run_in_sandboxes(parent, worker, modal, monkeypatch, tmp_path):
    parent(**{"modal-token": modal.environment})  # a sandbox reaches a volume by Modal's API, with a token
    monkeypatch.setattr("acento.inference.plan.PART_SECONDS", 0.6)  # several parts
    digests = {}
    for compute, url in {"inline": str(tmp_path / "store"), "work-pool": "modal://benchmarks/all"}.items():
        store = open_store(url)
        card = load_card(store, staged(store, tmp_path / "clips", 8).name)
        options = DecodeOptions(threads=1)
        what = plan_transcription(
            store, card, resolve("demo:whisper-micro"), split="test", options=options, batch_size=2
        )
        before = set(modal.sandboxes)
        with closing(open_compute(compute, store)) as backend:
            outcomes = list(backend.run(jobs(store, what), workers=1))
        assert [outcome.error for outcome in outcomes] == [None] * len(jobs(store, what)), worker.output()
        digests[compute] = digest(predictions(store, what))
    done_by = clock(store, what)
    assert {one.backend for one in done_by} == {"work-pool"}
    assert os.getpid() not in {one.pid for one in done_by}
    assert len(set(modal.sandboxes) - before) == 1
    assert digests["work-pool"] == digests["inline"]


@pytest.mark.slow
@pytest.mark.server
def test_a_training_in_a_sandbox_leaves_the_weights_that_inline_leaves_on_s3(
    parent, worker, modal, s3, monkeypatch, tmp_path
):
    parent(s3=s3.environment)
    model, weights = make_whisper(tmp_path / "model", window_s=2), []
    before = set(modal.sandboxes)
    for compute, url in {"inline": str(tmp_path / "store"), "work-pool": f"s3://{s3.bucket()}/acento"}.items():
        monkeypatch.setenv("ACENTO_STORE", url)
        settings.cache_clear()
        store = open_store(url)
        base = registered(store, model)  # a folder of this machine no sandbox would see
        job = training_job(
            store, training_set(store, tmp_path / compute, train=4, dev=2), base.id, max_steps=4, eval_every=2
        )
        with closing(open_compute(compute, store)) as backend:
            (outcome,) = backend.run([job], workers=1)
        assert outcome.error is None, worker.output()
        weights.append(Checkpoints(store, job.key).weights(outcome.result.best_step or 0))
    here, there = weights
    assert here.keys() == there.keys()
    assert all(here[name].equal(there[name]) for name in here)
    assert len(set(modal.sandboxes) - before) == 1
    assert s3.secret_key not in "\n".join(str(call.request) for call in modal.book.calls)
