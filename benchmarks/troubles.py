"""Workers that are slow, die and wait: what a work pool's queue makes of them, each kind of trouble by itself.

    python benchmarks/troubles.py                       # all of it
    python benchmarks/troubles.py --only "a poison part"
    python benchmarks/troubles.py --stand-in            # all lines at a time, the server a stand-in

Parts take time and no processor: their recognizer sleeps, half a second for a second of audio, so that what is measured
is the queue and not how many cores this machine has left. Starts may cost a quarter of the work, as it lasts minutes
and not hours. The Prefect server, the workers of process pools, runs and their deaths are real. Several queues run at
the same time, each with a pool and workers of its own, so that all have what else the machine does to bear. Prints a
table; it ends with 1 if texts differ.

With ``--stand-in`` the Prefect server and its workers are a stand-in in the parent's process: it forks the runs, lets
each sleep for the seconds of a start, and keeps the limit. Parents, runs, records in the store and deaths are as real
as else. That needs next to no processor: it tells the queues apart on a machine that has other work to do.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/kit"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "infra/prefect-modal-worker/tests/kit"))

import httpx
import soundfile
from elsewhere import knows_the_fake
from fake_recognizer import FAKE, fake_model
from forked import fork
from prefect.states import Cancelled, Completed, Crashed, Running, Scheduled
from recordings import noise
from servers import PrefectServer, running, serving

from acento.core.store import LocalStore
from acento.data.dataset import load_card
from acento.data.staging import stage
from acento.inference import plan
from acento.inference.benchmark import Transcription, clock, jobs, plan_transcription
from acento.inference.predictions import collect, digest
from acento.inference.runner import Runner
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.models.families import FAMILIES
from infra.compute import InlineCompute
from infra.compute import pool as prefect_pool
from infra.compute.dispatch.worker import run_slice
from infra.compute.dispatch.worklist import WorkList
from infra.compute.work_pool import WorkPoolCompute

START_SHARE = "0.25"
START_S = 6.0
"""What the start of a run takes with a stand-in: as on a machine that has nothing else to do."""
PART_S, BATCH_S, CLIP_S = 10.0, 1.0, 1.0
"""Seconds of audio in a part, seconds that a batch of two clips takes, seconds of a clip."""
QUEUES: dict[str, type[WorkPoolCompute]] = {"new": WorkPoolCompute}
"""Another one beside it is measured at the same time, on the same parts."""


@dataclass(frozen=True)
class Trouble:
    """One line of the table."""

    work_s: float = 600
    """Seconds of work for one worker."""
    asked: int = 3
    limit: int = 3
    """Of the pool: how many runs at a time."""
    slow: bool = False
    """Whether one of those is on a worker that is four times slower."""
    kill: bool = False
    """Whether of the runs that begin the second, fifth and so on is killed after 20 s."""
    poison: bool = False
    """Whether one part kills its process."""
    away_s: float = 0.0
    """Seconds for which the server is away, after 60 s."""


TROUBLES = {
    "none": Trouble(),
    "one of three workers is four times slower": Trouble(slow=True),
    "a third of runs are killed": Trouble(kill=True),
    "pool limit of 2, 8 asked for": Trouble(960, asked=8, limit=2),
    "a poison part": Trouble(poison=True),
    "the server is away for 60 s": Trouble(away_s=60.0),
    "all of it": Trouble(600, 8, 3, slow=True, kill=True, poison=True, away_s=60.0),
}


def main() -> None:
    """Read the options, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[*TROUBLES], default=[*TROUBLES])
    parser.add_argument("--queue", nargs="+", choices=[*QUEUES], default=[*QUEUES])
    parser.add_argument("--stand-in", action="store_true", help="for the Prefect server and its workers")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        trouble = TROUBLES[options.only[0]]
        with StandIn(trouble, options.one) if options.stand_in else nullcontext():
            print(json.dumps(measure(trouble, options.queue[0], options.one, kill=not options.stand_in)))
        return
    header = ["trouble", "work, s", "asked", *(f"{queue}, s" for queue in options.queue), "new / old", "texts"]
    print("| " + " | ".join(header) + " |\n" + "|---" * len(header) + "|", flush=True)
    same = True
    if options.stand_in:
        sys.exit(0 if stand_in(options.only, options.queue) else 1)
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="acento-troubles-")))
        home = root / "prefect"
        home.mkdir()
        stopped = ExitStack()
        stack.push(stopped)
        server, _ = stopped.enter_context(serving(home))
        kinds = {TROUBLES[name].slow for name in options.only}
        for queue in options.queue:
            (root / queue).mkdir()
            for pool, slow in (pair for pair in ((queue, False), (f"{queue}-slow", True)) if pair[1] in kinds):
                server.run("prefect", "work-pool", "create", pool, "--type", "process")
                stack.enter_context(worker(server, pool, root / queue, limit=2 if slow else 8))
                if slow:
                    stack.enter_context(worker(server, pool, root / queue, limit=1, slower=4.0))
        for name in options.only:
            trouble = TROUBLES[name]
            for queue in options.queue:
                pool = f"{queue}-slow" if trouble.slow else queue
                server.run("prefect", "work-pool", "set-concurrency-limit", pool, str(trouble.limit))
            found = both(name, options.queue, root, server, stopped)
            same = line(name, found) and same
    sys.exit(0 if same else 1)


