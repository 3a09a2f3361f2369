"""The deployments of ``deployments/prefect.yaml`` on a real Prefect server, run by a real worker."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from commands import acento, prefect
from recordings import put
from servers import ROOT, PrefectServer, running, wait_until
from staged import staged, staged_splits
from tiny_whisper import make_whisper

from acento.core.store import LocalStore
from acento.data.demo import demo_clips, wav_bytes
from acento.registry.versions import versions

pytestmark = pytest.mark.server

POOL = "acento-local"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Name the store that the deployments are given."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the folder that is deployed from, in which runs will work; it has a ``stage.py`` of its own."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "stage.py").write_text("raise SystemExit('the stray file ran')", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def deployed(prefect_server: PrefectServer, store: Path, project: Path) -> PrefectServer:
    """Make the pool and deploy, by the commands of ``docs/how-to/prefect.md``."""
    pool = prefect(prefect_server, "work-pool", "create", POOL, "--type", "process", "--overwrite")
    assert pool.returncode == 0, pool.stderr
    deploy = ("--no-prompt", "deploy", "--all", "--prefect-file", str(ROOT / "deployments/prefect.yaml"))
    deployment = prefect(prefect_server, *deploy, cwd=project, ACENTO_STORE=str(store))
    assert deployment.returncode == 0, deployment.stdout + deployment.stderr
    return prefect_server


@pytest.fixture(scope="module")
def worker(deployed: PrefectServer) -> Iterator[PrefectServer]:
    """Start a worker, in a folder that is not the project's."""
    start = ("prefect", "worker", "start", "--pool", POOL, "--name", "tester")
    with running(*start, env={**deployed.environment, "PREFECT_WORKER_QUERY_SECONDS": "1"}) as started:
        started.ready(lambda: "started!" in started.output(), 120)
        yield deployed


def get(server: PrefectServer, path: str) -> Any:
    """Read from the server's API."""
    return httpx.get(f"{server.url}/{path}", timeout=30, verify=False).raise_for_status().json()


def find(server: PrefectServer, what: str, **body: Any) -> list[Any]:
    """Ask the server's API for a filtered list."""
    found = httpx.post(f"{server.url}/{what}/filter", json=body, timeout=30, verify=False).raise_for_status().json()
    assert isinstance(found, list)
    return found


def run_stage(server: PrefectServer, source: Path, name: str) -> Any:
    """Run ``stage/local`` to its end by the command line, and return the flow run."""
    parameters = ("-p", f"source={source}", "-p", f"name={name}", "-p", "language=es")
    run = prefect(server, "deployment", "run", "stage/local", *parameters, "--watch", timeout=300)
    identity = re.search(r"UUID: (\S+)", run.stdout)
    assert identity, run.stdout + run.stderr
    return get(server, f"flow_runs/{identity[1]}")


def test_the_deployments_say_what_they_are(deployed: PrefectServer) -> None:
    found = {(get(deployed, f"flows/{d['flow_id']}")["name"], d["name"]): d for d in find(deployed, "deployments")}
    assert ("specialize", "on-new-data") in found
    deployments = {flow: d for (flow, name), d in found.items() if name == "local"}
    assert set(deployments) == {
        "stage",
        "validate",
        "benchmark",
        "finetune",
        "specialize",
        "judge-windows",
        "shorten",
        "search",
        "learning-curve",
        "cross-validate",
        "transcribe",
    }
    placement = found["run-placement", POOL]
    assert placement["entrypoint"] == "flows.run_placement.run_placement"
    assert placement["work_pool_name"] == POOL
    for flow in deployments:
        module = flow.replace("-", "_")
        assert deployments[flow]["entrypoint"] == f"flows.{module}.{module}"
        assert deployments[flow]["enforce_parameter_schema"]
        assert deployments[flow]["work_pool_name"] == POOL
        assert sorted(deployments[flow]["tags"]) == ["acento", flow]
        assert deployments[flow]["description"]
    (nightly,) = deployments["benchmark"]["schedules"]
    assert not nightly["active"]
    assert deployments["stage"]["schedules"] == []
    (inbox,) = found["transcribe", "inbox"]["schedules"]
    assert not inbox["active"]
    assert found["transcribe", "inbox"]["parameters"]["paths"] == ["inbox/"]


