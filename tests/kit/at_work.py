"""Who is at work on a list of jobs: what the last record of each run in a store says."""

import json
import os
import signal
import time
from collections.abc import Callable, Sequence

from acento.core.store import LocalStore
from acento.inference.benchmark import unfinished
from acento.inference.jobs import TranscribeJob


def at_work(store: LocalStore) -> list[tuple[str, int, int]]:
    """Return the host, the process and the job's index of each run that is at a job."""
    found = []
    for run in store.root.glob("worklists/*/runs/*"):
        try:
            said = json.loads(max(run.glob("*.json")).read_text())
        except (FileNotFoundError, ValueError):
            continue  # it has just been cleared away, or not been written yet
        if said["at"] is not None and "ended" not in said:
            found.append((said["host"], said["pid"], said["at"]))
    return found


def lose_one(
    store: LocalStore, todo: Sequence[TranscribeJob], lose: Callable[[int], None]
) -> tuple[int, TranscribeJob]:
    """Stop the first run that is caught with a part not finished, and ``lose`` it; return its process and part."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        time.sleep(0.01)
        for _, pid, index in at_work(store):
            os.kill(pid, signal.SIGSTOP)  # so that what is seen now is still so when it is lost
            if unfinished(store, [todo[index]]):
                lose(pid)
                return pid, todo[index]
            os.kill(pid, signal.SIGCONT)
    raise AssertionError("no run was caught at work")