def line(name: str, found: list[dict[str, Any]]) -> bool:
    """Print a line of the table; tell whether all texts are those of one process."""
    equal = all(one["digest"] == one["expected"] for one in found)
    ratio = f"{found[-1]['wall_s'] / found[0]['wall_s']:.2f}" if len(found) == 2 else ""
    cells = [name, f"{TROUBLES[name].work_s:.0f}", str(TROUBLES[name].asked)]
    cells += [f"{one['wall_s']:.0f} ({one['runs']} runs, {one['twice']} parts twice)" for one in found]
    print("| " + " | ".join([*cells, ratio, "equal" if equal else "DIFFERENT"]) + " |", flush=True)
    return equal


def stand_in(names: list[str], queues: list[str]) -> bool:
    """Measure all lines at the same time with a stand-in for the server."""
    with tempfile.TemporaryDirectory(prefix="acento-troubles-") as root:
        started = {}
        for number, (name, queue) in enumerate((name, queue) for name in names for queue in queues):
            folder = Path(root, str(number))
            folder.mkdir()
            command = [sys.executable, __file__, "--stand-in", "--one", str(folder), "--only", name, "--queue", queue]
            started[name, queue] = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        found = {which: json.loads(process.communicate()[0].splitlines()[-1]) for which, process in started.items()}
        same = [line(name, [found[name, queue] for queue in queues]) for name in names]
        return all(same)


