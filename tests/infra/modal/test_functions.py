"""Jobs mapped over Modal's containers: real processes that run Modal's own container runtime, at a stand-in."""

import json
import os
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from batches import alike_elsewhere
from modal_service import ModalService
from registered import registered
from s3 import S3Server
from servers import wait_until
from staged import staged
from tiny_whisper import make_whisper
from training_set import training_job, training_set

from acento.core.callbacks import Callbacks
from acento.core.errors import DamagedError, InputError, ModelError, TransientError
from acento.core.settings import settings
from acento.core.store import LocalStore, Store, open_store
from acento.data.dataset import load_card
from acento.inference.benchmark import Transcription, clock, jobs, plan_transcription, predictions, unfinished
from acento.inference.predictions import digest
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.registry.versions import find_version
from acento.training.job import FinetuneJob, FinetuneResult
from infra.compute import InlineCompute, open_compute

pytestmark = pytest.mark.slow

MODEL = "demo:whisper-micro"
KEY = "a-key-that-no-request-may-hold"


@pytest.fixture
def there(modal: ModalService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModalService:
    """Ask the stand-in for GPUs of which the first is not there, and for a secret by its name."""
    modal.secrets["s3"] = {"AWS_SECRET_ACCESS_KEY": KEY}
    modal.unavailable.add("H100")
    monkeypatch.setattr("acento.inference.plan.PART_SECONDS", 0.6)  # several parts
    options = {"image": "registry.example/acento:1", "secrets": ["s3"], "memory": 4096, "timeout": 3600}
    monkeypatch.setenv("ACENTO_JOB_VARIABLES", json.dumps(options))
    monkeypatch.setenv("ACENTO_GPU_TYPE", "H100,L4")
    monkeypatch.setenv("ACENTO_CACHE", str(tmp_path / "cache"))
    settings.cache_clear()
    return modal


def planned(store: Store, folder: Path, clips: int = 8) -> Transcription:
    card = staged(store, folder, clips)
    options = DecodeOptions(threads=1)
    return plan_transcription(
        store, load_card(store, card.name), resolve(MODEL), split="test", options=options, batch_size=2
    )


def inline(folder: Path) -> str:
    """Return the digest of the texts as this process makes them."""
    store = LocalStore(folder / "inline")
    what = planned(store, folder / "clips")
    assert [outcome.error for outcome in InlineCompute(store).run(jobs(store, what), workers=1)] != []
    return digest(predictions(store, what))


def test_jobs_of_a_store_here_are_done_by_containers_there_and_nothing_stays_there(
    there: ModalService, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path / "store")
    what = planned(store, tmp_path / "clips")
    todo, heard = jobs(store, what), []
    assert len(todo) > 2
    before, there.twice = len(there.started), True  # each output comes a second time
    try:
        with closing(open_compute("modal", store)) as compute:
            outcomes = list(compute.run(todo, workers=2, callbacks=Callbacks(on_progress=heard.append)))
    finally:
        there.twice = False
    assert [outcome.error for outcome in outcomes] == [None] * len(todo)
    assert sorted(outcome.job.part for outcome in outcomes if outcome.job.kind == "transcribe") == list(
        range(len(todo))
    )
    assert digest(predictions(store, what)) == inline(tmp_path)
    assert unfinished(store, todo) == []
    assert sum(heard) == pytest.approx(what.seconds)
    # who did it: containers, each of which loaded the model once
    done_by = clock(store, what)
    containers = {one.task for one in there.started[before:]}
    assert {one.placement for one in done_by} <= containers
    assert len(containers) <= 2
    assert {one.backend for one in done_by} == {"modal"}
    for container in {one.placement for one in done_by}:
        assert sum(one.load_s > 0 for one in done_by if one.placement == container) == 1
    # what Modal was asked for
    (function,) = {one.function for one in there.started[before:]}
    asked = there.functions[function]
    assert asked.gpus == ["H100", "L4"]
    assert asked.definition.timeout_secs == 3600
    assert asked.definition.resources.memory_mb == 4096
    assert asked.definition.autoscaler_settings.max_containers == 2
    assert asked.definition.retry_policy.retries == 3
    assert {there.volumes[mount.volume_id].name for mount in asked.definition.volume_mounts} == {
        "acento-datasets",
        "acento-models",
        "acento-results",
    }
    assert "s3" in {there.secret_ids.get(secret) for secret in asked.definition.secret_ids}
    assert there.image_steps(asked.definition.image_id) == ["FROM registry.example/acento:1"]
    assert KEY not in "\n".join(str(call.request) for call in there.book.calls)
    # nothing stays there
    assert there.volume("acento-datasets").files == {}
    wait_until(lambda: all(one.function != function for one in there.containers.values()), "the containers to end", 60)


def test_a_batch_of_recordings_comes_to_the_files_that_this_process_writes(
    there: ModalService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACENTO_GPU_TYPE")  # as the containers here have none
    alike_elsewhere(monkeypatch, tmp_path, MODEL, "modal")
    assert there.volume("acento-datasets").files == {}


def test_a_container_that_is_taken_away_costs_no_job_and_no_job_is_given_twice(
    there: ModalService, tmp_path: Path
) -> None:
    store = open_store("modal://in-place/team")
    what = planned(store, tmp_path / "clips")
    todo = jobs(store, what)
    there.preempt_next = True
    with closing(open_compute("modal", store)) as compute:
        seen = list(compute.run(todo, workers=1))
    assert not there.preempt_next
    assert [outcome.error for outcome in seen] == [None] * len(todo)
    assert len({outcome.job.key for outcome in seen}) == len(todo)
    assert digest(predictions(store, what)) == inline(tmp_path)
    assert len({one.placement for one in clock(store, what)}) == 2


def test_a_store_on_s3_is_used_in_place_with_credentials_from_a_secret(
    there: ModalService, s3: S3Server, tmp_path: Path
) -> None:
    there.secrets["s3"] = s3.environment
    store = open_store(f"s3://{s3.bucket()}/acento")
    what = planned(store, tmp_path / "clips")
    uploads = len(there.book.of("VolumePutFiles2"))
    with closing(open_compute("modal", store)) as compute:
        outcomes = list(compute.run(jobs(store, what), workers=1))
    assert [outcome.error for outcome in outcomes] == [None] * len(jobs(store, what))
    assert digest(predictions(store, what)) == inline(tmp_path)
    assert os.getpid() not in {one.pid for one in clock(store, what)}
    assert len(there.book.of("VolumePutFiles2")) == uploads
    assert s3.secret_key not in "\n".join(str(call.request) for call in there.book.calls)


def test_errors_come_home_as_what_they_are_and_closing_the_outcomes_ends_the_containers(
    there: ModalService, tmp_path: Path
) -> None:
    store = open_store("modal://errors")
    what = planned(store, tmp_path / "clips")
    good, *others = jobs(store, what)
    changed = good.model_copy(update={"model": good.model.model_copy(update={"digest": "0" * 64})})
    unknown = good.model_copy(update={"model": good.model.model_copy(update={"id": "demo:nobody", "digest": "1"})})
    found = {}
    with closing(open_compute("modal", store).run([changed, unknown, good, *others], workers=1)) as outcomes:
        while not {changed, unknown} <= found.keys():
            outcome = next(outcomes)
            found[outcome.job] = outcome.error
    assert isinstance(found.pop(changed), DamagedError)
    assert isinstance(found.pop(unknown), ModelError)
    assert set(found.values()) <= {None}
    wait_until(lambda: there.containers == {}, "the containers to end", 30)
    wait_until(lambda: not any(one.name == "modal-map" for one in threading.enumerate()), "the waiting to end", 60)


def training(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch, **recipe: object) -> FinetuneJob:
    """Plan a training of a model of the registry here."""
    monkeypatch.setenv("ACENTO_STORE", store.url)
    settings.cache_clear()
    base = registered(store, make_whisper(folder / "model"))
    return training_job(store, training_set(store, folder / "lessons"), base.id, **recipe)  # type: ignore[arg-type]


def test_a_training_on_demand_leaves_its_model_here_and_nothing_there(
    there: ModalService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path / "store")
    job = training(store, tmp_path, monkeypatch)
    rows: list[dict[str, object]] = []
    with closing(open_compute("modal", store)) as compute:
        (outcome,) = compute.run([job], workers=1, callbacks=Callbacks(on_metrics=rows.append))
    assert outcome.error is None
    assert isinstance(outcome.result, FinetuneResult)
    assert outcome.result.done
    assert find_version(store, f"tuned@{outcome.result.version}").about.job == job.key
    assert {row["step"] for row in rows} >= {1, 2, 3}
    assert there.volume("acento-datasets").files == {}


def test_a_training_that_is_stopped_leaves_a_checkpoint_here_and_nothing_there(
    there: ModalService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path / "store")
    job = training(store, tmp_path, monkeypatch, max_steps=100_000, epochs=100_000, eval_every=1000)
    rows: list[dict[str, object]] = []
    with closing(open_compute("modal", store)) as compute:
        (outcome,) = compute.run(
            [job],
            workers=1,
            callbacks=Callbacks(on_metrics=rows.append, should_stop=lambda: "it is enough" if len(rows) > 2 else None),
        )
    assert isinstance(outcome.result, FinetuneResult)
    assert (outcome.result.done, outcome.result.why) == (False, "stopped")
    assert "it is enough" in outcome.result.sentence
    assert list(store.list(f"{job.key}/checkpoints"))
    assert there.volume("acento-datasets").files == {}


def test_what_was_uploaded_is_deleted_also_when_the_training_fails(
    there: ModalService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path / "store")
    job = training(store, tmp_path, monkeypatch)
    broken = job.model_copy(update={"base": job.base.model_copy(update={"digest": "0" * 64})})
    with closing(open_compute("modal", store)) as compute:
        (outcome,) = compute.run([broken], workers=1)
    assert isinstance(outcome.error, DamagedError)
    assert "VolumePutFiles2" in {call.name for call in there.book.calls}
    assert there.volume("acento-datasets").files == {}


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("ACENTO_JOB_VARIABLES", '{"gpus": "L4"}', "gpus='L4' is not usable on Modal"),
        ("ACENTO_JOB_VARIABLES", '{"timeout": 100000}', "timeout=100000 is not usable on Modal"),
        ("ACENTO_JOB_VARIABLES", '{"wheel": "/nowhere/acento.whl"}', "wheel is not on this machine: /nowhere"),
        ("MODAL_TOKEN_ID", "", "run `modal token new`, or set MODAL_TOKEN_ID"),
    ],
)
def test_what_has_to_be_set_up_first_is_said_before_any_work(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fresh_client: Callable[[], None],
    name: str,
    value: str,
    sentence: str,
) -> None:
    monkeypatch.setenv(name, value)
    settings.cache_clear()
    fresh_client()
    with pytest.raises(InputError, match=sentence.replace("(", r"\(")):
        open_compute("modal", LocalStore(tmp_path / "store")).check()


