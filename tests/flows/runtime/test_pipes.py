"""``acento … | head -1``: the reader goes away, and the command ends without a word."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from staged import staged

from acento.core.store import LocalStore
from flows.runtime.interrupts import CLOSED

VERBS = {
    "--help": (),
    "--version": (),
    "benchmark": ("--help",),
    "info": (),
    "runs": (),
    "leaderboard": (),
    "datasets": (),
    "datasets show": ("spoken",),
    "models": (),
    "store du": (),
    "stage": ("nowhere", "--name", "x"),
    "results": (),
    "specialize": ("-d", "nothere", "-b", "demo:nobody"),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a store with a data set."""
    root = tmp_path_factory.mktemp("pipes")
    staged(LocalStore(root / "store"), root / "clips", 2, name="spoken")
    return root / "store"


def piped(store: Path, *arguments: str, errors: bool = False) -> tuple[int, str]:
    """Run the command with an output whose reader is gone already; return its exit code and the other stream."""
    reading, writing = os.pipe()
    os.close(reading)
    streams = (
        {"stdout": subprocess.PIPE, "stderr": writing} if errors else {"stdout": writing, "stderr": subprocess.PIPE}
    )
    try:
        done = subprocess.run(
            [sys.executable, "-m", "flows.cli", *arguments],
            env={**os.environ, "ACENTO_STORE": str(store)},
            text=True,
            timeout=120,
            check=False,
            **streams,  # type: ignore[call-overload]
        )
    finally:
        os.close(writing)
    return done.returncode, (done.stdout if errors else done.stderr) or ""


@pytest.mark.parametrize("verb", VERBS)
def test_an_output_that_nobody_reads_ends_the_command_without_a_word(store: Path, verb: str) -> None:
    code, said = piped(store, *verb.split(), *VERBS[verb])
    assert "Traceback" not in said
    assert "BrokenPipe" not in said
    if verb in ("stage", "results", "specialize"):  # what they say, they say on the other stream
        assert (code, said.startswith("Error: ")) == (1, True), said
    else:
        assert (code, said) == (CLOSED, "")


def test_errors_that_nobody_reads_end_the_command_without_a_word(store: Path) -> None:
    assert piped(store, "results", errors=True) == (CLOSED, "")


def test_a_reader_that_takes_the_first_line_gets_it(store: Path) -> None:
    command = f"{sys.executable} -m flows.cli datasets; echo code $? >&2"
    shell = ["bash", "-c", f"({command}) | head -1"]
    environment = {**os.environ, "ACENTO_STORE": str(store)}
    done = subprocess.run(shell, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip()
    assert done.stderr in ("code 0\n", f"code {CLOSED}\n")


def test_another_pipe_that_broke_is_no_reader_that_went_away(monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from flows.cli import app

    def broken(*_: object) -> None:
        raise BrokenPipeError("a worker's pipe")

    monkeypatch.setattr("acento.core.store.open_store", broken)
    shown = CliRunner().invoke(app, ["runs"])
    assert shown.exit_code == 70
    assert "unexpected BrokenPipeError: a worker's pipe" in shown.stderr
