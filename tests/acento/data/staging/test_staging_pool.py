"""Staging in worker processes: one that dies takes no other clip with it, and none outlives its parent."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from recordings import put

from acento.core.errors import AcentoError, TransientError
from acento.core.store import LocalStore
from acento.data.dataset import read_rejected
from acento.data.staging import stage


def crashing_decoder(tmp_path, monkeypatch):
    """Make workers, and only them, die of recordings named ``killer``."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "crashing.py").write_text(
        "import os\nfrom acento.data.staging import chunk as staging_chunk\nreal = staging_chunk.decode\n"
        "def decode(path, **options):\n"
        "    if 'killer' in path.name: os.abort()\n"
        "    return real(path, **options)\n"
        "staging_chunk.decode = decode\n"
    )
    monkeypatch.setattr("sys.path", [str(hooks), *sys.path])
    monkeypatch.setattr("acento.data.staging.pool._PRELUDE", "import crashing; ")


@pytest.mark.slow
def test_a_file_that_crashes_the_decoder_is_rejected_and_the_others_stage(store, folder, tmp_path, monkeypatch):
    crashing_decoder(tmp_path, monkeypatch)
    put(folder, "killer", 80)
    result = stage(store, str(folder), "demo", workers=2)
    assert result.staged_now == 5
    (row,) = read_rejected(store, result.card).to_pylist()
    assert (row["id"], row["reason"]) == ("killer", "unreadable")
    assert "crash" in row["detail"]
    monkeypatch.undo()
    assert stage(store, str(folder), "demo", workers=1).card.clips == 6


def test_workers_that_die_without_a_file_to_blame_may_be_tried_again(store, folder, monkeypatch):
    from acento.data.staging import pool as staging_pool

    def ask(_, request):
        if not isinstance(request, tuple):
            raise staging_pool._CrashError

    monkeypatch.setattr(staging_pool._Worker, "_ask", ask)
    with pytest.raises(TransientError, match="memory"):
        stage(store, str(folder), "demo", workers=1)


def test_a_worker_that_cannot_start_says_why(store, folder, monkeypatch):
    monkeypatch.setattr("acento.data.staging.pool._PRELUDE", "raise SystemExit('no such thing'); ")
    with pytest.raises(AcentoError, match=r"cannot start.*no such thing"):
        stage(store, str(folder), "demo", workers=1)


@pytest.mark.slow
def test_workers_import_no_models_and_no_orchestrator():
    code = (
        "import sys, acento.data.staging.pool; print([m for m in ('torch', 'prefect', 'datasets') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="asks Linux which processes live")
def test_workers_end_when_the_parent_is_killed(tmp_path, folder):
    for n in range(30):
        put(folder, f"more{n}", 100 + n, seconds=20.0)
    code = (
        "import acento.data.staging.chunk as c; c.CHUNK_CLIPS = 5\n"
        "from acento.data.staging import stage; from acento.core.store import LocalStore; from pathlib import Path\n"
        f"stage(LocalStore(Path({str(tmp_path / 'store')!r})), {str(folder)!r}, 'demo', workers=2)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while not list((tmp_path / "store").glob("parts/*")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    children = _children(parent.pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert children
    while any(map(_lives, children)):
        assert time.monotonic() < deadline, "a worker outlives its parent"
        time.sleep(0.01)
    straight = LocalStore(tmp_path / "straight")
    again = LocalStore(tmp_path / "store")
    assert stage(straight, str(folder), "demo", workers=0).card.fingerprint == (
        stage(again, str(folder), "demo", workers=2).card.fingerprint
    )


def _children(pid):
    """Return the processes that a process, in any of its threads, started."""
    lists = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for children in lists for child in children]


def _lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
