"""Work-pool compute on a real Prefect server with real workers: equal results, and nothing lost when something dies."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from at_work import at_work
from commands import api, slice_runs
from elsewhere import pool_with_worker
from fake_recognizer import FAKE, fake_model
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Pending
from servers import PrefectServer, answers, free_port, serving, wait_until
from staged import staged
from tiny_whisper import make_whisper
from training_set import training_job, training_set

from acento.core.callbacks import Callbacks
from acento.core.errors import AcentoError, InputError
from acento.core.settings import settings
from acento.core.store import LocalStore
from acento.data.dataset import load_card
from acento.inference import jobs as job_module
from acento.inference.benchmark import Transcription, clock, jobs, plan_transcription, predictions
from acento.inference.predictions import digest
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.models.devices import Elsewhere, cores
from acento.training.job import FinetuneResult
from acento.training.loop.checkpoints import Checkpoints
from infra.compute import InlineCompute, open_compute, pool_engine
from infra.compute import pool as prefect_pool
from infra.compute.pool import Pool
from infra.compute.work_pool import WorkPoolCompute, _gpu, _gpu_variables, _mounted

pytestmark = pytest.mark.server

POOL = "slices"


@pytest.fixture(scope="module")
def working(prefect_server: PrefectServer) -> Iterator[PrefectServer]:
    """Run a worker of a process pool for all tests of this file."""
    with pool_with_worker(prefect_server, POOL):
        yield prefect_server


@pytest.fixture(autouse=True)
def _here(prefect_server: PrefectServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be a parent of runs of that pool: several parts, as many runs as are asked for, quick signs of life."""
    monkeypatch.setitem(job_module.FAMILIES, "fake", FAKE)
    monkeypatch.setattr("acento.inference.plan.PART_SECONDS", 0.3)
    monkeypatch.setenv("ACENTO_WORK_POOL", POOL)
    monkeypatch.setenv("ACENTO_START_SHARE", "1000000")
    monkeypatch.setattr(WorkPoolCompute, "heartbeat_s", 3.0)
    settings.cache_clear()
    with temporary_settings({PREFECT_API_URL: prefect_server.url}):
        yield


def planned(
    tmp_path: Path, clips: int = 8, name: str = "store", **arguments: float
) -> tuple[LocalStore, Transcription]:
    store = LocalStore(tmp_path / name)
    card = staged(store, tmp_path / "clips", clips)
    model = resolve(str(fake_model(tmp_path / "model", **arguments)))
    return store, plan_transcription(store, load_card(store, card.name), model, split="test", options=DecodeOptions())


def inline_digest(tmp_path: Path, clips: int = 8, **arguments: float) -> str:
    alone, what = planned(tmp_path, clips, "alone", **arguments)
    list(InlineCompute(alone).run(jobs(alone, what), workers=1))
    return digest(predictions(alone, what))


def none_left(server: PrefectServer, store: LocalStore) -> None:
    """See that every run has ended and the list of jobs is gone."""
    ended = ("COMPLETED", "CANCELLED", "CRASHED", "FAILED")
    wait_until(lambda: all(run["state_type"] in ended for run in slice_runs(server, store.url)), "the end of runs", 60)
    assert list(store.list("worklists")) == []


def processes(store: LocalStore) -> set[int]:
    """Return the processes of runs that are at a job."""
    return {pid for _, pid, _ in at_work(store)}


