"""Flows without a server set up: it starts by itself, loses nothing, prints nothing, and leaves nobody behind."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from servers import wait_until

from acento.core.errors import InputError
from flows.runtime import embedded, embedded_server

BUSY = """
from prefect import flow, task
from flows.runtime import embedded

@task
def double(x):
    return 2 * x

@flow
def busy(n):
    return sum(double.map(range(n)).result()) + sum(double(x) for x in range(n))

def main(n=40, **options):
    with embedded.session(**options):
        print(busy(n))

if __name__ == "__main__":
    main()
"""


def start(script: str, home: Path, **variables: str) -> subprocess.Popen[str]:
    """Start a Python script with a Prefect home of its own."""
    path = home.with_suffix(".py")
    path.write_text(script, encoding="utf-8")
    environment = {**os.environ, "PREFECT_HOME": str(home), **variables}
    return subprocess.Popen(
        [sys.executable, str(path)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def states(home: Path, table: str) -> dict[str, int]:
    """Return how many runs the database of ``home`` has in each state."""
    with sqlite3.connect(home / "prefect.db") as database:
        return dict(database.execute(f"SELECT state_name, count(*) FROM {table} GROUP BY state_name"))


@contextmanager
def answering(code: int) -> Iterator[str]:
    """Run an HTTP server that answers everything with ``code``; gives its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/api"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_said_at_once() -> None:
    with pytest.raises(InputError, match=r"No Prefect server answers at .*`prefect server start`.*unset"):
        embedded.check_server("http://127.0.0.1:9/api")


@pytest.mark.parametrize(("code", "sentence"), [(404, "not a Prefect server"), (401, "PREFECT_API_KEY")])
def test_what_is_no_usable_prefect_server_is_said(code: int, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with (
        answering(code) as url,
        pytest.raises(InputError, match=sentence),
    ):
        embedded.check_server(url)


def test_the_server_waits_until_what_it_was_sent_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"published": 3, "consumed": 1}
    monkeypatch.setitem(
        sys.modules, "prefect.server.utilities.messaging.memory", SimpleNamespace(METRICS={"events": counts})
    )
    waiting = Thread(target=embedded_server.wait_until_recorded)
    waiting.start()
    time.sleep(0.6)
    assert waiting.is_alive()
    counts["consumed"] = 3
    waiting.join(60)
    assert not waiting.is_alive()


def test_the_server_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = SimpleNamespace(METRICS={"events": {"published": 1, "consumed": 0}})
    monkeypatch.setitem(sys.modules, "prefect.server.utilities.messaging.memory", stuck)
    embedded_server.wait_until_recorded(limit_s=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["working directory", "PYTHONPATH"])
def test_a_stranger_called_tasks_is_refused(tmp_path: Path, where: str) -> None:
    (tmp_path / "tasks.py").write_text("", encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-c", "import flows.stage"],
        cwd=tmp_path if where == "working directory" else "/",
        env={**os.environ, **({"PYTHONPATH": str(tmp_path)} if where == "PYTHONPATH" else {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode != 0
    last = run.stderr.strip().splitlines()[-1]
    assert f"Python finds 'tasks' at {tmp_path / 'tasks.py'}" in last
    assert "rename that module" in last


@pytest.mark.server
def test_a_short_busy_flow_is_recorded_whole_and_prints_nothing(prefect_home: Path) -> None:
    out, err = (run := start(BUSY, prefect_home)).communicate(timeout=300)
    assert (out, err, run.returncode) == (f"{4 * sum(range(40))}\n", "", 0)
    assert states(prefect_home, "task_run") == {"Completed": 80}
    assert states(prefect_home, "flow_run") == {"Completed": 1}
    assert "Traceback" not in (prefect_home / "acento-server.log").read_text(encoding="utf-8")


@pytest.mark.server
def test_logs_come_on_the_screen_when_asked_for(prefect_home: Path) -> None:
    script = BUSY.replace("main()\n", "main(1, verbose=True)\n")
    out, err = start(script, prefect_home).communicate(timeout=300)
    assert out == "0\n"
    assert "Finished in state Completed" in err


@pytest.mark.server
def test_one_process_can_have_sessions_one_after_another(prefect_home: Path) -> None:
    script = BUSY.replace("main()\n", "main(3)\n    main(4)\n")
    out, err = start(script, prefect_home).communicate(timeout=300)
    assert (out, err) == ("12\n24\n", "")
    assert states(prefect_home, "task_run") == {"Completed": 14}


@pytest.mark.server
def test_a_proxy_is_not_asked_for_this_machine(prefect_home: Path) -> None:
    proxies = dict.fromkeys(["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"], "http://127.0.0.1:9")
    script = BUSY.replace("main()\n", "main(2)\n")
    out, err = start(script, prefect_home, **proxies, NO_PROXY="", no_proxy="").communicate(timeout=300)
    assert (out, err) == ("4\n", "")
    assert states(prefect_home, "task_run") == {"Completed": 4}


@pytest.mark.server
def test_two_processes_may_start_at_once_on_a_new_home(tmp_path: Path) -> None:
    runs = [start(BUSY.replace("n=40", f"n={5 + i}"), tmp_path / "home") for i in range(2)]
    for run in runs:
        _, err = run.communicate(timeout=300)
        assert (err, run.returncode) == ("", 0)
    assert states(tmp_path / "home", "flow_run") == {"Completed": 2}


@pytest.mark.server
def test_a_server_that_cannot_start_says_where_its_log_is(tmp_path: Path) -> None:
    variables = {"PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{tmp_path}/none/x.db"}
    _, err = (run := start(BUSY, tmp_path / "home", **variables)).communicate(timeout=300)
    assert run.returncode == 1
    last = err.strip().splitlines()[-1]
    assert "did not start" in last
    assert "acento-server.log" in last


@pytest.mark.server
def test_a_killed_command_leaves_no_server(prefect_home: Path) -> None:
    script = BUSY.replace("return sum(", "import time; print('in', flush=True); time.sleep(60); return sum(")
    run = start(script, prefect_home)
    assert run.stdout is not None
    assert run.stdout.readline() == "in\n"
    servers = children(run.pid)
    assert servers
    run.send_signal(signal.SIGKILL)
    run.communicate()
    wait_until(lambda: not any(alive(pid) for pid in servers), "the server to leave", 30)


def children(pid: int) -> list[int]:
    """Return the ids of the child processes of a process."""
    listing = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in listing.stdout.split()]


def alive(pid: int) -> bool:
    """Tell whether a process lives."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_an_interrupt_that_python_drops_while_a_session_begins_still_ends_it(
    prefect_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(prefect_home))

    @contextmanager
    def dropping(_: object) -> Iterator[None]:
        with suppress(KeyboardInterrupt):  # as in a callback of a weak reference, whose errors go nowhere
            signal.raise_signal(signal.SIGINT)
        yield

    monkeypatch.setattr(embedded, "_own_server", dropping)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a parallel run of tests ignores interrupts
    try:
        with pytest.raises(KeyboardInterrupt), embedded.session():
            pytest.fail("the session began")
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