class StandIn:
    """The Prefect server and workers of a pool, as far as the queues ask for them; each run is a child, forked."""

    def __init__(self, trouble: Trouble, began: Path) -> None:
        """Take what trouble there is to be, and where runs leave a file when they begin."""
        self._trouble, self._folder = trouble, began
        slots = trouble.limit
        self._slots: list[tuple[float, UUID | None]] = [(1.0, None)] * slots
        if trouble.slow:
            self._slots[1] = (4.0, None)
        self._waiting: dict[UUID, dict[str, Any]] = {}
        self._children: dict[UUID, int] = {}
        self._ended: dict[UUID, Any] = {}
        self._due: list[tuple[float, int]] = []
        self._since = time.monotonic()

    def __enter__(self) -> None:
        """Put it in the place of the functions that ask the server."""
        os.environ |= {"ACENTO_WORK_POOL": "stand-in"}
        for name in ("find_pool", "deployed", "submit", "states", "call_off", "give_up"):
            setattr(prefect_pool, name, getattr(self, name))
        prefect_pool.api_url = lambda: "http://127.0.0.1:4200/api"

    def __exit__(self, *_: object) -> None:
        """Kill what is left."""
        for run, child in self._children.items():
            if run not in self._ended:
                os.kill(child, signal.SIGKILL)

    def find_pool(self, name: str, *, at_work: bool = True) -> prefect_pool.Pool:  # noqa: ARG002
        return prefect_pool.Pool(name, "process", (), {})

    def deployed(self, pool: prefect_pool.Pool) -> prefect_pool.Pool:
        self._since = time.monotonic()
        return pool

    def submit(self, _pool: object, _name: str, parameters: dict[str, Any], *_: object) -> UUID:
        self._serve()
        run = uuid4()
        self._waiting[run] = parameters
        return run

    def states(self, runs: Iterable[UUID]) -> dict[UUID, Any]:
        self._serve()
        return {run: self._state(run) for run in runs}

    def call_off(self, runs: Iterable[tuple[UUID, object]]) -> None:
        for run, _ in runs:
            if self._waiting.pop(run, None) is not None:
                self._ended[run] = Cancelled()
            elif run not in self._ended:
                os.kill(self._children[run], signal.SIGTERM)

    def give_up(self, run: UUID, why: str) -> None:
        self._ended[run] = Crashed(message=why)

    def _state(self, run: UUID) -> Any:
        if run in self._ended:
            return self._ended[run]
        return Scheduled() if run in self._waiting else Running()

    def _serve(self) -> None:
        """Let free workers take what waits, see who has ended, kill whose time has come."""
        now = time.monotonic()
        if self._trouble.away_s and 60 <= now - self._since < 60 + self._trouble.away_s:
            raise httpx.ConnectError("the server is away")
        for when, child in list(self._due):
            if now >= when:
                self._due.remove((when, child))
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        for run, child in self._children.items():
            if run not in self._ended:
                with suppress(ChildProcessError):
                    number, status = os.waitpid(child, os.WNOHANG)
                    if number:
                        code = os.waitstatus_to_exitcode(status)
                        self._ended[run] = Completed() if code == 0 else Crashed(message=f"status code {code}")
        for number, (slower, taken) in enumerate(self._slots):
            if (taken is None or taken in self._ended) and self._waiting:
                run = next(iter(self._waiting))
                parameters = self._waiting.pop(run)
                self._children[run] = fork(partial(self._run, parameters, slower))
                self._slots[number] = (slower, run)
                if self._trouble.kill and len(self._children) % 3 == 2:
                    self._due.append((now + START_S + 20, self._children[run]))

    def _run(self, parameters: dict[str, Any], slower: float) -> None:
        """Do what a flow run does."""
        time.sleep(START_S)
        ending = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ending.set())
        os.environ |= {"FAKE_SLOWER": str(slower), "FAKE_BEGAN": str(self._folder)}
        store = LocalStore(Path(os.environ["TROUBLED_STORE"]))
        count = parameters["placements"]
        work = WorkList(store, parameters["work"])
        indices = parameters["jobs"]
        run_slice(work, Runner(store), parameters["run"], indices, backend="work-pool", count=count, ending=ending)


def both(name: str, queues: list[str], root: Path, server: PrefectServer, stopped: ExitStack) -> list[dict[str, Any]]:
    """Measure the queues side by side; if the server is to go away, it does when both have begun."""
    started, trouble = [], TROUBLES[name]
    for queue in queues:
        for path in (root / queue).iterdir():
            path.unlink()
        command = [sys.executable, __file__, "--one", str(root / queue), "--only", name, "--queue", queue]
        pool = f"{queue}-slow" if trouble.slow else queue
        environment = {**server.environment, "ACENTO_WORK_POOL": pool, "ACENTO_START_SHARE": START_SHARE}
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment))
    if trouble.away_s:
        while not all((root / queue / "begun").exists() for queue in queues):
            time.sleep(0.5)
        time.sleep(60)
        stopped.close()
        time.sleep(trouble.away_s)
        stopped.enter_context(serving(server.home, port=int(server.url.split(":")[2].partition("/")[0])))
    return [json.loads(process.communicate()[0].splitlines()[-1]) for process in started]