def test_two_workers_share_the_parts_and_the_texts_are_those_of_inline(working: PrefectServer, tmp_path: Path) -> None:
    store, what = planned(tmp_path, 12, infer_s=0.8)
    heard: list[float] = []
    with closing(open_compute("work-pool", store)) as compute:
        outcomes = list(compute.run(jobs(store, what), workers=2, callbacks=Callbacks(on_progress=heard.append)))
    assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)
    assert {outcome.job for outcome in outcomes} == set(jobs(store, what))
    assert digest(predictions(store, what)) == inline_digest(tmp_path, 12, infer_s=0.8)
    measured = clock(store, what)
    assert os.getpid() not in {one.pid for one in measured}
    assert len({one.pid for one in measured}) == len({one.placement for one in measured}) == 2
    assert {(one.backend, one.placements) for one in measured} == {("work-pool", 2)}
    assert sum(heard) <= what.seconds + 0.001
    none_left(working, store)
    assert [run["state_type"] for run in slice_runs(working, store.url)] == ["COMPLETED"] * 2
    assert all(
        "placement" in run["tags"] and run["name"].startswith("slice ") for run in slice_runs(working, store.url)
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_run_that_dies_in_a_part_is_found_and_nothing_is_lost(
    working: PrefectServer, tmp_path: Path, how: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WorkPoolCompute, "heartbeat_s", 1.0)
    store, what = planned(tmp_path, 12, infer_s=1.0)
    lost: list[int] = []

    def once_begun() -> None:
        if not lost and (at_work := processes(store)):
            lost.append(at_work.pop())
            os.kill(lost[0], how)  # stopped: as a machine that is no more there, of which nobody tells

    with closing(open_compute("work-pool", store)) as compute:
        outcomes = list(compute.run(jobs(store, what), workers=2, callbacks=Callbacks(should_stop=once_begun)))
    if how == signal.SIGSTOP:
        os.kill(lost[0], signal.SIGKILL)
    assert lost
    assert [outcome.error for outcome in outcomes] == [None] * len(jobs(store, what))
    assert digest(predictions(store, what)) == inline_digest(tmp_path, 12, infer_s=1.0)
    assert "CRASHED" in [run["state_type"] for run in slice_runs(working, store.url)]
    none_left(working, store)


def test_a_run_whose_worker_died_before_it_began_is_replaced(
    working: PrefectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[str] = []
    really = prefect_pool.submit

    def submit(pool: Pool, name: str, *more: Any) -> UUID:
        if lost:
            monkeypatch.setattr(pool_engine, "TAKEN_LIMIT_S", {})
            return really(pool, name, *more)
        with prefect_pool.client() as ask:
            assert pool.deployment is not None
            run = ask.create_flow_run_from_deployment(pool.deployment, name=name, state=Pending())
        lost.append(str(run.id))
        return run.id

    monkeypatch.setattr(pool_engine, "TAKEN_LIMIT_S", {"process": 3.0})
    monkeypatch.setattr(prefect_pool, "submit", submit)
    store, what = planned(tmp_path)
    with closing(open_compute("work-pool", store)) as compute:
        outcomes = list(compute.run(jobs(store, what), workers=1))
    assert [outcome.error for outcome in outcomes] == [None] * len(jobs(store, what))
    (given_up,) = api(working, "flow_runs", flow_runs={"id": {"any_": lost}})
    assert given_up["state_type"] == "CRASHED"
    assert "a worker took it" in given_up["state"]["message"]
    none_left(working, store)


def test_a_part_that_no_memory_is_enough_for_is_an_error_and_the_others_are_done(
    working: PrefectServer, tmp_path: Path
) -> None:
    store, what = planned(tmp_path, 4, deadly=16000 * 2 // 10)  # the shortest clip lasts 0.2 s
    with closing(open_compute("work-pool", store)) as compute:
        outcomes = list(compute.run(jobs(store, what), workers=1))
    errors = [outcome.error for outcome in outcomes if outcome.error]
    assert len(outcomes) == len(jobs(store, what))
    assert len(errors) == 1
    assert "ended its process 3 times; memory may be short" in str(errors[0])
    none_left(working, store)


def test_calling_it_off_leaves_no_run_and_no_list(working: PrefectServer, tmp_path: Path) -> None:
    store, what = planned(tmp_path, infer_s=0.5)
    with closing(open_compute("work-pool", store)) as compute:
        outcomes = compute.run(jobs(store, what), workers=2)
        next(outcomes)
        outcomes.close()
    none_left(working, store)
    assert not processes(store)


@pytest.mark.usefixtures("working")
def test_a_training_makes_the_weights_that_inline_makes(tmp_path: Path) -> None:
    def train(name: str, backend: str) -> tuple[FinetuneResult, dict[str, Any], list[int]]:
        store = LocalStore(tmp_path / name)
        card = training_set(store, tmp_path / f"clips-{name}", train=4, dev=2)
        job = training_job(store, card, model, max_steps=4, eval_every=1, dropout=0.1)
        rows: list[int] = []
        with closing(open_compute(backend, store)) as compute:
            (outcome,) = list(
                compute.run([job], workers=1, callbacks=Callbacks(on_metrics=lambda row: rows.append(row["step"])))
            )
        assert isinstance(outcome.result, FinetuneResult), outcome.error
        weights = Checkpoints(store, job.key).weights(outcome.result.best_step or 0)
        return outcome.result, weights, rows

    model = make_whisper(tmp_path / "base", window_s=2)
    there, its, said = train("there", "work-pool")
    here, ours, told = train("here", "inline")
    assert there.sentence == here.sentence
    assert there.dev_wer == here.dev_wer
    assert said == told
    assert ours.keys() == its.keys()
    assert all(ours[name].equal(its[name]) for name in ours)


@pytest.mark.usefixtures("working")
def test_a_training_that_is_stopped_leaves_a_checkpoint_from_which_the_next_run_goes_on(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    card = training_set(store, tmp_path / "clips", train=4, dev=2)
    model = make_whisper(tmp_path / "base", window_s=2)
    job = training_job(store, card, model, epochs=4000.0, max_steps=4000, eval_every=5000, checkpoint_every=5000)
    rows: list[dict[str, Any]] = []

    def sitting() -> FinetuneResult:
        rows.clear()
        with closing(open_compute("work-pool", store)) as compute:
            enough = compute.run(
                [job],
                workers=1,
                callbacks=Callbacks(on_metrics=rows.append, should_stop=lambda: "enough" if rows else None),
            )
            (outcome,) = list(enough)
        assert isinstance(outcome.result, FinetuneResult), outcome.error
        return outcome.result

    first = sitting()
    assert (first.done, first.why) == (False, "stopped")
    second = sitting()
    assert second.step > first.step
    assert min(row["step"] for row in rows) == first.step + 1


def test_runs_that_cannot_begin_their_work_end_it_with_what_they_said(
    working: PrefectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, what = planned(tmp_path)
    monkeypatch.setenv("ACENTO_JOB_VARIABLES", '{"env": {"ACENTO_THREADS": "many"}}')
    settings.cache_clear()
    with closing(open_compute("work-pool", store)) as compute, pytest.raises(AcentoError, match="ACENTO_THREADS"):
        list(compute.run(jobs(store, what), workers=1))
    none_left(working, store)


def test_a_job_variable_that_the_pool_does_not_take_is_refused(
    working: PrefectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, what = planned(tmp_path)
    monkeypatch.setenv("ACENTO_JOB_VARIABLES", '{"stream_output": "often"}')
    settings.cache_clear()
    with closing(open_compute("work-pool", store)) as compute, pytest.raises(InputError, match=r"stream_output|often"):
        list(compute.run(jobs(store, what), workers=1))
    assert slice_runs(working, store.url) == []
    assert list(store.list("worklists")) == []


def test_a_gpu_is_asked_for_in_the_words_of_the_pools_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACENTO_GPU_TYPE", "L40S,A100")
    settings.cache_clear()
    containers = Pool("d", "docker", ("image", "device_requests"), {})
    assert _gpu_variables(containers, "L40S,A100") == {
        "device_requests": [{"count": -1, "capabilities": [["gpu"]]}],
    }
    assert _gpu_variables(Pool("m", "modal", ("gpu",), {}), "L40S,A100") == {"gpu": "L40S,A100"}
    assert _gpu_variables(Pool("p", "process", ("env",), {}), "L40S") == {}
    with pytest.raises(InputError, match="no job variable for a GPU"):
        _gpu_variables(Pool("k", "kubernetes", ("image",), {}), "L40S")
    assert _gpu(containers) == "L40S"


def test_a_pool_that_asks_for_gpus_by_itself_has_them() -> None:
    assert _gpu(Pool("d", "docker", (), {"device_requests": [{"count": -1}]})) == ""
    assert _gpu(Pool("d", "docker", (), {})) is None


def test_containers_must_see_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Pool("d", "docker", (), {"volumes": ["/data/store:/store", "cache:/cache"]})
    assert _mounted(seen, "/data/store") == "/store"
    with pytest.raises(InputError, match=r"do not see the store /home/me/.acento.*volumes"):
        _mounted(seen, "/home/me/.acento")
    monkeypatch.setenv("ACENTO_JOB_VARIABLES", '{"volumes": ["/home/me/.acento:/mine"]}')
    settings.cache_clear()
    assert _mounted(seen, "/home/me/.acento") == "/mine"


def test_a_pool_that_does_not_exist_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACENTO_WORK_POOL", "nowhere")
    settings.cache_clear()
    with pytest.raises(InputError, match=r"no work pool 'nowhere'.*prefect work-pool create nowhere"):
        open_compute("work-pool", LocalStore(tmp_path)).check()


def test_a_pool_without_a_worker_is_said(
    prefect_server: PrefectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefect_server.run("prefect", "work-pool", "create", "idle", "--type", "process", "--overwrite")
    monkeypatch.setenv("ACENTO_WORK_POOL", "idle")
    settings.cache_clear()
    with pytest.raises(InputError, match=r"No worker is online.*prefect worker start --pool idle"):
        open_compute("work-pool", LocalStore(tmp_path)).check()
    assert open_compute("work-pool", LocalStore(tmp_path)).check(begin=False) == Elsewhere(None, cores())
    prefect_server.run("prefect", "work-pool", "pause", "idle")
    with pytest.raises(InputError, match="is paused"):
        open_compute("work-pool", LocalStore(tmp_path)).check()


def test_a_server_that_goes_away_for_a_while_stops_nothing(tmp_path: Path, prefect_home: Path) -> None:
    port = free_port()
    with serving(prefect_home, port=port) as (server, process), pool_with_worker(server, POOL):
        store, what = planned(tmp_path, 8, infer_s=2.0)
        with temporary_settings({PREFECT_API_URL: server.url}), closing(open_compute("work-pool", store)) as compute:
            outcomes = compute.run(jobs(store, what), workers=1)
            found = [next(outcomes)]
            process.kill()
            wait_until(lambda: not answers(port), "the end of the server", 60)
            found.append(next(outcomes))
            assert not answers(port), "the work goes on without it"
            with serving(prefect_home, port=port):
                found += outcomes
                assert [outcome.error for outcome in found] == [None] * len(jobs(store, what))
                none_left(server, store)
    assert digest(predictions(store, what)) == inline_digest(tmp_path, 8, infer_s=2.0)
