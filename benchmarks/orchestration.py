"""What orchestration costs: a worker's start, the time beside the work, a cached rerun, and what two workers bring.

    python benchmarks/orchestration.py                     # every local backend, about ten minutes of work each time
    python benchmarks/orchestration.py --backend inline work-pool --minutes 1 --workers 1 2

The model is a Whisper with random weights, as wide and deep as whisper-tiny, and the data are noise: the work is real,
what is decoded is of no interest. There is as much of it as takes ``--minutes`` on one CPU thread. Each measurement
begins with a copy of the same store, in which no result is. Numbers are printed, and asserted nowhere. A Prefect server
and workers are started for the purpose; Spark (``local[2]``) and Ray (``local[2]``) are started anew for each
measurement.

- **start**: seconds for one clip, less its decoding: what a worker costs before and after its work.
- **beside**: wall time less the decoding (of several workers: their sum by their number), and its share of the wall
  time. Acento starts no more workers than starts may cost (ACENTO_START_SHARE), and says how many did the work.
- **cached rerun**: ``acento benchmark`` with everything in the store, beside a running server.
- **two workers**: a quarter of that work by one worker that takes one run at a time, and by two of them.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/kit"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "infra/prefect-modal-worker/tests/kit"))

import soundfile
from prefect.settings import PREFECT_API_URL, temporary_settings
from recordings import noise
from servers import BIN, PrefectServer, running, serving
from tiny_whisper import make_whisper

from acento.core.settings import settings
from acento.core.store import LocalStore
from acento.data.dataset import load_card
from acento.data.staging import stage
from acento.inference.benchmark import Transcription, clock, jobs, plan_transcription, predictions
from acento.inference.predictions import digest
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.models.devices import device_name
from infra.compute import open_compute

POOL = "measured"
CLIP_S = 10.0


@dataclass(frozen=True)
class Measured:
    """One run of all parts: seconds, and how many workers did it."""

    wall_s: float
    work_s: float
    workers: int
    processes: int
    digest: str

    @property
    def beside_s(self) -> float:
        """Wall time that was not spent on decoding."""
        return self.wall_s - self.work_s / self.workers


def main() -> None:
    """Read the options, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", nargs="+", default=["inline", "work-pool", "spark", "ray"])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2, 8])
    parser.add_argument("--minutes", type=float, default=10.0, help="of work for one thread")
    parser.add_argument("--layers", type=int, default=4, help="of encoder and decoder: more are slower")
    parser.add_argument("--width", type=int, default=384, help="of encoder and decoder")
    options = parser.parse_args()
    os.environ.setdefault("ACENTO_SPARK_MASTER", "local[2]")
    os.environ.setdefault("ACENTO_RAY_ADDRESS", "local[2]")
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="acento-orchestration-")))
        model = make_whisper(
            root / "model", window_s=int(CLIP_S), layers=(options.layers, options.layers), width=options.width
        )
        one = prepare(root / "one", model, CLIP_S)
        few = prepare(root / "few", model, 6 * CLIP_S)
        rtfx = 6 * CLIP_S / measure("inline", *few, 1).work_s
        much = prepare(root / "much", model, max(4 * 300.0, 60 * options.minutes * rtfx))
        print(f"{device_name('cpu')}, {os.cpu_count()} cores; {rtfx:.1f} times real time on one thread")
        print(
            f"{much[1].seconds:.0f} s of audio in {len(jobs(*much))} parts, "
            f"about {much[1].seconds / rtfx:.0f} s of work"
        )
        if "work-pool" in options.backend:
            server = stack.enter_context(pool(root / "prefect"))
            stack.enter_context(workers(server, 1))
        for backend in options.backend:
            first, second = (measure(backend, *one, 1) for _ in range(2))
            print(f"{backend}: start {first.beside_s:.1f} s, then {second.beside_s:.1f} s")
            for asked in options.workers:
                found = measure(backend, *much, asked)
                print(
                    f"{backend}, at most {asked}: wall {found.wall_s:.1f} s, decoding {found.work_s:.1f} s by "
                    f"{found.workers} workers in {found.processes} processes, "
                    f"beside {found.beside_s:.1f} s = {found.beside_s / found.wall_s:.1%}; digest {found.digest[:12]}"
                )
        if "work-pool" in options.backend:
            cached_rerun(server, much[0], model)
            some = prepare(root / "some", model, max(4 * 300.0, 60 * options.minutes * rtfx / 4))
            two_workers(root / "two", *some)


