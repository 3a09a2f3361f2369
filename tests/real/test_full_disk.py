"""A disk that is full under the store: one sentence, nothing half-written, and with room the same command goes on."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from batches import digests
from commands import acento, is_one_sentence
from servers import PrefectServer
from staged import staged_splits
from tiny_whisper import make_whisper

from acento.core.store import LocalStore
from acento.data.demo import demo_clips, wav_bytes

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


def says_that_it_is_full(done: subprocess.CompletedProcess[str]) -> None:
    """See that a command ended with one sentence, on the disk."""
    is_one_sentence(done, "No space left on device")
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


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
            if done.returncode != 0:
                refused += 1
                says_that_it_is_full(done)
            ballast.unlink()
        assert refused, "it found room on a full disk"
        again = acento(prefect_server, small, *asked)
        assert again.returncode == 0, again.stderr
        assert results(small / "store") == results(tmp_path / "store") != []


def test_a_transcription_goes_on_from_wherever_the_disk_was_full(prefect_server: PrefectServer, tmp_path: Path) -> None:
    asked = ("transcribe", str(tmp_path / "talks"), "-m", "demo:whisper-mini", "--language", "es", "-f", "txt,srt,json")
    (tmp_path / "talks").mkdir()
    for number, clip in enumerate(demo_clips()[:2]):
        (tmp_path / "talks" / f"talk{number}.wav").write_bytes(wav_bytes(clip))
    assert acento(prefect_server, tmp_path, *asked).returncode == 0
    with disk(tmp_path / "disk") as small:
        imported = []
        for room in range(0, 1_000_000, 36_000):
            ballast = fill(small, room)
            done = acento(prefect_server, small, *asked)
            ballast.unlink()
            if done.returncode == 0:
                break
            says_that_it_is_full(done)
            imported.append(len([*small.glob("store/recordings/*/_complete.json")]))
        assert {0, 2} <= {*imported}, "it was full while recordings were imported, and after that"
        assert done.returncode == 0, done.stderr
        assert digests(small / "transcripts") == digests(tmp_path / "transcripts")
        assert len(digests(small / "transcripts")) == 6
