"""The demo's benchmark on every backend, each from an empty store: are the texts the same, and who did the work?

    python benchmarks/backends.py [--clips 450] [--only inline spark …]

Speaks the demo set once, and stages it anew for each backend. Then `acento benchmark` runs as a command, with float32,
one thread and two workers, wherever this machine has what it takes: work pools of processes, of Docker containers
(an engine that is there, or `dockerd` as root) and of Modal sandboxes, Modal's functions, a local Spark with two
executor processes, a local Ray with two processes, and inline with the store on S3. Modal is the stand-in of the tests,
S3 the server that the tests start.

Prints for each the digest of (id, text, reason) of all clips, seconds by the clock, and which processes decoded, as the
measurements have it (host and process id). It ends with 1 if a digest differs from that of inline, or if a backend that
is elsewhere did its work in the command's own process.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# servers, the S3 server, the engine, the stand-in for Modal
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "kit"), str(ROOT / "infra" / "prefect-modal-worker" / "tests" / "kit")]

MODEL = "demo:whisper-mini"


@dataclass(frozen=True)
class Place:
    """Where one benchmark runs."""

    store: str
    compute: str
    environment: dict[str, str]


def main() -> None:
    """Run every backend and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, help="only the first of the test split")
    parser.add_argument("--only", nargs="+", choices=[*PLACES], default=[*PLACES])
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="acento-backends-")))
        _speak(folder / "speech")
        server = stack.enter_context(_prefect(folder))
        found: dict[str, str] = {}
        failed = False
        print(f"{'backend':<22}{'digest':<18}{'seconds':>8}  processes that decoded")
        for name in options.only:
            try:
                with PLACES[name](folder / name.replace(" ", "-"), server) as place:
                    line, found[name], there = _benchmark(folder, server, place, options.clips)
            except Unavailable as reason:
                print(f"{name:<22}left out: {reason}")
                continue
            print(f"{name:<22}{line}")
            failed = failed or found[name] != next(iter(found.values())) or not there
        same = len(set(found.values())) == 1
        print(f"{len(found)} backends, {'equal texts' if same else 'DIFFERENT texts'}")
    sys.exit(1 if failed else 0)


class Unavailable(Exception):  # noqa: N818 - a finding, not a failure
    """This machine lacks what a backend needs."""


def _speak(folder: Path) -> None:
    from acento.data.demo import write_demo

    write_demo(folder)


@contextmanager
def _prefect(folder: Path) -> Iterator[Any]:
    """Start a Prefect server that containers reach, too."""
    from servers import serving

    (folder / "prefect").mkdir()
    with serving(folder / "prefect", host="0.0.0.0") as (server, _):
        yield server


def _benchmark(folder: Path, server: Any, place: Place, clips: int | None) -> tuple[str, str, bool]:
    """Stage, benchmark and read what came of it: a line, the digest, and whether others did the work if they should."""
    environment = {
        **server.environment,
        "ACENTO_START_SHARE": "1000000",  # two workers, however short the work
        **place.environment,
        "ACENTO_STORE": place.store,
        "ACENTO_CACHE": str(folder / "cache"),
    }
    _run(["stage", str(folder / "speech"), "--name", "demo", "--language", "es"], environment)
    command = ["benchmark", "-m", MODEL, "-d", "demo", "--threads", "1", "--dtype", "float32", "--num-requests", "2"]
    command += ["--compute", place.compute] + (["--limit", str(clips)] if clips else [])
    began = time.perf_counter()
    pid = _run(command, environment)
    seconds = time.perf_counter() - began
    digest, workers = _read(environment)
    there = place.compute == "inline" or pid not in {number for _, number in workers}
    who = ", ".join(f"{host} {number}" for host, number in sorted(workers)) + ("" if there else ": THE COMMAND ITSELF")
    return f"{digest[:16]:<18}{seconds:>8.1f}  {who}", digest, there


def _run(command: list[str], environment: dict[str, str]) -> int:
    """Run `acento`, and return the id that its process had."""
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "acento"), *command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said, _ = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"acento {' '.join(command)} failed:\n{said}")
    return process.pid


def _read(environment: dict[str, str]) -> tuple[str, set[tuple[str, int]]]:
    """Return the digest of all texts and who decoded, read by a process that has this backend's environment."""
    code = """
import json
from acento.inference.jobs import Measurement
from acento.registry.runs.records import find_run
from acento.core.settings import settings
from acento.core.store import open_store
store = open_store(settings().store)
(result,) = json.loads(store.read_bytes(find_run(store, "latest").key, "run.json"))["results"]
notes = [store.read_file(file.key) for file in store.walk("measurements")]
who = {(note.host, note.pid) for note in map(Measurement.model_validate_json, notes)}
print(json.dumps([result["texts_sha256"], sorted(who)]))
"""
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"What was benchmarked cannot be read:\n{done.stderr}")
    digest, workers = json.loads(done.stdout)
    return digest, {(host, number) for host, number in workers}