def measure(trouble: Trouble, queue: str, began: Path, *, kill: bool) -> dict[str, Any]:
    """Do all parts under one kind of trouble."""
    FAMILIES["fake"] = FAKE
    plan.PART_SECONDS = PART_S
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="acento-troubles-")))
        store, what = prepare(root, trouble)
        expected = texts_of_inline(root, store, trouble)
        os.environ["TROUBLED_STORE"] = str(store.root)
        ending = threading.Event()
        stack.callback(ending.set)
        (began / "begun").touch()
        if trouble.kill and kill:
            threading.Thread(target=kill_some, args=(began, ending), daemon=True).start()
        started = time.monotonic()
        with closing(QUEUES[queue](store)) as compute:
            outcomes = list(compute.run(jobs(store, what), workers=trouble.asked))
            wall = time.monotonic() - started
        failed = [outcome for outcome in outcomes if outcome.error]
        assert len(failed) == trouble.poison, [str(outcome.error) for outcome in failed]
        poison = {outcome.job.key for outcome in failed}
        notes = [one for one in clock(store, what) if one.job not in poison]
        return {
            "wall_s": wall,
            "runs": len(list(began.glob("[0-9]*"))),
            "twice": len(list((store.root / "measurements").glob("*/*.json"))) - len(notes),
            "digest": digest_of(store, what, poison),
            "expected": expected,
        }


def prepare(root: Path, trouble: Trouble) -> tuple[LocalStore, Transcription]:
    """Stage noise that takes so long, and plan its transcription."""
    clips = root / "clips"
    clips.mkdir()
    rows = ["uid,file_name,text,speaker,accent,language"]
    for number in range(round(trouble.work_s / BATCH_S * 2)):
        seconds = CLIP_S / 2 if trouble.poison and number == 100 else CLIP_S
        soundfile.write(clips / f"c{number:05d}.wav", noise(number, seconds), 8000)
        rows.append(f"c{number:05d},c{number:05d}.wav,uno dos,s1,none,es")
    (clips / "test_files.csv").write_text("\n".join(rows) + "\n")
    store = LocalStore(root / "store")
    card = stage(store, str(clips), "noise", workers=0).card
    deadly = {"deadly": round(16000 * CLIP_S / 2)} if trouble.poison else {}
    model = resolve(str(fake_model(root / "model", infer_s=BATCH_S, **deadly)))
    card = load_card(store, card.name)
    return store, plan_transcription(store, card, model, split="test", options=DecodeOptions())


def texts_of_inline(root: Path, store: LocalStore, trouble: Trouble) -> str:
    """Return the digest of what a model that neither sleeps nor dies makes of the same parts, in one process."""
    alone = LocalStore(Path(shutil.copytree(store.root, root / "alone")))
    model = resolve(str(fake_model(root / "quick", infer_s=0.0)))
    card = load_card(alone, "noise")
    quick = plan_transcription(alone, card, model, split="test", options=DecodeOptions())
    with closing(InlineCompute(alone)) as compute:
        list(compute.run(jobs(alone, quick), workers=1))
    poison = {job.key for job in jobs(alone, quick) if trouble.poison and job.seconds % 1}
    return digest_of(alone, quick, poison)


def digest_of(store: LocalStore, what: Transcription, without: set[str]) -> str:
    """Return the digest of all texts, but for those of some jobs."""
    done = [job for job in jobs(store, what) if job.key not in without]
    parts = [(job.key, [clip.id for clip in plan.load_part(store, job.plan, job.part).clips]) for job in done]
    return digest(collect(store, parts))


@contextmanager
def worker(server: PrefectServer, pool: str, began: Path, *, limit: int, slower: float = 1.0) -> Iterator[None]:
    """Run a worker of a pool that takes so many runs at a time, so many times slower than others."""
    command = ["prefect", "worker", "start", "--pool", pool, "--name", f"{pool}-{slower:.0f}", "--limit", str(limit)]
    environment = {
        **server.environment,
        **knows_the_fake(server.home),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "FAKE_SLOWER": str(slower),
        "FAKE_BEGAN": str(began),
    }
    with running(*command, env=environment) as started:
        started.ready(lambda: "started!" in started.output(), 240)
        yield


def kill_some(began: Path, ending: threading.Event) -> None:
    """Kill the second, fifth, eighth … process that loads the model, 20 s after it did."""
    seen: list[Path] = []
    due: list[tuple[float, int]] = []
    while not ending.wait(0.5):
        for path in sorted(began.glob("[0-9]*"), key=lambda path: path.stat().st_mtime):
            if path not in seen:
                seen.append(path)
                if len(seen) % 3 == 2:
                    due.append((time.monotonic() + 20, int(path.name)))
        for when, pid in list(due):
            if time.monotonic() >= when:
                due.remove((when, pid))
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
