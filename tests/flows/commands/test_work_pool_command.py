"""``--compute work-pool`` on the command line: what Prefect shows of it, Ctrl-C and cancelling, trials, bad input."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from at_work import at_work
from commands import acento, api, command, newest_run, slice_runs
from elsewhere import pool_with_worker
from fake_recognizer import fake_model
from servers import PrefectServer, wait_until
from staged import staged, staged_splits
from tiny_whisper import make_whisper

from acento.core.store import LocalStore

pytestmark = pytest.mark.server

POOL = "commanded"
ENDED = ("COMPLETED", "CANCELLED", "CRASHED", "FAILED")


@pytest.fixture(scope="module")
def working(prefect_server: PrefectServer) -> Iterator[PrefectServer]:
    """Run a worker of a process pool for all tests of this file."""
    with pool_with_worker(prefect_server, POOL):
        yield prefect_server


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with models and a store with data sets."""
    root = tmp_path_factory.mktemp("work-pool")
    make_whisper(root / "models" / "one", seed=4, window_s=2)
    fake_model(root / "models" / "slow", infer_s=2.0)
    staged(LocalStore(root / "store"), root / "clips", 12)
    staged_splits(LocalStore(root / "store"), root / "splits", train=4, dev=2, test=2)
    return root


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    """Copy it, so that each test has a store of its own."""
    return shutil.copytree(prepared, tmp_path / "work")


def test_the_work_is_a_child_of_the_run_and_can_be_found_by_a_person(working: PrefectServer, folder: Path) -> None:
    done = acento(
        working, folder, "benchmark", "-m", "models/one", "-d", "demo", "--compute", "work-pool", "--work-pool", POOL
    )
    assert done.returncode == 0, done.stderr
    (slice_run,) = slice_runs(working, str(folder / "store"))
    assert slice_run["name"] == "slice 1 (1 job): transcribe one on demo v1/test"
    assert {"acento", "placement"} <= set(slice_run["tags"])
    (parent,) = api(working, "task_runs", task_runs={"id": {"any_": [slice_run["parent_task_run_id"]]}})
    (run,) = api(working, "flow_runs", flow_runs={"id": {"any_": [parent["flow_run_id"]]}})
    assert run["name"] == "benchmark one on demo/test"
    wait_until(lambda: slice_runs(working, str(folder / "store"))[0]["state_type"] == "COMPLETED", "its end", 30)
    artifacts = api(working, "artifacts", flow_runs={"id": {"any_": [slice_run["id"]]}})
    assert [artifact["type"] for artifact in artifacts] == ["progress"]
    assert artifacts[0]["data"] == 100
    assert list(LocalStore(folder / "store").list("worklists")) == []

    again = acento(
        working, folder, "benchmark", "-m", "models/one", "-d", "demo", "--compute", "work-pool", "--work-pool", POOL
    )
    assert again.returncode == 0
    assert len(slice_runs(working, str(folder / "store"))) == 1, "what is in the store needs no run of its own"


@pytest.mark.parametrize("how", ["Ctrl-C", "cancel"])
def test_a_run_that_is_called_off_leaves_no_slice_at_work(working: PrefectServer, folder: Path, how: str) -> None:
    asked = ("benchmark", "-m", "models/slow", "-d", "demo", "--compute", "work-pool", "--work-pool", POOL)
    started = command(working, folder, *asked, "--job-id", how)
    started["env"]["PYTHONPATH"] = str(working.home / "knows-the-fake")
    process = subprocess.Popen(**started, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: bool(at_work(LocalStore(folder / "store"))), "a run at work", 90)
        if how == "Ctrl-C":
            process.send_signal(signal.SIGINT)
        else:
            (run,) = slice_runs(working, str(folder / "store"))
            state = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
            httpx.post(f"{working.url}/flow_runs/{run['id']}/set_state", json=state, timeout=30).raise_for_status()
            process.send_signal(signal.SIGTERM)  # as a worker does to the run that it is told to cancel
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, said
    wait_until(lambda: all(r["state_type"] in ENDED for r in slice_runs(working, str(folder / "store"))), "no run", 60)
    assert list(LocalStore(folder / "store").list("worklists")) == []
    assert not any((folder / "store/worklists").iterdir())


