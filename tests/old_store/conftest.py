"""The store that the version before issue 12 wrote, unpacked for each test; ``make.py`` says what is in it."""

import json
import os
import shutil
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def expected() -> Any:
    """Return what the code that made the store said of it."""
    return json.loads((HERE / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the archive once, everything in it written some weeks ago."""
    folder = tmp_path_factory.mktemp("old-store")
    with tarfile.open(HERE / "world.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    then = time.time() - 30 * 86_400
    for path in folder.rglob("*"):
        os.utime(path, (then, then))
    return folder


@pytest.fixture
def world(unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy to work in: the working folder of this process, its store that of the settings."""
    from flows.commands import terminal

    folder = shutil.copytree(unpacked, tmp_path / "world")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ACENTO_STORE", str(folder / "store"))
    monkeypatch.setattr(terminal.out, "width", 400)  # however long the name of this folder is
    return folder


@pytest.fixture
def look(world: Path) -> Callable[..., str]:
    """Return what runs a command in this process, for those that need no Prefect, and returns what it printed."""
    from flows.cli import app

    assert world.is_dir()

    def call(*arguments: str, code: int = 0) -> str:
        done: Result = CliRunner().invoke(app, list(arguments))
        assert done.exit_code == code, done.output
        return done.output

    return call
