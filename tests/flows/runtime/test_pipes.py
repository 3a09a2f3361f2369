"""``acento … | head -1``: the reader goes away, and the command ends without a word."""

import json
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


_EACH = """
import json, os, sys
import acento.registry.runs.records, acento.requests
from flows.cli import main

for place, (arguments, number) in enumerate(json.loads(sys.argv[1])):
    reading, writing = os.pipe()
    os.close(reading)
    child = os.fork()
    if child == 0:
        os.dup2(writing, number)
        os.dup2(os.open(f"{sys.argv[2]}/{place}", os.O_WRONLY | os.O_CREAT), 3 - number)
        sys.argv = ["acento", *arguments]
        main()
        sys.exit()
    os.close(writing)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Runs each command in a process that has imported it before, an output without a reader; prints its exit code."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a store with a data set."""
    root = tmp_path_factory.mktemp("pipes")
    staged(LocalStore(root / "store"), root / "clips", 2, name="spoken")
    return root / "store"


@pytest.fixture(scope="module")
def ended(store: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """Run every verb with an output whose reader is gone already; return its exit code and what else it said."""
    folder = tmp_path_factory.mktemp("said")
    commands = {verb: ([*verb.split(), *arguments], 1) for verb, arguments in VERBS.items()}
    commands["errors"] = (["results"], 2)
    done = subprocess.run(
        [sys.executable, "-c", _EACH, json.dumps(list(commands.values())), str(folder)],
        env={**os.environ, "ACENTO_STORE": str(store)},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    said = [(folder / str(place)).read_text(encoding="utf-8") for place in range(len(commands))]
    return dict(zip(commands, zip(map(int, done.stdout.split()), said, strict=True), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_an_output_that_nobody_reads_ends_the_command_without_a_word(
    ended: dict[str, tuple[int, str]], verb: str
) -> None:
    code, said = ended[verb]
    assert "Traceback" not in said
    assert "BrokenPipe" not in said
    if verb in ("stage", "results", "specialize"):  # what they say, they say on the other stream
        assert (code, said.startswith("Error: ")) == (1, True), said
    else:
        assert (code, said) == (CLOSED, "")


@pytest.mark.slow
def test_errors_that_nobody_reads_end_the_command_without_a_word(ended: dict[str, tuple[int, str]]) -> None:
    assert ended["errors"] == (CLOSED, "")


@pytest.mark.slow
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
