"""A real Docker engine: the project's image, a worker with the project's pool, and work in containers."""

import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from at_work import at_work
from commands import api
from prefect.settings import PREFECT_API_URL, temporary_settings
from recordings import put
from servers import ROOT, PrefectServer, running, serving, wait_until

from acento.core.errors import AcentoError
from acento.core.settings import settings
from acento.core.store import LocalStore
from acento.data.dataset import load_card
from acento.data.staging import stage
from acento.inference.benchmark import Transcription, clock, jobs, plan_transcription, predictions, unfinished
from acento.inference.jobs import TranscribeJob
from acento.inference.predictions import digest
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.registry.runs.records import find_run
from infra.compute import InlineCompute
from infra.compute.work_pool import WorkPoolCompute
from tests.real.engine import Engine, engine, project_image

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1800)]  # the image is installed from nothing

POOL = "acento-docker"
STRANGER = "4242:4242"
"""Nobody that the image or this machine knows."""
MODEL = "demo:whisper-mini"
"""It comes with the package, and so with the image."""


@pytest.fixture(scope="module")
def docker() -> Iterator[Engine]:
    with engine() as started:
        yield started


@pytest.fixture(scope="module")
def image(docker: Engine) -> str:
    return project_image(docker)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, prefect_database: Path) -> Iterator[PrefectServer]:
    """Start a server that containers can reach, with the pool and the deployments that the project ships."""
    home = tmp_path_factory.mktemp("prefect-docker")
    shutil.copy(prefect_database, home)
    folder = ROOT / "infra" / "docker"
    with serving(home, host="0.0.0.0") as (server, _):
        for command in (
            ("work-pool", "create", POOL, "--type", "docker", "--base-job-template", str(folder / "pool.json")),
            ("--no-prompt", "deploy", "--all", "--prefect-file", str(folder / "prefect.yaml")),
        ):
            done = server.run("prefect", *command, cwd=home)
            assert done.returncode == 0, done.stdout + done.stderr
        yield server


@pytest.fixture(scope="module")
def worker(server: PrefectServer, docker: Engine) -> Iterator[running]:
    environment = {**server.environment, **docker.environment, "PREFECT_WORKER_QUERY_SECONDS": "1"}
    with running("prefect", "worker", "start", "--pool", POOL, env=environment) as started:
        started.ready(lambda: "started!" in started.output(), 120)
        yield started