@contextmanager
def _inline(folder: Path, _: Any) -> Iterator[Place]:
    yield Place(str(folder), "inline", {})


@contextmanager
def _process_pool(folder: Path, server: Any) -> Iterator[Place]:
    with _pool(server, "processes", "process"):
        yield Place(str(folder), "work-pool", {"ACENTO_WORK_POOL": "processes"})


@contextmanager
def _docker_pool(folder: Path, server: Any) -> Iterator[Place]:
    import pytest

    from tests.real.engine import engine, project_image

    try:
        with engine() as docker:
            variables = {
                "image": project_image(docker),
                "image_pull_policy": "Never",
                "volumes": [f"{folder}:/store"],
                "user": f"{os.getuid()}:{os.getgid()}",
                "network_mode": "bridge",
            }
            environment = {"ACENTO_WORK_POOL": "containers", "ACENTO_JOB_VARIABLES": json.dumps(variables)}
            template = ("--base-job-template", str(ROOT / "infra/docker/pool.json"))
            with _pool(server, "containers", "docker", *template, **docker.environment):
                yield Place(str(folder), "work-pool", environment)
    except pytest.skip.Exception as reason:
        raise Unavailable(str(reason)) from None


@contextmanager
def _modal_pool(_: Path, server: Any) -> Iterator[Place]:
    from modal_service import modal_service

    with modal_service() as modal:
        modal.secrets["modal-token"] = modal.environment  # a sandbox reaches a volume by Modal's API, with a token
        variables = {"image": "registry.example/acento:1", "secrets": ["modal-token"], "check_api_url": False}
        environment = {"ACENTO_WORK_POOL": "sandboxes", "ACENTO_JOB_VARIABLES": json.dumps(variables)}
        with _pool(server, "sandboxes", "modal", **modal.environment):
            yield Place("modal://benchmarks/all", "work-pool", environment | modal.environment)


@contextmanager
def _modal(folder: Path, _: Any) -> Iterator[Place]:
    from modal_service import modal_service

    with modal_service() as modal:
        variables = {"ACENTO_JOB_VARIABLES": json.dumps({"image": "registry.example/acento:1"})}
        yield Place(str(folder), "modal", variables | modal.environment)


@contextmanager
def _spark(folder: Path, _: Any) -> Iterator[Place]:
    if importlib.util.find_spec("pyspark") is None:
        raise Unavailable("pip install 'acento[spark]'")
    yield Place(str(folder), "spark", {"ACENTO_SPARK_MASTER": "local-cluster[2,1,2048]"})


@contextmanager
def _ray(folder: Path, _: Any) -> Iterator[Place]:
    if importlib.util.find_spec("ray") is None:
        raise Unavailable("pip install 'acento[ray]'")
    yield Place(str(folder), "ray", {"ACENTO_RAY_ADDRESS": "local[2]"})


@contextmanager
def _s3(_: Path, __: Any) -> Iterator[Place]:
    from s3 import s3_serving

    with s3_serving() as server:
        yield Place(f"s3://{server.bucket()}/acento", "inline", server.environment)


@contextmanager
def _pool(server: Any, name: str, kind: str, *options: str, **environment: str) -> Iterator[None]:
    """Make a work pool and run two workers of it, each with one run at a time."""
    from servers import running

    variables = {**server.environment, **environment, "PREFECT_WORKER_QUERY_SECONDS": "1"}
    made = server.run("prefect", "work-pool", "create", name, "--type", kind, *options, **environment)
    if made.returncode != 0:
        raise SystemExit(made.stdout + made.stderr)
    with ExitStack() as stack:
        for number in (1, 2):
            command = ("prefect", "worker", "start", "--pool", name, "--name", f"{name}-{number}", "--limit", "1")
            started = stack.enter_context(running(*command, env=variables))
            started.ready(lambda started=started: "started!" in started.output(), 120)
        yield


PLACES: dict[str, Callable[[Path, Any], AbstractContextManager[Place]]] = {
    "inline": _inline,
    "work-pool process": _process_pool,
    "work-pool docker": _docker_pool,
    "work-pool modal": _modal_pool,
    "modal": _modal,
    "spark": _spark,
    "ray": _ray,
    "inline, store on S3": _s3,
}


if __name__ == "__main__":
    main()
