"""Real processes for tests: a Prefect server, a worker, what its API says, and waiting for them."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class PrefectServer:
    """A real Prefect server: its API's URL, and the environment by which a command uses it."""

    url: str
    home: Path
    environment: dict[str, str]

    def run(
        self, *command: str, timeout: float = 300, cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of this environment, such as ``prefect``, beside the server; its output is text."""
        return subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            env={**self.environment, **variables},
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


class running:  # noqa: N801  (reads as a verb: `with running("prefect", "worker", "start"):`)
    """Run a command of this environment in the background, its output in a file; end it and its children after."""

    def __init__(self, *command: str, env: dict[str, str]) -> None:
        """Take the command and its environment."""
        self._command = [str(BIN / command[0]), *command[1:]]
        self._env = env
        self._folder = Path(tempfile.mkdtemp(prefix="tests-"))
        self._log = self._folder / "output.log"

    def __enter__(self) -> Self:
        """Start it."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, env=self._env, cwd=self._folder, stdout=log, stderr=log, start_new_session=True
            )
        return self

    def output(self) -> str:
        """Return what it printed until now."""
        return self._log.read_text(encoding="utf-8")

    def ready(self, done: Callable[[], bool], limit_s: float) -> None:
        """Wait until ``done()``; fail, showing its output, when the command ends before or takes too long."""
        deadline = time.monotonic() + limit_s
        while not done():
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{' '.join(self._command)} is not ready:\n{self.output()}")
            time.sleep(0.2)

    def kill(self) -> None:
        """Kill it and its children, as a machine does that loses its power."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def __exit__(self, *_: object) -> None:
        """Interrupt it, as Ctrl-C does; kill what remains of it."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGINT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@contextmanager
def serving(
    home: Path, *, host: str = "127.0.0.1", port: int | None = None, **variables: str
) -> Iterator[tuple[PrefectServer, running]]:
    """Run ``prefect server start`` on a free port, ``home`` its home, ``variables`` added to its environment.

    ``host`` is the address at which it listens: containers reach ``0.0.0.0`` through their network's gateway.
    """
    port = port or free_port()
    url = f"http://127.0.0.1:{port}/api"
    environment = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": url,
        "PREFECT_UI_ENABLED": "false",
        "PREFECT_CLI_COLORS": "false",
        "COLUMNS": "300",
    }
    command = ("prefect", "server", "start", "--host", host, "--port", str(port))
    with running(*command, env={**environment, **variables}) as server:
        server.ready(lambda: answers(port), 180)
        yield PrefectServer(url, home, environment), server


def free_port() -> int:
    """Return a port of this machine on which nobody listens now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def wait_until(done: Callable[[], bool], what: str, limit_s: float) -> None:
    """Wait until ``done()``; fail after ``limit_s`` seconds, saying what was waited for."""
    deadline = time.monotonic() + limit_s
    while not done():
        if time.monotonic() > deadline:
            pytest.fail(f"Waited {limit_s:.0f} s in vain for {what}.")
        time.sleep(0.2)


def answers(port: int) -> bool:
    """Tell whether a Prefect server is well on this port."""
    try:  # verify=False, here and below: to read all certificates takes longer than the call
        return httpx.get(f"http://127.0.0.1:{port}/api/health", timeout=5, verify=False).status_code == 200
    except httpx.HTTPError:
        return False


def api(server: PrefectServer, what: str, **body: Any) -> Any:
    """Ask the server's API for a filtered list, such as of ``flow_runs``; ask again when its database is busy."""
    for _ in range(4):
        with suppress(httpx.ReadTimeout):
            answer = httpx.post(f"{server.url}/{what}/filter", json=body, timeout=30, verify=False)
            if answer.status_code != 503:
                return answer.raise_for_status().json()
    return pytest.fail(f"The Prefect server gave no list of {what} in four tries of 30 s.")
