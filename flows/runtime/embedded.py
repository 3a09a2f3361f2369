"""Run flows with nothing set up: a Prefect server that starts itself, or the one that ``PREFECT_API_URL`` names.

``with embedded.session(): stage(...)`` is all a command needs. Without ``PREFECT_API_URL`` (in the environment or
Prefect's active profile) a server runs as a child process for the duration, its output in a log file in Prefect's
home, its database the one that ``prefect server start`` would show later. What the flow reported is sent and written
down before that server stops, so nothing is lost and nothing is printed at exit.
"""

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from acento.core.errors import AcentoError, InputError
from flows.runtime import interrupts

if TYPE_CHECKING:
    from prefect.settings import Settings

START_LIMIT_S = 120
"""Seconds that the embedded server may take to answer: a first start on a slow machine also makes the database."""

_CHECK_LIMIT_S = 8.0
_STOP_LIMIT_S = 30.0
_DRAIN_LIMIT_S = 30.0
_LOG_LIMIT_BYTES = 1_000_000

_SERVER_ENVIRONMENT = {
    "PREFECT_UI_ENABLED": "false",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",  # one commit for each state is slow
    "DO_NOT_TRACK": "1",
}


class EmbeddedServer:
    """A Prefect server in a child process, on a free port of this machine only."""

    def __init__(self, home: Path) -> None:
        """Start the server; its database and log file are in ``home``, the folder that Prefect calls its home."""
        self.log = home / "acento-server.log"
        home.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT_BYTES:
            self.log.unlink()
        with socket.create_server(("127.0.0.1", 0), backlog=128) as listener, self.log.open("ab") as log:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(Path(__file__).with_name("embedded_server.py")), str(listener.fileno())],
                env={**os.environ, **_SERVER_ENVIRONMENT},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=[listener.fileno()],
                start_new_session=True,  # Ctrl-C is for the flow, which still has to report how it ended
            )

    def wait(self) -> None:
        """Wait until the server answers; an error says so where it ended, or did not answer in time."""
        import httpx

        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise AcentoError(f"Prefect's embedded server did not start; {self.log} says why.")
            try:
                # The socket is open from the start, so the request waits in its queue until the server is up.
                httpx.get(f"{self.url}/health", timeout=5, trust_env=False).raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.05)
        raise AcentoError(f"Prefect's embedded server did not answer in {START_LIMIT_S} s; {self.log} may say why.")

    def stop(self) -> None:
        """Stop the server once it has written down everything that it was sent."""
        assert self._process.stdin is not None
        with suppress(OSError):  # it is gone already
            self._process.stdin.write(b"stop\n")
            self._process.stdin.close()
        for harder in (self._process.terminate, self._process.kill):
            try:
                self._process.wait(_STOP_LIMIT_S)
                return
            except subprocess.TimeoutExpired:
                harder()
        self._process.wait()


@contextmanager
def session(*, tags: Iterable[str] = (), verbose: bool = False, shared: bool = False) -> Iterator[None]:
    """Make the block a place where flows run well; runs made in it carry ``tags``.

    Prefect's logs go to its API, and also to the screen if ``verbose``. With ``shared`` no server is started here, as
    workers would not know of it: then ``PREFECT_API_URL`` has to be set. What it names has to answer.
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")  # read by Prefect when it is imported
    with ExitStack() as stack:
        caught = stack.enter_context(interrupts.catching())
        import prefect
        from prefect.events.worker import EventsWorker
        from prefect.logging.handlers import APILogWorker
        from prefect.settings import get_current_settings

        if not verbose:
            stack.enter_context(_quiet())
        current = get_current_settings()
        if current.api.url:
            check_server(current.api.url)
        elif shared:
            raise InputError(
                "A work pool needs a Prefect server that its worker can reach: start one with `prefect server start`, "
                "and set PREFECT_API_URL, such as http://127.0.0.1:4200/api, here and for the worker."
            )
        else:
            stack.enter_context(_own_server(current))
        # what waits in background threads is sent while there is a server to take it
        stack.callback(APILogWorker.drain_all, timeout=_DRAIN_LIMIT_S)
        stack.callback(EventsWorker.drain_all, timeout=_DRAIN_LIMIT_S)
        stack.enter_context(prefect.tags(*tags))
        if caught:
            raise KeyboardInterrupt
        yield


def check_server(url: str) -> None:
    """Ask the server at ``url`` whether it is there; an InputError says why it cannot be used."""
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    advice = "Start it with `prefect server start`, or unset PREFECT_API_URL and Acento starts a server of its own."
    with temporary_settings({PREFECT_API_URL: url, PREFECT_CLIENT_MAX_RETRIES: 0}):
        settings = {"timeout": httpx.Timeout(_CHECK_LIMIT_S)}
        with get_client(httpx_settings=settings, sync_client=True) as client:
            error = client.api_healthcheck()
    if isinstance(error, httpx.HTTPStatusError):
        code = error.response.status_code
        if code in (401, 403):
            raise InputError(f"The Prefect server at {url} refuses access ({code}): check PREFECT_API_KEY.")
        raise InputError(f"What answers at {url} is not a Prefect server or is not well ({code}). {advice}")
    if error is not None:
        raise InputError(f"No Prefect server answers at {url} (PREFECT_API_URL). {advice}")


@contextmanager
def _own_server(current: "Settings") -> Iterator[None]:
    """Run an embedded server and point every thread of this process at it."""
    from filelock import FileLock
    from prefect.context import refresh_global_settings_context
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_CLIENT_MAX_RETRIES,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW,
        temporary_settings,
    )

    # One at a time: two servers that start together would both make the tables of a new database.
    with FileLock(current.home / "acento-server.lock", timeout=START_LIMIT_S), ExitStack() as failing:
        server = EmbeddedServer(current.home)
        failing.callback(server.stop)
        server.wait()
        failing.pop_all()
    unproxied = ",".join(filter(None, (os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1")))
    environment = {
        "PREFECT_API_URL": server.url,
        "ACENTO_EMBEDDED_SERVER": server.url,  # says that no worker knows of it
        "NO_PROXY": unproxied,
        "no_proxy": unproxied,
    }
    before = {name: os.environ[name] for name in environment if name in os.environ}
    try:
        os.environ.update(environment)
        refresh_global_settings_context()  # for threads that Prefect starts without a context of their own
        updates = {
            PREFECT_API_URL: server.url,
            # Each flow would wait a second for its heartbeat thread, and nobody listens for heartbeats here.
            PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
            PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW: "ignore",
            PREFECT_CLIENT_MAX_RETRIES: 2,
        }
        with temporary_settings(updates):
            yield
    finally:
        server.stop()
        for name in environment:
            os.environ.pop(name, None)
        os.environ.update(before)
        refresh_global_settings_context()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep logs off the screen: an error reaches the user as one sentence, and the whole log is in Prefect's UI."""
    from prefect.logging.configuration import ensure_logging_setup

    ensure_logging_setup()
    handlers = [*logging.getLogger().handlers, *logging.getLogger("prefect._internal").handlers]
    levels = [(handler, handler.level) for handler in handlers if type(handler).__module__.startswith("prefect.")]
    raise_exceptions = logging.raiseExceptions
    try:
        for handler, _ in levels:
            handler.setLevel(logging.CRITICAL + 1)
        logging.raiseExceptions = False
        yield
    finally:
        for handler, level in levels:
            handler.setLevel(level)
        logging.raiseExceptions = raise_exceptions