def test_trials_of_a_search_run_side_by_side_on_the_pool(working: PrefectServer, folder: Path) -> None:
    (folder / "space.yaml").write_text("learning_rate: {low: 1e-4, high: 1e-2, log: true}\n")
    short = ("--set", "max_steps=2", "--set", "eval_every=1", "--set", "batch_size=2", "--threads", "1")
    asked = ("search", "-d", "small", "-b", "models/one", "--space", "space.yaml", "--sampler", "random", *short)
    done = acento(
        working, folder, *asked, "--trials", "2", "--parallel", "2", "--compute", "work-pool", "--work-pool", POOL
    )
    assert done.returncode == 0, done.stderr
    wait_until(
        lambda: all(r["state_type"] == "COMPLETED" for r in slice_runs(working, str(folder / "store"))), "their end", 30
    )
    assert len(slice_runs(working, str(folder / "store"))) == 3, "two trials, and the best one's model"
    assert all(run["parent_task_run_id"] for run in slice_runs(working, str(folder / "store")))


def test_a_training_that_has_ended_needs_no_worker_and_one_that_has_not_prepares_nothing_without(
    prefect_server: PrefectServer, folder: Path
) -> None:
    pool = {"name": "nobody-works", "type": "process"}
    httpx.post(f"{prefect_server.url}/work_pools/", json=pool, timeout=30).raise_for_status()
    short = ("--set", "max_steps=2", "--set", "eval_every=1", "--set", "batch_size=2", "--threads", "1")
    asked = ("finetune", "-d", "small", "-b", "models/one", *short)
    on_pool = (*asked, "--compute", "work-pool", "--work-pool", "nobody-works")
    refused = acento(prefect_server, folder, *on_pool)
    assert refused.returncode == 1
    assert "No worker is online for work pool 'nobody-works'" in refused.stderr
    assert not (folder / "store/prepared").exists()
    here, there = acento(prefect_server, folder, *asked), acento(prefect_server, folder, *on_pool)
    assert (here.returncode, there.returncode) == (0, 0), there.stderr
    task = api(prefect_server, "task_runs", flow_runs={"id": {"any_": [newest_run(prefect_server, "finetune")["id"]]}})
    assert "Cached" in [one["state_name"] for one in task]
    assert slice_runs(prefect_server, str(folder / "store")) == []


def test_without_a_server_of_ones_own_it_says_what_to_start(prefect_server: PrefectServer, folder: Path) -> None:
    asked = ("benchmark", "-m", "models/one", "-d", "demo", "--compute", "work-pool")
    started = command(prefect_server, folder, *asked)
    del started["env"]["PREFECT_API_URL"]
    done = subprocess.run(**started, capture_output=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "prefect server start" in done.stderr
    assert "PREFECT_API_URL" in done.stderr
    assert not (prefect_server.home / "acento-server.log").exists()


def test_an_unknown_pool_is_said_before_anything_is_planned(prefect_server: PrefectServer, folder: Path) -> None:
    asked = ("benchmark", "-m", "models/one", "-d", "demo", "--compute", "work-pool", "--work-pool", "nowhere")
    done = acento(prefect_server, folder, *asked)
    assert done.returncode == 1
    assert "There is no work pool 'nowhere'" in done.stderr
    assert not (folder / "store/plans").exists()


def test_a_secret_is_not_written_into_the_server(working: PrefectServer, folder: Path) -> None:
    secret = '{"env": {"HF_TOKEN": "hf_abc"}}'
    asked = ("benchmark", "-m", "models/one", "-d", "demo", "--compute", "work-pool", "--work-pool", POOL)
    done = acento(working, folder, *asked, ACENTO_JOB_VARIABLES=secret)
    assert done.returncode == 1
    assert "HF_TOKEN" in done.stderr
    assert "hf_abc" not in done.stderr
    assert slice_runs(working, str(folder / "store")) == []
