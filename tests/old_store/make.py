"""Make ``world.tar.xz``, a store of the version before issue 12, and ``expected.json``, what that version says of it.

Made once, at the commit that ``expected.json`` names, with ``python tests/old_store/make.py``. The tests need the
archive and ``expected.json`` alone: this script documents them, and need not run with later code.

The archive is a working folder: two tiny Whispers (``models/one``, ``models/two``), an exported data set
(``guard.tar``), two search spaces (``space.yaml``, ``range.yaml``), and the store (``store/``) with

- the data sets ``santiago`` (version 1 has a rejected recording, version 2 adds clips and corrects a text, version 3
  drops a clip and corrects a text after a review), ``guard`` (also examined by the doctor), ``hurried`` (failed its
  validation) and ``weekly`` (two versions, and so two parts to transcribe);
- the model ``tiny``: one version that the gate promoted, with an export; a second one that is ``staging``, was made
  ``production`` by force and rolled back;
- runs: those of the gate; ``monday``, two models on two data sets; ``converted``, a model on CTranslate2; and
  ``tuesday``, killed after the first of its four parts;
- trainings: ``half`` was killed after its second checkpoint;
- searches: ``found`` has ended, ``sought`` was killed in its third trial;
- a learning curve, a cross-validation, and a board with the jobs of a killed parent.

Every path in it is relative to the working folder. Processes were killed with ``SIGKILL``, at a call that this script
counts. Two things differ from a user's process: the host's name is made up, and a training's lease expires after one
second instead of half an hour, so that the store can be used at once.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), str(HERE.parent / "kit")]

from recordings import put  # noqa: E402
from servers import PrefectServer, serving  # noqa: E402
from tiny_whisper import make_whisper  # noqa: E402

STRANGER = """
import os, signal, socket, sys
socket.gethostname = lambda: "old-host"
import acento.training.lease as lease
lease.HOLD_S = 1.0
def die():
    os.kill(os.getpid(), signal.SIGKILL)
"""
MAIN = """
sys.argv[0] = "acento"
from flows.cli import main
main()
"""
AFTER_A_PART = """
from acento.jobs import Runner
real = Runner._transcribe
Runner._transcribe = lambda *given: (real(*given), die())
"""
AFTER_TWO_CHECKPOINTS = """
from acento.training.checkpoints import Checkpoints
real = Checkpoints.save
def save(self, state, *given):
    real(self, state, *given)
    if state.step >= 4:
        die()
Checkpoints.save = save
"""
IN_THE_THIRD_TRIAL = """
from acento.training.checkpoints import Checkpoints
from acento.training.search.desk import Desk
finished = []
finish, real = Desk.finish, Checkpoints.save
def counted(self, *given):
    finished.append(given)
    return finish(self, *given)
def save(self, state, *given):
    real(self, state, *given)
    if len(finished) == 2 and state.step:
        die()
Desk.finish, Checkpoints.save = counted, save
"""
SHARED_JOBS = """
from acento.benchmark import jobs, plan_transcription
from acento.data.dataset import load_card
from acento.models.base import DecodeOptions
from acento.models.checkpoint import resolve
from acento.store import open_store
from infra.compute.board import Board
store = open_store("store")
card, model = load_card(store, "guard"), resolve("models/one")
what = plan_transcription(store, card, model, split="test", options=DecodeOptions())
Board.post(store, jobs(store, what))
die()
"""

CPU = ("--device", "cpu", "--threads", "1")
SHORT = ("--set", "batch_size=4", "--set", "eval_every=2", "--set", "checkpoint_every=2")
TRAIN = ("-d", "santiago", "-b", "models/one", *CPU)
COMMANDS: dict[str, tuple[str, ...]] = {
    "monday": (
        *("benchmark", "-m", "models/one", "-m", "models/two", "-d", "santiago", "-d", "guard", *CPU),
        *("--num-requests", "1", "--normalizer", "basic"),
    ),
    "converted": ("benchmark", "-m", "models/one:ctranslate2-float32", "-d", "guard", *CPU, "--normalizer", "none"),
    "tuesday": (
        *("benchmark", "-m", "models/one", "-m", "models/two", "-d", "weekly", *CPU, "--num-requests", "1"),
        *("--normalizer", "basic"),
    ),
    "second": ("finetune", *TRAIN, *SHORT, "--name", "tiny", "--seed", "7", "--set", "max_steps=6"),
    "curve": ("learning-curve", *TRAIN, "--shares", "50,100", "--set", "max_steps=2"),
    "folds": (
        *("cross-validate", *TRAIN, "--folds", "2", "--by", "prompt", "--split", "train", "--set", "max_steps=2"),
    ),
    "half": ("finetune", *TRAIN, *SHORT, "--name", "half", "--seed", "8", "--set", "max_steps=8"),
    "found": (
        *("search", *TRAIN, *SHORT, "--name", "found", "--space", "space.yaml", "--sampler", "grid"),
        *("--pruner", "none", "--set", "max_steps=2"),
    ),
    "sought": (
        *("search", *TRAIN, *SHORT, "--name", "sought", "--space", "range.yaml", "--sampler", "random"),
        *("--pruner", "none", "--set", "max_steps=4", "--trials", "4"),
    ),
}
"""The commands that the tests give again, by what they made; a run's ``--job-id`` is added."""


