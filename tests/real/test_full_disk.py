"""A disk that is full under the store: one sentence, nothing half-written, and with room the same command goes on."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from commands import acento
from servers import PrefectServer
from staged import staged_splits
from tiny_whisper import make_whisper

from acento.core.store import LocalStore

pytestmark = pytest.mark.mount

SHORT = ("--set", "max_steps=3", "--set", "eval_every=1", "--set", "batch_size=2", "--set", "checkpoint_every=1")
COMMANDS: dict[str, Callable[[Path], tuple[str, ...]]] = {
    "stage": lambda made: ("stage", str(made / "clips"), "--name", "again"),
    "benchmark": lambda made: ("benchmark", "-d", "small", "-m", str(made / "base"), "--threads", "1"),
    "finetune": lambda made: ("finetune", "-d", "small", "-b", str(made / "base"), "--threads", "1", *SHORT),
}
RESULTS = ("parts/*/clips.parquet", "jobs/*/*/predictions.parquet", "models/*/*/model/model.safetensors")
"""What commands leave in the store that holds no times and no process ids."""


@contextmanager
def disk(folder: Path, megabytes: int = 24) -> Iterator[Path]:
    """Mount a small file system for the time of the block."""
    folder.mkdir()
    made = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "acento-tests", str(folder)]
    done = subprocess.run(made, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, but: int) -> Path:
    """Fill a disk but for so many bytes, with a file to be removed."""
    ballast = folder / "ballast"
    room = os.statvfs(folder)
    ballast.write_bytes(bytes(max(0, room.f_bavail * room.f_frsize - but)))
    return ballast


def results(store: Path) -> list[tuple[str, str]]:
    """Return the name and digest of each file that is a result."""
    found = [path for pattern in RESULTS for path in store.glob(pattern)]
    return sorted((path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in found)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a base model, recordings, and a store in which they are staged."""
    root = tmp_path_factory.mktemp("full-disk")
    make_whisper(root / "base", seed=4, window_s=2)
    staged_splits(LocalStore(root / "store"), root / "clips", train=4, dev=2, test=4)
    return root


def begin(command: str, made: Path, folder: Path) -> None:
    """Give a folder the store that a command begins with."""
    if command != "stage":
        shutil.copytree(made / "store", folder / "store")


@pytest.mark.parametrize("command", COMMANDS)
def test_it_is_one_sentence_and_with_room_the_same_command_comes_to_the_same(
    prefect_server: PrefectServer, made: Path, tmp_path: Path, command: str
) -> None:
    asked = COMMANDS[command](made)
    begin(command, made, tmp_path)
    assert acento(prefect_server, tmp_path, *asked).returncode == 0
    with disk(tmp_path / "disk") as small:
        begin(command, made, small)
        refused = 0
        for room in (0, 20_000, 100_000):
            ballast = fill(small, room)
            done = acento(prefect_server, small, *asked)
            assert "Traceback" not in done.stderr
            if done.returncode != 0:
                refused += 1
                assert done.returncode == 1, done.stderr
                assert "No space left on device" in done.stderr
                assert len(done.stderr.strip().splitlines()) == 1, done.stderr
            ballast.unlink()
        assert refused, "it found room on a full disk"
        again = acento(prefect_server, small, *asked)
        assert again.returncode == 0, again.stderr
        assert results(small / "store") == results(tmp_path / "store") != []