def prepare(folder: Path, model: Path, seconds: float) -> tuple[LocalStore, Transcription]:
    """Stage noise of that length, and plan its transcription on one thread."""
    clips = folder / "clips"
    clips.mkdir(parents=True)
    rows = ["uid,file_name,text,speaker,accent,language"]
    for number in range(max(1, round(seconds / CLIP_S))):
        soundfile.write(clips / f"c{number:05d}.wav", noise(number, CLIP_S - 0.1), 8000)
        rows.append(f"c{number:05d},c{number:05d}.wav,uno dos,s1,none,es")
    (clips / "test_files.csv").write_text("\n".join(rows) + "\n")
    store = LocalStore(folder / "store")
    card = stage(store, str(clips), "noise").card
    options = DecodeOptions(threads=1)
    return store, plan_transcription(
        store, load_card(store, card.name), resolve(str(model)), split="test", options=options
    )


def measure(backend: str, prepared: LocalStore, what: Transcription, workers: int) -> Measured:
    """Do all parts in a copy of a store."""
    with tempfile.TemporaryDirectory(prefix="acento-orchestration-") as folder:
        store = LocalStore(Path(shutil.copytree(prepared.root, Path(folder) / "store")))
        work = jobs(store, what)
        began = time.monotonic()
        with closing(open_compute(backend, store)) as compute:
            outcomes = list(compute.run(work, workers=workers))
            wall = time.monotonic() - began
        failed = [outcome.error for outcome in outcomes if outcome.error]
        if failed:
            raise failed[0]
        measured = clock(store, what)
        used = measured[0].placements if backend == "inline" else len({one.placement for one in measured})
        decoding = sum(one.timings.wall_s for one in measured)
        processes = len({(one.host, one.pid) for one in measured})
        return Measured(wall, decoding, used, processes, digest(predictions(store, what)))


@contextmanager
def pool(home: Path) -> Iterator[PrefectServer]:
    """Run a Prefect server with a process pool, and point this process at both."""
    home.mkdir(parents=True)
    os.environ["ACENTO_WORK_POOL"] = POOL
    settings.cache_clear()
    with serving(home) as (server, _), temporary_settings({PREFECT_API_URL: server.url}):
        server.run("prefect", "work-pool", "create", POOL, "--type", "process")
        yield server


@contextmanager
def workers(server: PrefectServer, count: int, limit: int | None = None) -> Iterator[None]:
    """Run some workers that look for work each second, each with at most ``limit`` runs at a time."""
    with ExitStack() as stack:
        for number in range(count):
            command = ["prefect", "worker", "start", "--pool", POOL, "--name", f"worker-{number}-{limit}"]
            command += ["--limit", str(limit)] if limit else []
            environment = {**server.environment, "PREFECT_WORKER_QUERY_SECONDS": "1"}
            started = stack.enter_context(running(*command, env=environment))
            started.ready(lambda started=started: "started!" in started.output(), 120)  # type: ignore[misc]
        yield


def cached_rerun(server: PrefectServer, store: LocalStore, model: Path) -> None:
    """Benchmark on the command line twice."""
    command = [str(BIN / "acento"), "benchmark", "-m", str(model), "-d", "noise", "--normalizer", "none"]
    command += ["--limit", "20"]
    environment = {**server.environment, "ACENTO_STORE": str(store.root)}
    for what in ("first run", "cached rerun"):
        began = time.monotonic()
        subprocess.run(command, env=environment, check=True, capture_output=True)
        print(f"acento benchmark, {what}: {time.monotonic() - began:.1f} s")


def two_workers(home: Path, store: LocalStore, what: Transcription) -> None:
    """Compare one worker with two, each of which takes one run at a time."""
    os.environ["ACENTO_START_SHARE"] = "1000000"
    walls = []
    for count in (1, 2):
        with pool(home / str(count)) as server, workers(server, count, 1):
            walls.append(measure("work-pool", store, what, 2).wall_s)
    print(f"one worker {walls[0]:.1f} s, two workers {walls[1]:.1f} s: {walls[0] / walls[1]:.2f} times as fast")


if __name__ == "__main__":
    main()