@pytest.mark.parametrize(
    ("deployment", "parameters", "named"),
    [
        ("stage/local", {"source": "/data"}, "name"),
        ("stage/local", {"source": "/data", "name": "x", "seed": "seven"}, "seed"),
        ("stage/local", {"source": "/data", "name": "x", "split_by": "weather"}, "split_by"),
        ("benchmark/local", {"models": ["demo:whisper-mini"], "datasets": ["x"], "num_requests": 0}, "num_requests"),
        ("finetune/local", {"dataset": "x", "base_model": "demo:whisper-mini", "strategy": "hope"}, "strategy"),
        ("transcribe/local", {"paths": []}, "paths"),
        ("specialize/local", {"dataset": "x", "base_model": "demo:whisper-mini", "bound": 2}, "bound"),
    ],
)
def test_a_wrong_parameter_is_refused_when_submitted(
    deployed: PrefectServer, deployment: str, parameters: dict[str, Any], named: str
) -> None:
    found = get(deployed, f"deployments/name/{deployment}")["id"]
    before = len(find(deployed, "flow_runs"))
    url = f"{deployed.url}/deployments/{found}/create_flow_run"
    answer = httpx.post(url, json={"parameters": parameters}, timeout=30)
    assert answer.status_code == 409
    assert named in answer.text
    assert len(find(deployed, "flow_runs")) == before


@pytest.mark.parametrize(
    ("parameters", "named"),
    [({"source": "/data"}, "name"), ({"source": "/data", "name": "x", "sede": 7}, "sede")],
)
def test_the_command_says_which_parameter_is_wrong(
    deployed: PrefectServer, parameters: dict[str, Any], named: str
) -> None:
    before = len(find(deployed, "flow_runs"))
    run = prefect(deployed, "deployment", "run", "stage/local", "--params", json.dumps(parameters))
    assert run.returncode != 0
    assert named in run.stdout + run.stderr
    assert len(find(deployed, "flow_runs")) == before


def test_a_schedule_that_is_switched_on_brings_runs_that_transcribe_the_inbox(
    worker: PrefectServer, project: Path
) -> None:
    # under sqlalchemy 2.1 the scheduler of Prefect 3.8 fails without a word, and no run ever comes
    deployment = get(worker, "deployments/name/transcribe/inbox")
    (schedule,) = deployment["schedules"]
    one = f"{worker.url}/deployments/{deployment['id']}"
    parameters = {**deployment["parameters"], "model": "demo:whisper-mini", "language": "es"}
    # a busy server refuses a write that waits for its file of SQLite
    wait_until(lambda: httpx.patch(one, json={"parameters": parameters}, timeout=30).is_success, "the parameters", 60)
    (project / "inbox").mkdir()
    (project / "inbox" / "note.wav").write_bytes(wav_bytes(demo_clips()[0]))

    def runs() -> list[Any]:
        scheduled = {"state": {"type": {"any_": ["SCHEDULED"]}}}
        return find(worker, "flow_runs", deployments={"id": {"any_": [deployment["id"]]}}, flow_runs=scheduled)

    try:
        switch = ("deployment", "schedule", "resume", "transcribe/inbox", schedule["id"])
        resumed = prefect(worker, *switch)
        assert resumed.returncode == 0, resumed.stdout + resumed.stderr
        wait_until(lambda: bool(runs()), "a scheduled run", 90)
        first = runs()[0]
        assert (first["state_type"], first["auto_scheduled"]) == ("SCHEDULED", True)
        now = {"type": "SCHEDULED", "state_details": {"scheduled_time": datetime.now(UTC).isoformat()}}
        url = f"{worker.url}/flow_runs/{first['id']}"
        soon = {"state": now, "force": True}
        wait_until(lambda: httpx.post(f"{url}/set_state", json=soon, timeout=30).is_success, "its time", 60)
        ended = ("COMPLETED", "FAILED", "CRASHED")
        wait_until(lambda: get(worker, f"flow_runs/{first['id']}")["state_type"] in ended, "its end", 120)
    finally:
        gone = httpx.codes.NO_CONTENT, httpx.codes.NOT_FOUND
        off = f"{one}/schedules/{schedule['id']}"
        wait_until(lambda: httpx.delete(off, timeout=30).status_code in gone, "the schedule's end", 60)
        for run in runs():  # a later test's worker shall not take it up
            httpx.delete(f"{worker.url}/flow_runs/{run['id']}", timeout=30)
    run = get(worker, f"flow_runs/{first['id']}")
    assert (run["state_type"], run["name"]) == ("COMPLETED", "transcribe inbox")
    assert {path.name for path in (project / "transcripts").iterdir()} == {
        *(f"note.{format}" for format in ("txt", "srt", "json")),
        "ledger.csv",
    }