class World:
    """A working folder, and a Prefect server beside it."""

    def __init__(self, folder: Path, server: PrefectServer) -> None:
        """Take both."""
        self.folder, self.server = folder, server

    def acento(self, *arguments: str, code: int = 0, before: str = "", main: str = MAIN) -> str:
        """Run the command in the folder, on a machine of another name; return what it printed."""
        print("acento", *arguments, flush=True)  # noqa: T201
        done = subprocess.run(
            [sys.executable, "-c", STRANGER + before + main, *arguments],
            env={
                **self.server.environment,
                "ACENTO_STORE": "store",
                "COLUMNS": "400",
                "LOGNAME": "ana",
                "PYTHONPATH": str(ROOT),
            },
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != code:
            sys.exit(f"{arguments} ended with {done.returncode}, not {code}:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def recordings(self, folder: str, first: int, splits: dict[str, int], times: int = 1) -> None:
        """Write recordings and add them to the lists of a folder; texts are of letters that the models write."""
        number = first
        for split, clips in splits.items():
            path = self.folder / folder / f"{split}_files.csv"
            path.parent.mkdir(exist_ok=True)
            new = not path.exists()
            with path.open("a", encoding="utf-8", newline="") as file:
                rows = csv.writer(file)
                if new:
                    rows.writerow(["uid", "file_name", "text", "speaker", "accent", "language"])
                for _ in range(clips):
                    name = f"c{number:02d}"
                    put(path.parent, name, number, seconds=0.4 + 0.05 * (number % 8))
                    accent = "chilean" if number % 3 else "neutral"
                    text = " ".join(
                        times * ["bad", "cab", "".join("abcdefghij"[int(digit)] for digit in f"{number:02d}")]
                    )
                    rows.writerow([name, f"{name}.wav", text, f"{split}{number % 3}", accent, "es"])
                    number += 1


def make(world: World) -> None:
    """Do everything that is to be in the store."""
    folder = world.folder
    for name, seed in (("one", 4), ("two", 5)):
        make_whisper(folder / "models" / name, seed=seed, window_s=1, width=16, letters="abcdefghij ")
    (folder / "space.yaml").write_text("learning_rate: [0.003, 0.01]\nstrategy: [encoder, full]\n")
    (folder / "range.yaml").write_text("learning_rate: {low: 1e-4, high: 1e-2, log: true}\nstrategy: [encoder, full]\n")

    world.recordings("clips", 0, {"train": 8, "dev": 4, "test": 8})
    lists = folder / "clips" / "test_files.csv"
    lists.write_text(lists.read_text() + "mute,mute.wav,,test0,chilean,es\n")
    put(folder / "clips", "mute", 40, text=None)
    world.acento("stage", "clips", "--name", "santiago", "--language", "es")
    world.recordings("clips", 20, {"train": 2, "test": 3})
    lists.write_text(lists.read_text().replace("bad cab bj", "bad cab jb"))
    world.acento("stage", "clips", "--name", "santiago")
    (folder / "review.csv").write_text("id,suggested_action,new_text\nc01,drop,\nc02,mend,bad cab fig\n")
    world.acento("datasets", "mend", "santiago", "--from", "review.csv")
    world.recordings("guard-clips", 50, {"test": 6})
    world.acento("stage", "guard-clips", "--name", "guard")
    world.acento("datasets", "export", "guard", "guard.tar")
    world.recordings("hurried-clips", 60, {"train": 2, "dev": 2, "test": 2}, times=30)
    world.acento("stage", "hurried-clips", "--name", "hurried")
    for first in (70, 74):
        world.recordings("weekly-clips", first, {"test": 4})
        world.acento("stage", "weekly-clips", "--name", "weekly")
    world.acento("validate", "santiago")
    world.acento("validate", "guard", "--doctor", "models/one")
    world.acento("validate", "hurried", code=1)

    learned = ("--learning-rate", "0.01", "--strategy", "full", "--epochs", "1000", "--set", "max_steps=80")
    gate = ("--guard", "guard", "--num-requests", "1")
    world.acento("specialize", *TRAIN, *learned, "--set", "eval_every=20", "--name", "tiny", *gate)
    for run in ("monday", "converted"):
        world.acento(*COMMANDS[run], "--job-id", run)
    first = json.loads(world.acento(main=VERSIONS))[0]
    world.acento(*COMMANDS["second"])
    second = next(one for one in json.loads(world.acento(main=VERSIONS)) if one != first)
    world.acento("models", "promote", f"tiny@{second}", "--alias", "staging", "--why", "to be listened to")
    world.acento("models", "promote", f"tiny@{second}", "--force", "--why", "it has to be today")
    world.acento("models", "rollback", "tiny", "--why", "it was worse")
    world.acento(
        "models", "export", "tiny@production", "--format", "ctranslate2", "--quantization", "float32", "--bound", "100"
    )
    world.acento(*COMMANDS["found"])
    world.acento(*COMMANDS["curve"])
    world.acento(*COMMANDS["folds"])

    world.acento(*COMMANDS["tuesday"], "--job-id", "tuesday", code=-9, before=AFTER_A_PART)
    world.acento(*COMMANDS["half"], code=-9, before=AFTER_TWO_CHECKPOINTS)
    world.acento(*COMMANDS["sought"], code=-9, before=IN_THE_THIRD_TRIAL)
    world.acento(code=-9, main=SHARED_JOBS)
    for name in ("clips", "guard-clips", "hurried-clips", "weekly-clips"):
        shutil.rmtree(folder / name)
    (folder / "review.csv").unlink()


VERSIONS = """
import json
from acento.registry.versions import versions
from acento.store import open_store
print(json.dumps([one.version for one in versions(open_store("store"), "tiny")]))
"""


def expect(world: World) -> dict[str, Any]:
    """Return what this code says of the store, and what it makes of what was half done."""
    store = world.folder / "store"
    versions = json.loads(world.acento(main=VERSIONS))
    code = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    said: dict[str, Any] = {
        "commit": code.stdout.strip(),
        "commands": COMMANDS,
        "tiny": versions,
        "leaderboard": world.acento("leaderboard", "--markdown"),
        "models": world.acento("models", "show", "tiny@production"),
        "runs": world.acento("runs"),
        "datasets": {
            name: world.acento("datasets", "show", name)
            for name in ("santiago@1", "santiago@2", "santiago@3", "guard", "hurried", "weekly")
        },
        "usage": world.acento("store", "du"),
        "garbage": world.acento("store", "gc"),
        "found": trials(store, "found"),
    }
    parts = len([*store.glob("jobs/*/attempt-1")])
    for name in ("tuesday", "half", "sought"):
        world.acento(*COMMANDS[name], *(("--job-id", "tuesday-2") if name == "tuesday" else ()))
    said["parts that lack"] = len([*store.glob("jobs/*/attempt-1")]) - parts
    said["sought"] = trials(store, "sought")
    said["results"] = {path.parent.name: results(path) for path in sorted(store.glob("runs/*/run.json"))}
    return said


def results(path: Path) -> list[dict[str, Any]]:
    """Return what a run found, without what the clock said."""
    found = json.loads(path.read_text(encoding="utf-8"))["results"]
    return [
        {"model": one["model"]["id"], "dataset": one["dataset"]["name"], "split": one["dataset"]["split"]}
        | {"clips": one["dataset"]["clips"], "normalizer": one["normalizer"], "texts_sha256": one["texts_sha256"]}
        for one in found
    ]


def trials(store: Path, search: str) -> list[list[str]]:
    """Return the table of a search's trials."""
    with (store / "searches" / search / "trials.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def pack(folder: Path, archive: Path) -> None:
    """Write a folder into an archive in which nobody owns anything."""

    def nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        return entry

    with tarfile.open(archive, "w:xz", preset=9) as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name, filter=nobodys)


if __name__ == "__main__":
    home = Path(tempfile.mkdtemp(prefix="old-store-"))
    with serving(home / "prefect") as (server, _):
        world = World(home / "unlikely-place", server)
        world.folder.mkdir()
        make(world)
        pack(world.folder, home / "world.tar.xz")
        copy = Path(shutil.copytree(world.folder, home / "continued"))
        then = time.time() - 30 * 86_400  # as in the tests: what was left half done is no work in progress any more
        for path in copy.rglob("*"):
            os.utime(path, (then, then))
        said = expect(World(copy, server))
    (home / "expected.json").write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(home)  # noqa: T201
