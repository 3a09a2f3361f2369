"""``acento`` as a person runs it, beside a Prefect server and in a folder with a store; and what Prefect shows."""

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from threading import Timer
from typing import Any

import fork_server
from processes import PrefectServer, api


def acento(
    server: PrefectServer, folder: Path, *arguments: str, timeout: float = 300, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, in which its store is."""
    environment = {**server.environment, "ACENTO_STORE": str(folder / "store"), **variables}
    return _forks(tuple(sorted(server.environment.items()))).run(["acento", *arguments], folder, environment, timeout)


def prefect(
    server: PrefectServer, *arguments: str, cwd: Path | None = None, timeout: float = 300, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the command of Prefect beside the server."""
    environment = {**server.environment, **variables}
    forks = _forks(tuple(sorted(server.environment.items())))
    return forks.run(["prefect", *arguments], cwd or server.home, environment, timeout)


def is_one_sentence(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    """See that a command was refused: exit code 1, and an error that holds the sentence and is no traceback."""
    assert done.returncode == 1, (done.returncode, done.stderr, done.stdout)
    assert done.stderr.startswith("Error: ")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def command(server: PrefectServer, folder: Path, *arguments: str) -> dict[str, Any]:
    """Return what ``subprocess.Popen`` takes to start the command in a folder, for those that are to be killed."""
    environment = {**server.environment, "ACENTO_STORE": str(folder / "store")}
    return {"args": [sys.executable, "-m", "flows.cli", *arguments], "cwd": folder, "env": environment, "text": True}


def newest_run(server: PrefectServer, flow: str) -> Any:
    """Return the run of a flow that began last; other files' tests have runs on the server too."""
    (run,) = api(server, "flow_runs", flows={"name": {"any_": [flow]}}, sort="START_TIME_DESC", limit=1)
    return run


def slice_runs(server: PrefectServer, store_url: str) -> list[Any]:
    """Return the runs of slices that worked for a store, the first that began first."""
    found = api(server, "flow_runs", flows={"name": {"any_": ["run-placement"]}}, sort="START_TIME_DESC", limit=200)
    variables = [(run["job_variables"] or {}).get("env", {}) for run in found]
    mine = [run for run, env in zip(found, variables, strict=True) if env.get("ACENTO_STORE") == store_url]
    return mine[::-1]


class _Forks:
    """The process that forks for each command; see :mod:`fork_server`."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(fork_server.__file__)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        atexit.register(self._process.kill)
        if self._said() != "ready":
            raise RuntimeError("the process that forks for each command did not start; its output says why")

    def run(
        self, command: list[str], folder: Path, environment: dict[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; kill it when it takes too long."""
        with tempfile.TemporaryDirectory(prefix="acento-tests-") as scratch:
            out, err = Path(scratch) / "out", Path(scratch) / "err"
            asked = {"command": command, "cwd": str(folder), "env": environment, "out": str(out), "err": str(err)}
            assert self._process.stdin is not None
            print(json.dumps(asked), file=self._process.stdin, flush=True)
            child = int(self._said())
            late = Timer(timeout, os.kill, (child, signal.SIGKILL))
            late.start()
            try:
                code = int(self._said())
            finally:
                late.cancel()
            said = [path.read_text(encoding="utf-8") if path.exists() else "" for path in (out, err)]
        return subprocess.CompletedProcess(command, code, *said)

    def _said(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@cache
def _forks(environment: tuple[tuple[str, str], ...]) -> _Forks:
    return _Forks(dict(environment))