def test_new_data_sets_a_specialization_off_once_somebody_wants_it(
    deployed: PrefectServer, store: Path, tmp_path: Path
) -> None:
    def runs() -> list[Any]:
        return find(deployed, "flow_runs", deployments={"name": {"any_": ["on-new-data"]}})

    def stage(clips: int) -> None:
        for number in range(clips):
            put(tmp_path / "recordings", f"clip-{number}", seed=number)
        asked = ("stage", str(tmp_path / "recordings"), "--name", "fresh")
        done = acento(deployed, tmp_path, *asked, ACENTO_STORE=str(store))
        assert done.returncode == 0, done.stderr

    stage(2)
    assert runs() == [], "it is off"
    (automation,) = [a for a in find(deployed, "automations") if a["name"] == "acento-on-new-data"]
    switched = prefect(deployed, "automation", "resume", "acento-on-new-data")
    assert switched.returncode == 0, switched.stderr
    try:
        stage(2)  # nothing new
        stage(4)
        wait_until(lambda: bool(runs()), "the run that new data sets off", 120)
        (run,) = runs()
        assert run["parameters"]["dataset"] == "fresh"
        assert run["parameters"]["base_model"] == "demo:whisper-mini"
    finally:
        prefect(deployed, "automation", "pause", "acento-on-new-data")
        for run in runs():  # a later test's worker shall not take it up
            httpx.delete(f"{deployed.url}/flow_runs/{run['id']}", timeout=30)
    assert automation["enabled"] is False


def test_a_worker_stages_a_folder(worker: PrefectServer, store: Path, tmp_path: Path) -> None:
    source = tmp_path / "recordings"
    for number in range(6):
        put(source, f"clip-{number}", seed=number)
    first = run_stage(worker, source, "Santiago_1")
    assert first["name"] == "stage Santiago_1"
    assert first["state_name"] == "Completed"
    assert sorted(first["tags"]) == ["acento", "stage"]
    assert (store / "datasets" / "Santiago_1" / "000001" / "card.json").exists()

    (task,) = find(worker, "task_runs", flow_runs={"id": {"any_": [first["id"]]}})
    assert (task["name"], task["state_name"]) == ("stage Santiago_1", "Completed")
    artifacts = {a["key"]: a for a in find(worker, "artifacts", flow_runs={"id": {"any_": [first["id"]]}})}
    assert "| staged now | 6 |" in artifacts["stage-santiago-1"]["data"]
    assert artifacts["stage-santiago-1-progress"]["data"] == 100

    again = run_stage(worker, source, "Santiago_1")
    (task,) = find(worker, "task_runs", flow_runs={"id": {"any_": [again["id"]]}})
    assert (again["state_name"], task["state_name"]) == ("Completed", "Cached")


def test_what_went_wrong_is_in_the_state(worker: PrefectServer, tmp_path: Path) -> None:
    run = run_stage(worker, tmp_path / "nothing", "nowhere")
    assert run["state_name"] == "Failed"
    assert "nothing" in get(worker, f"flow_runs/{run['id']}")["state"]["message"]


def test_a_stranger_called_tasks_fails_the_run_with_a_sentence(worker: PrefectServer, project: Path) -> None:
    stranger = project / "tasks.py"
    stranger.write_text("", encoding="utf-8")
    try:
        run = run_stage(worker, project, "strange")
    finally:
        stranger.unlink()
    assert run["state_type"] in ("FAILED", "CRASHED")
    sentence = f"Python finds 'tasks' at {stranger} and not in"
    logs = find(worker, "logs", logs={"flow_run_id": {"any_": [run["id"]]}})
    assert any(sentence in log["message"] for log in logs)