@pytest.mark.usefixtures("there")
def test_a_model_in_a_folder_here_is_refused_before_any_upload(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    card = staged(store, tmp_path / "clips", 3)
    model = resolve(str(make_whisper(tmp_path / "model")))
    what = plan_transcription(store, load_card(store, card.name), model, split="test", options=DecodeOptions())
    with pytest.raises(InputError, match=r"do not see .*, a model in a folder of this machine"):
        list(open_compute("modal", store).run(jobs(store, what), workers=1))


def test_work_that_was_planned_for_a_gpu_is_not_started_without_one(
    there: ModalService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store("modal://planned")
    (job, *_) = jobs(store, planned(store, tmp_path / "clips", 3))
    asked = job.model_copy(update={"options": job.options.model_copy(update={"device_type": "cuda"})})
    monkeypatch.setenv("ACENTO_GPU_TYPE", "")
    settings.cache_clear()
    before = len(there.started)
    with pytest.raises(InputError, match="planned for a GPU, and none is asked of Modal: set ACENTO_GPU_TYPE"):
        list(open_compute("modal", store).run([asked], workers=1))
    assert len(there.started) == before


def test_an_image_that_cannot_be_built_is_one_sentence(there: ModalService, tmp_path: Path) -> None:
    there.broken_images["registry.example/acento:1"] = "manifest unknown"
    store = open_store("modal://imageless")
    what = planned(store, tmp_path / "clips", 3)
    try:
        with pytest.raises(InputError, match=r"could not build the image \(manifest unknown"):
            list(open_compute("modal", store).run(jobs(store, what), workers=1))
    finally:
        there.broken_images.clear()


def test_gpus_that_are_not_there_may_be_there_later(there: ModalService, tmp_path: Path) -> None:
    there.unavailable.add("L4")
    store = open_store("modal://gpuless")
    what = planned(store, tmp_path / "clips", 3)
    try:
        with pytest.raises(TransientError, match="no H100, L4 is available"):
            list(open_compute("modal", store).run(jobs(store, what), workers=1))
    finally:
        there.unavailable.discard("L4")
