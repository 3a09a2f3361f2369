"""Prefect on PostgreSQL: a worker that runs several flows at once, on the database that many workers need."""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from recordings import put
from servers import ROOT, PrefectServer, free_port, running, serving, wait_until
from tiny_whisper import make_whisper


def binaries() -> Path | None:
    """Return the folder of PostgreSQL's programs: where they are on the path, else where Debian puts them."""
    found = [Path(path).resolve().parent] if (path := shutil.which("pg_ctl")) else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    return next((folder for folder in reversed(found) if (folder / "initdb").exists()), None)


POSTGRES = binaries()
POOL = "acento-local"

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(
        POSTGRES is None,
        reason="needs PostgreSQL: `apt-get install postgresql`, or `.ci/install-real` as root",
    ),
]


class Cluster:
    """A PostgreSQL cluster of our own, in a folder of its own; it refuses to run as root, so root runs it as nobody."""

    def __init__(self, folder: Path) -> None:
        """Make the cluster."""
        self._folder, self._port = folder, free_port()
        self._as: dict[str, Any] = {}
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self.url = f"postgresql+asyncpg://acento@127.0.0.1:{self._port}/postgres"
        self._run("initdb", "-D", "data", "-U", "acento", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")

    def start(self) -> None:
        """Start it, and wait until it takes connections; only from this machine, and without a socket file."""
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._run("pg_ctl", "-D", "data", "-l", "server.log", "-o", options, "-w", "start")

    def stop(self) -> None:
        """Stop it, whoever is connected."""
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "stop")

    def ask(self, query: str) -> str:
        """Return what a query finds, as text."""
        return self._run("psql", "-h", "127.0.0.1", "-p", str(self._port), "-U", "acento", "-Atc", query, "postgres")

    def _run(self, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's programs in the cluster's folder; fail with what it says."""
        assert POSTGRES
        # the server inherits what it is started with: a pipe would stay open as long as it runs
        with tempfile.TemporaryFile("w+") as output:
            command = [str(POSTGRES / program), *arguments]
            done = subprocess.run(command, cwd=self._folder, stdout=output, stderr=output, check=False, **self._as)
            output.seek(0)
            said = output.read().strip()
        if done.returncode != 0:
            log = self._folder / "server.log"
            pytest.fail(f"{' '.join(command)}:\n{said}\n{log.read_text() if log.exists() else ''}")
        return said


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Start a throw-away PostgreSQL."""
    # not in pytest's folder, into which only its owner may look
    with tempfile.TemporaryDirectory(prefix="acento-postgres-") as folder:
        cluster = Cluster(Path(folder))
        cluster.start()
        yield cluster
        cluster.stop()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Name the store that the deployments are given."""
    return tmp_path / "store"


@pytest.fixture
def started(cluster: Cluster, tmp_path: Path) -> Iterator[tuple[PrefectServer, running]]:
    """Start a Prefect server whose database is the cluster."""
    database = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": cluster.url}
    with serving(tmp_path / "prefect", **database) as both:
        yield both


@pytest.fixture
def server(started: tuple[PrefectServer, running], store: Path, tmp_path: Path) -> PrefectServer:
    """Make the pool and deploy."""
    server, _ = started
    prefect_yaml = str(ROOT / "deployments" / "prefect.yaml")
    for command in (
        ("prefect", "work-pool", "create", POOL, "--type", "process"),
        ("prefect", "--no-prompt", "deploy", "--all", "--prefect-file", prefect_yaml),
    ):
        done = server.run(*command, cwd=tmp_path, ACENTO_STORE=str(store))
        assert done.returncode == 0, done.stdout + done.stderr
    return server


@pytest.fixture
def worker(server: PrefectServer) -> Iterator[running]:
    """Start a worker."""
    environment = {**server.environment, "PREFECT_WORKER_QUERY_SECONDS": "1"}
    with running("prefect", "worker", "start", "--pool", POOL, env=environment) as started:
        started.ready(lambda: "started!" in started.output(), 120)
        yield started


def submit(server: PrefectServer, deployment: str, **parameters: Any) -> None:
    """Ask for a run of a deployment, and do not wait for it."""
    command = ("prefect", "deployment", "run", deployment, "--params", json.dumps(parameters))
    asked = server.run(*command)
    assert asked.returncode == 0, asked.stdout + asked.stderr


def runs(server: PrefectServer, *names: str) -> list[Any]:
    """Ask the server for flow runs by their names."""
    body = {"flow_runs": {"name": {"any_": list(names)}}}
    found: list[Any] = httpx.post(f"{server.url}/flow_runs/filter", json=body, timeout=30).raise_for_status().json()
    return found


def ended(server: PrefectServer, *names: str) -> bool:
    """Tell whether runs of these names have all come to an end."""
    states = {run["name"]: run["state_type"] for run in runs(server, *names)}
    return set(states) == set(names) and not set(states.values()) & {"SCHEDULED", "PENDING", "RUNNING"}


def test_two_stagings_at_once_and_a_benchmark_of_both(
    started: tuple[PrefectServer, running],
    server: PrefectServer,
    worker: running,
    cluster: Cluster,
    store: Path,
    tmp_path: Path,
) -> None:
    cities = ("santiago", "valdivia")
    for seed, city in enumerate(cities):
        rows = ["uid,file_name,text"]
        for number in range(4):
            put(tmp_path / city, f"c{number}", seed=10 * seed + number)
            rows.append(f"c{number},c{number}.wav,uno dos {number}")
        (tmp_path / city / "test_files.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        submit(server, "stage/local", source=str(tmp_path / city), name=city, language="es")
    stagings = [f"stage {city}" for city in cities]
    wait_until(lambda: ended(server, *stagings), "two stagings", 240)
    assert [run["state_name"] for run in runs(server, *stagings)] == ["Completed", "Completed"]

    model = make_whisper(tmp_path / "model")
    submit(server, "benchmark/local", models=[str(model)], datasets=list(cities), job_id="on-postgres")
    benchmark = "benchmark model on santiago, valdivia/test (on-postgres)"
    wait_until(lambda: ended(server, benchmark), "a benchmark", 240)
    assert [run["state_name"] for run in runs(server, benchmark)] == ["Completed"]
    assert (store / "runs" / "on-postgres" / "results" / "results_on-postgres.csv").is_file()

    assert set(cluster.ask("select name from flow_run").splitlines()) == {*stagings, benchmark}
    boards = {f"leaderboard-{city}-test" for city in cities}
    assert boards <= set(cluster.ask("select key from artifact").splitlines())
    assert "database is locked" not in worker.output() + started[1].output()