def test_a_worker_benchmarks_and_shows_the_leaderboard(worker: PrefectServer, store: Path, tmp_path: Path) -> None:
    staged(LocalStore(store), tmp_path / "clips", 8, name="deployed")
    model = make_whisper(tmp_path / "model")
    command = ("deployment", "run", "benchmark/local", "--watch")
    asked = ("-p", f'models=["{model}"]', "-p", 'datasets=["deployed"]', "-p", "job_id=by-worker")
    run = prefect(worker, *command, *asked, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    name = "benchmark model on deployed/test (by-worker)"
    (flow_run,) = find(worker, "flow_runs", flow_runs={"name": {"any_": [name]}})
    assert flow_run["state_name"] == "Completed"
    assert sorted(flow_run["tags"]) == ["acento", "benchmark"]
    artifacts = {a["key"]: a for a in find(worker, "artifacts", flow_runs={"id": {"any_": [flow_run["id"]]}})}
    assert str(model) in artifacts["leaderboard-deployed-test"]["data"].replace("\\", "")
    assert (store / "runs" / "by-worker" / "results" / "results_by-worker.csv").is_file()


def test_a_deployed_run_hands_its_work_to_its_own_pool_which_must_have_room_for_both(
    worker: PrefectServer, store: Path, tmp_path: Path
) -> None:
    staged(LocalStore(store), tmp_path / "clips", 8, name="pooled")
    model = make_whisper(tmp_path / "pooled-model", seed=9)
    command = ("deployment", "run", "benchmark/local", "--watch", "-p", "compute=work-pool")
    asked = ("-p", f'models=["{model}"]', "-p", 'datasets=["pooled"]')
    prefect(worker, "work-pool", "set-concurrency-limit", POOL, "1")
    try:
        refused = prefect(worker, *command, *asked, "-p", "job_id=refused", timeout=300)
    finally:
        prefect(worker, "work-pool", "clear-concurrency-limit", POOL)
    assert refused.returncode != 0
    name = {"any_": ["benchmark pooled-model on pooled/test (refused)"]}
    (flow_run,) = find(worker, "flow_runs", flow_runs={"name": name})
    assert "its slices would wait for ever" in flow_run["state"]["message"]

    run = prefect(worker, *command, *asked, "-p", "job_id=pooled", timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    names = {"like_": "transcribe pooled-model on pooled v1/test"}
    (part,) = find(worker, "flow_runs", flow_runs={"name": names})
    assert part["work_pool_name"] == POOL
    wait_until(lambda: get(worker, f"flow_runs/{part['id']}")["state_type"] == "COMPLETED", "its end", 30)


def test_a_worker_specializes_and_the_gate_has_its_say(worker: PrefectServer, store: Path, tmp_path: Path) -> None:
    staged_splits(LocalStore(store), tmp_path / "clips", name="taught")
    model = make_whisper(tmp_path / "pupil", window_s=2)
    recipe = '{"max_steps": 2, "eval_every": 9, "learning_rate": 0.001}'
    asked = ("-p", "dataset=taught", "-p", f"base_model={model}", "-p", f"recipe={recipe}", "-p", "allow_invalid=true")
    run = prefect(worker, "deployment", "run", "specialize/local", "--watch", *asked, timeout=400)
    assert run.returncode == 0, run.stdout + run.stderr
    names = {"any_": ["specialize pupil on taught"]}
    (flow_run,) = find(worker, "flow_runs", flow_runs={"name": names})
    assert flow_run["state_name"] == "Completed"
    assert set(flow_run["tags"]) == {"acento", "specialize"}
    (version, *_) = versions(LocalStore(store), "pupil-taught")
    artifacts = find(worker, "artifacts", artifacts={"key": {"like_": "gate-registry-pupil-taught"}})
    assert artifacts
    assert version.title in artifacts[0]["data"].replace("\\", "")


def test_a_time_limit_makes_the_deployment_submit_its_own_continuation(
    worker: PrefectServer, store: Path, tmp_path: Path
) -> None:
    staged_splits(LocalStore(store), tmp_path / "clips", name="long")
    model = make_whisper(tmp_path / "student", window_s=2)
    recipe = '{"epochs": 300, "eval_every": 300, "checkpoint_every": 12, "learning_rate": 0.001, "window": "full"}'
    asked = ("-p", "dataset=long", "-p", f"base_model={model}", "-p", f"recipe={recipe}", "-p", "max_minutes=0.03")
    run = prefect(worker, "deployment", "run", "finetune/local", "--watch", *asked, timeout=400)
    assert run.returncode == 0, run.stdout + run.stderr
    assert not versions(LocalStore(store), "student-long"), "it ended within its first sitting: make it longer"
    wait_until(lambda: bool(versions(LocalStore(store), "student-long")), "the last sitting", 400)
    runs = find(worker, "flow_runs", flow_runs={"name": {"any_": ["finetune student on long"]}})
    assert len(runs) > 1