@pytest.fixture
def here(
    server: PrefectServer,
    worker: running,  # noqa: ARG001  (somebody has to work)
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[pytest.MonkeyPatch]:
    """Be a parent of runs of that pool: several parts, as many runs as are asked for."""
    monkeypatch.setattr("acento.inference.plan.PART_SECONDS", 16.0)
    monkeypatch.setenv("ACENTO_WORK_POOL", POOL)
    monkeypatch.setenv("ACENTO_START_SHARE", "1000000")
    monkeypatch.setattr(WorkPoolCompute, "heartbeat_s", 0.5)
    settings.cache_clear()
    with temporary_settings({PREFECT_API_URL: server.url}):
        yield monkeypatch


def staged(root: Path, clips: int) -> LocalStore:
    """Stage clips of two seconds in a new store."""
    store = LocalStore(root / "store")
    rows = ["uid,file_name,text,speaker,accent,language"]
    for number in range(clips):
        put(root / "clips", f"c{number:03d}", number, seconds=2.0)
        rows.append(f"c{number:03d},c{number:03d}.wav,uno dos {number},s,chilean,es-CL")
    (root / "clips" / "test_files.csv").write_text("\n".join(rows) + "\n")
    stage(store, str(root / "clips"), "demo", workers=0)
    return store


def planned(store: LocalStore) -> Transcription:
    """Plan what the deployment plans too, and write it down."""
    options = DecodeOptions(threads=1)
    card = load_card(store, "demo")
    return plan_transcription(store, card, resolve(MODEL), split="test", options=options, batch_size=2)


def variables(image: str, store: LocalStore, **more: Any) -> dict[str, Any]:
    """Return job variables: the image made here, the user and store of this process, a network of its own."""
    return {
        "image": image,
        "image_pull_policy": "Never",
        "volumes": [f"{store.url}:/store"],
        "user": f"{os.getuid()}:{os.getgid()}",
        "network_mode": "bridge",
        **more,
    }


def asked(monkeypatch: pytest.MonkeyPatch, job_variables: dict[str, Any]) -> None:
    """Set the job variables of runs."""
    monkeypatch.setenv("ACENTO_JOB_VARIABLES", json.dumps(job_variables))
    settings.cache_clear()


def inline_digest(root: Path, clips: int) -> str:
    """Return the digest of the texts that this process makes."""
    store = staged(root, clips)
    what = planned(store)
    list(InlineCompute(store).run(jobs(store, what), workers=1))
    return digest(predictions(store, what))


def ended(server: PrefectServer, job_id: str) -> dict[str, Any]:
    """Wait until the benchmark of this name has ended, and return its flow run."""

    def run() -> Any:
        return next(run for run in api(server, "flow_runs") if run["parameters"].get("job_id") == job_id)

    wait_until(lambda: run()["state_type"] not in ("SCHEDULED", "PENDING", "RUNNING"), "a flow run", 180)
    found: dict[str, Any] = run()
    return found


def submit(server: PrefectServer, job_id: str, job_variables: dict[str, Any]) -> None:
    """Ask for a benchmark whose flow run is a container, as the README says."""
    parameters = {"models": [MODEL], "datasets": ["demo"], "job_id": job_id, "gpu_batch_size": 2, "num_requests": 1}
    command = ["prefect", "deployment", "run", "benchmark/docker", "--params", json.dumps(parameters)]
    for name, value in job_variables.items():
        command += ["--job-variable", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    done = server.run(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_runs_as_a_user_without_rights(docker: Engine, image: str) -> None:
    said = docker.said("run", "--rm", "--network=none", image, "sh", "-c", "id --user; acento --version")
    assert said.split()[0] == "1000"
    assert said.split()[1] == "acento"
    docker.said(
        "run", "--rm", image, "sh", "-c", "test -x $(python -c 'import infra.spark as s; print(s.__path__[0])')/*.sh"
    )
    files = docker.said("run", "--rm", image, "sh", "-c", "ls --almost-all /opt/acento /home/acento /store").split()
    assert not {".git", ".env", ".acento", "tests"} & set(files)


def test_a_benchmark_is_a_container_of_a_user_without_rights(
    docker: Engine, image: str, server: PrefectServer, worker: running, tmp_path: Path
) -> None:
    store = staged(tmp_path, 8)
    user = variables(image, store)["user"]
    if os.getuid() == 0:
        user = STRANGER
        for path in [store.root, *store.root.rglob("*")]:
            os.chown(path, *map(int, STRANGER.split(":")))
    submit(server, "in-a-container", variables(image, store, user=user))
    run = ended(server, "in-a-container")
    assert run["state_name"] == "Completed", run["state"]["message"] + worker.output()[-6000:]
    label = f"label=io.prefect.flow-run-id={run['id']}"
    (container,) = docker.said("ps", "--all", "--quiet", "--no-trunc", "--filter", label).split()
    about = json.loads(docker.said("inspect", container))[0]
    assert about["Config"]["User"] == user
    assert about["HostConfig"]["Init"] is True
    assert about["HostConfig"]["ShmSize"] == 2 * 1024**3
    find_run(store, "in-a-container")
    assert {one.host for one in clock(store, planned(store))} == {container[:12]}


def test_containers_share_the_parts_and_write_what_this_process_would(
    docker: Engine, image: str, here: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    expected = inline_digest(tmp_path / "inline", 32)
    store = staged(tmp_path / "docker", 32)
    what = planned(store)
    asked(here, variables(image, store))
    with closing(WorkPoolCompute(store)) as compute:
        outcomes = list(compute.run(jobs(store, what), workers=2))
    assert [outcome.error for outcome in outcomes] == [None] * len(jobs(store, what))
    assert digest(predictions(store, what)) == expected
    containers = docker.said("ps", "--all", "--quiet").split()
    assert {one.host for one in clock(store, what)} <= {container[:12] for container in containers}


def test_a_container_that_is_killed_in_the_middle_of_a_part_loses_nothing(
    docker: Engine, image: str, here: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    expected = inline_digest(tmp_path / "inline", 32)
    store = staged(tmp_path / "docker", 32)
    what = planned(store)
    asked(here, variables(image, store))
    with closing(WorkPoolCompute(store)) as compute, ThreadPoolExecutor(1) as aside:
        killing = aside.submit(kill_one, docker, store, jobs(store, what))
        outcomes = list(compute.run(jobs(store, what), workers=2))
        dead, part = killing.result(60)
    assert [outcome.error for outcome in outcomes] == [None] * len(jobs(store, what))
    assert digest(predictions(store, what)) == expected
    assert dead not in {one.host for one in clock(store, what) if one.job == part.key}


def kill_one(docker: Engine, store: LocalStore, todo: Sequence[TranscribeJob]) -> tuple[str, TranscribeJob]:
    """Kill the first container that is caught with a part it has not finished; return both."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        time.sleep(0.02)
        for host, _, index in at_work(store):
            if docker.run("pause", host).returncode:
                continue
            if unfinished(store, [todo[index]]):  # what is seen now is still so when it is killed
                docker.said("kill", host)
                return host, todo[index]
            docker.said("unpause", host)
    raise AssertionError("no container was caught at work")


@pytest.mark.usefixtures("image")
@pytest.mark.parametrize("policy", ["Never", "IfNotPresent"])
def test_an_image_that_is_missing_is_said(here: pytest.MonkeyPatch, tmp_path: Path, policy: str) -> None:
    store = staged(tmp_path, 2)
    what = planned(store)
    asked(here, variables("acento-test:missing", store, image_pull_policy=policy))
    with (
        closing(WorkPoolCompute(store)) as compute,
        pytest.raises(AcentoError, match="the image acento-test:missing is neither on"),
    ):
        list(compute.run(jobs(store, what), workers=1))


def test_a_container_that_is_out_of_memory_is_said(image: str, here: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store = staged(tmp_path, 2)
    what = planned(store)
    asked(here, variables(image, store, mem_limit="150m", memswap_limit="150m"))
    with closing(WorkPoolCompute(store)) as compute, pytest.raises(AcentoError, match="more memory than its container"):
        list(compute.run(jobs(store, what), workers=1))
