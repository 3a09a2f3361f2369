"""The lease on a job: of all processes that are asked to do it, one does.

A lease is a row of small files numbered upwards, each created exclusively; the highest one is in force. It names its
holder and until when it holds. Who finds that the holder is dead (a process of this host that is gone) or that its time
is up (a host that cannot be asked) takes the next number; two that try at once cannot both get it. Should a holder that
was given up live after all, nothing is lost: what it publishes is whole or absent, and the same.
"""

import json
import os
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from acento.core.errors import TransientError
from acento.core.store import Store

HOLD_S = 1800.0
"""Seconds that a lease holds before it must be renewed: longer than a step, an evaluation and a checkpoint."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a lease; times are seconds since 1970."""

    id: str
    host: str
    pid: int
    born: str
    """When the process began, as its system says it: a number alone may by now be another process's."""
    since: float
    until: float
    released: bool = False

    def holds(self, now: float) -> bool:
        """Tell whether the lease is in force."""
        if self.released:
            return False
        if self.host == socket.gethostname():
            return born(self.pid) == self.born
        return now < self.until


class Lease:
    """A lease that this process has."""

    def __init__(self, store: Store, folder: str, number: int, holder: Holder, clock: Callable[[], float]) -> None:
        """Take what ``held`` found."""
        self._store, self._folder, self._number, self._holder, self._clock = store, folder, number, holder, clock

    def renew(self, *, force: bool = False) -> None:
        """Hold for another while; does nothing while more than half of the time is left, unless ``force``.

        Raises:
            TransientError: another process took the lease.
        """
        now = self._clock()
        if force or self._holder.until - now < HOLD_S / 2:
            self._put(replace(self._holder, until=now + HOLD_S))

    def release(self) -> None:
        """Give the lease back, if it is still this process's."""
        try:
            self._put(replace(self._holder, released=True))
        except TransientError:
            return

    def _put(self, holder: Holder) -> None:
        if not self._store.create_exclusive(_key(self._folder, self._number + 1), _data(holder)):
            raise TransientError(
                f"Another process took over {self._folder} while this one seemed gone; it goes on from the last "
                "checkpoint, and this one ends."
            )
        self._number, self._holder = self._number + 1, holder
        _clear(self._store, self._folder, self._number)


@contextmanager
def held(store: Store, folder: str, what: str, clock: Callable[[], float] = time.time) -> Iterator[Lease]:
    """Hold the lease in a folder of the store while the block runs.

    Args:
        store: where the lease is.
        folder: such as ``jobs/<fingerprint>/lease``.
        what: a person's name for the work, for the sentence.
        clock: seconds since 1970.

    Raises:
        TransientError: another process has it; the sentence says which, and since when.
    """
    lease = _take(store, folder, what, clock)
    try:
        yield lease
    finally:
        lease.release()


def release_of(store: Store, folder: str, host: str, pid: int) -> bool:
    """Give back the lease of a process that is known to be dead, such as one of a container; tell whether it had it.

    A host that cannot be asked would else keep it until its time is up.
    """
    store.refresh()
    number, holder = _current(store, folder)
    if holder is None or holder.released or (holder.host, holder.pid) != (host, pid):
        return False
    return store.create_exclusive(_key(folder, number + 1), _data(replace(holder, released=True)))


def born(pid: int) -> str | None:
    """Return when a process of this machine began, in ticks or words of its system; None if there is no such process.

    >>> born(os.getpid()) == born(os.getpid()) is not None
    True
    """
    stat = Path(f"/proc/{pid}/stat")
    try:
        fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]  # a zombie does nothing any more
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    except ProcessLookupError:
        return None
    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None


def _take(store: Store, folder: str, what: str, clock: Callable[[], float]) -> Lease:
    """Take the lease, or say who has it."""
    while True:
        store.refresh()
        now = clock()
        number, holder = _current(store, folder)
        if holder is not None and holder.holds(now):
            since = datetime.fromtimestamp(holder.since, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            raise TransientError(
                f"{what} is being trained by process {holder.pid} on {holder.host} since {since}; wait for it to end, "
                "or end it: the same command then goes on from its last checkpoint."
            )
        mine = Holder(uuid.uuid4().hex, socket.gethostname(), os.getpid(), born(os.getpid()) or "", now, now + HOLD_S)
        if store.create_exclusive(_key(folder, number + 1), _data(mine)):
            _clear(store, folder, number + 1)
            return Lease(store, folder, number + 1, mine, clock)


def _current(store: Store, folder: str) -> tuple[int, Holder | None]:
    """Return the highest number and whom it names; a file that another process is just clearing away is passed over."""
    numbers = [int(key.rpartition("/")[2].removesuffix(".json")) for key in store.list_files(folder)]
    for number in sorted(numbers, reverse=True):
        data = store.read_file(_key(folder, number))
        if data is not None:
            return number, Holder(**json.loads(data))
    return max(numbers, default=0), None


def _clear(store: Store, folder: str, current: int) -> None:
    """Remove files that are no longer in force; the highest always stays, so no number is given twice."""
    for key in store.list_files(folder):
        if int(key.rpartition("/")[2].removesuffix(".json")) < current:
            store.remove(key)


def _key(folder: str, number: int) -> str:
    return f"{folder}/{number:06d}.json"


def _data(holder: Holder) -> bytes:
    return json.dumps(asdict(holder), sort_keys=True).encode()
