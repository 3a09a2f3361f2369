"""Coordination of processes on any machine through the store alone: numbered records, and a lease on top of them.

Both rest on :meth:`Store.create_exclusive`, so they work in every store. Clocks of different machines are never
compared: a lease has expired when whoever wants it has seen it unchanged for its expiry, on a clock of its own.
"""

import json
import logging
import os
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from acento.core.errors import DamagedError, TransientError
from acento.core.processes import born, machine
from acento.core.store.base import Store, together

BEAT_S = 10.0
"""Seconds between two heartbeats of a holder."""
EXPIRY_S = 60.0
"""Seconds without a heartbeat after which a lease can be taken over."""
LOOK_S = 1.0
"""Seconds between two looks at a lease that somebody has."""

_READS = 8
_log = logging.getLogger(__name__)
_living: set[str] = set()
"""The ids of the leases that this process has."""


class Records:
    """Small JSON records below a prefix, numbered from 1 without a gap: ``PREFIX000001.json``.

    Each number is given once, whoever appends at the same time; a record never changes.
    """

    def __init__(self, store: Store, prefix: str, *, width: int = 6) -> None:
        """Name the place, such as ``verdicts/mine/`` or ``models/mine/aliases/production@``; nothing is read yet."""
        self._store, self._prefix, self._width = store, prefix, width
        self._last: int | None = None

    def append(self, body: Any) -> int:
        """Write a record after all that there are, and return its number."""
        last = max(self.numbers(), default=0) if self._last is None else self._last
        while not self.put(last + 1, body):
            last = max(last + 1, *self.numbers())
        self._last = last + 1
        return self._last

    def put(self, number: int, body: Any) -> bool:
        """Write the record of a number; return False, changing nothing, if there is one."""
        data = json.dumps(body, indent=1, ensure_ascii=False).encode()
        return self._store.create_exclusive(self.key(number), data)

    def get(self, number: int) -> Any:
        """Return a record, or None if there is none.

        Raises:
            DamagedError: it is no JSON.
        """
        data = self._store.read_file(self.key(number))
        try:
            return None if data is None else json.loads(data)
        except ValueError as error:
            raise DamagedError(
                f"{self.key(number)} in {self._store.url} cannot be read; remove it to go back to the one before."
            ) from error

    def since(self, number: int = 0) -> list[tuple[int, Any]]:
        """Return the records after a number with their numbers, the oldest first.

        From 0 the records are listed; else the next number is asked for, so that polling costs one request.
        """
        found: list[tuple[int, Any]] = []
        if not number:
            numbers = self.numbers()
            bodies = together(self.get, numbers, _READS)
            found = [pair for pair in zip(numbers, bodies, strict=True) if pair[1] is not None]
        else:
            self._store.refresh()
            while (body := self.get(number + 1)) is not None:
                number += 1
                found.append((number, body))
        if found:
            self._last = max(self._last or 0, found[-1][0])
        return found

    def last(self) -> tuple[int, Any]:
        """Return the last record and its number; ``(0, None)`` if there is none."""
        while numbers := self.numbers():
            body = self.get(numbers[-1])
            if body is not None:  # else it was cleared away just now, and there is a later one
                return numbers[-1], body
        return 0, None

    def numbers(self) -> list[int]:
        """Return the numbers that there are, sorted."""
        self._store.refresh()
        folder, _, start = self._prefix.rpartition("/")
        shape = re.compile(re.escape(start) + r"(\d+)\.json")
        names = (key.rpartition("/")[2] for key in self._store.list_files(folder))
        return sorted(int(found[1]) for name in names if (found := shape.fullmatch(name)))

    def clear(self, numbers: list[int]) -> None:
        """Remove records; keep the highest, so that no number is given twice."""
        self._store.discard([self.key(number) for number in numbers])

    def key(self, number: int) -> str:
        """Return the store's key of a record."""
        return f"{self._prefix}{number:0{self._width}d}.json"


class Holder(BaseModel):
    """Who has a lease."""

    model_config = ConfigDict(frozen=True)

    id: str
    """Of this acquisition."""
    host: str
    pid: int
    born: str
    """See :func:`acento.core.processes.born`."""
    since: float
    """When it was acquired, in seconds since 1970 by the holder's clock: for people only."""
    machine: str = ""
    """See :func:`acento.core.processes.machine`; empty in records of versions before 0.2."""
    expiry_s: float = EXPIRY_S
    released: bool = False
    until: float | None = None
    """Only in records of versions before 0.2, which had no heartbeat: when they expire, in seconds since 1970."""

    @property
    def here(self) -> bool:
        """Whether it is a process of this machine."""
        return self.machine == machine() if self.machine else self.host == socket.gethostname()

    @property
    def gone(self) -> bool:
        """Whether it is known, without waiting, that it does not hold the lease: released, dead, or of another life."""
        if self.released or (self.here and born(self.pid) != self.born):
            return True
        if self.here and self.machine and self.pid == os.getpid():
            return self.id not in _living
        return not self.here and self.until is not None and time.time() >= self.until

    @property
    def lives(self) -> bool:
        """Whether it is known, without waiting, that it holds the lease."""
        return not self.gone and (self.here or self.until is not None)


class Lease:
    """An exclusive lease: of all processes that ask for it, one has it, until it releases it or dies.

    It is a row of records in a folder, of which the highest is in force. The holder adds one at each heartbeat; whoever
    finds the highest one expired takes the next number. A holder that was silent and is superseded finds so at its next
    heartbeat: :attr:`lost` is set and :meth:`check` raises. While the store does not answer it keeps trying.
    """

    def __init__(
        self,
        store: Store,
        folder: str,
        what: str,
        *,
        beat_s: float = BEAT_S,
        expiry_s: float = EXPIRY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Name the lease; nothing is asked of the store yet.

        Args:
            store: where it is.
            folder: of its records, such as ``jobs/<fingerprint>/lease``.
            what: what the holder does, for sentences: ``whisper-small on mine is being trained``.
            beat_s: seconds between two heartbeats.
            expiry_s: seconds without one after which others may take it over.
            clock: seconds, on this machine only.
        """
        self._store, self._folder, self._what = store, folder, what
        self._beat_s, self._expiry_s, self._clock = beat_s, expiry_s, clock
        self._records = Records(store, f"{folder}/")
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._seen: tuple[int, float] | None = None
        self._moved = False
        self._me: Holder | None = None
        self._last, self._number, self._renewed = 0, 0, float("-inf")
        self.lost = False
        """Whether another process took the lease over."""
        self.holder: Holder | None = None
        """Who had it at the last try."""

    def acquire(self, wait_s: float = 0.0) -> "Lease":
        """Take the lease; wait for a living holder as long as is asked for, and for a silent one until it has expired.

        Raises:
            TransientError: another process has it; the sentence says which, and since when.
        """
        began, looks = self._clock(), 0
        while not self.try_acquire():
            looks += 1
            self._moved = self._moved and looks > 1
            assert self.holder is not None
            if (self._moved or self.holder.lives) and self._clock() - began >= wait_s:
                since = datetime.fromtimestamp(self.holder.since, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
                raise TransientError(
                    f"{self._what} by process {self.holder.pid} on {self.holder.host} since {since}; wait for it to "
                    "end, or end it: the same command then goes on where it was."
                )
            time.sleep(LOOK_S)
        return self

    def try_acquire(self) -> bool:
        """Take the lease if it is free or has expired, without waiting; call it again to see whether it has."""
        while self.is_free():
            me = Holder(
                id=uuid.uuid4().hex,
                host=socket.gethostname(),
                pid=os.getpid(),
                born=born(os.getpid()) or "",
                since=time.time(),
                machine=machine(),
                expiry_s=self._expiry_s,
            )
            at = self._clock()
            if self._put(self._last + 1, me):
                self._me, self._renewed, self.lost = me, at, False
                _living.add(me.id)
                self._ended.clear()
                self._thread = threading.Thread(target=self._beat, name=f"lease {self._folder}", daemon=True)
                self._thread.start()
                return True
        return False

    def is_free(self) -> bool:
        """Tell whether :meth:`try_acquire` would take it; to a silent holder on another machine that takes a while."""
        self._last, self.holder = self.look()
        return self.holder is None or self._expired(self._last, self.holder)

    def look(self) -> tuple[int, Holder | None]:
        """Return the number of the record in force, and whom it names; ``(0, None)`` if there never was one."""
        number, body = self._records.last()
        return number, body and Holder.model_validate(body)

    @property
    def in_force(self) -> bool:
        """Whether it is certain that no other process has the lease: it was renewed within its expiry."""
        return self._me is not None and not self.lost and self._clock() - self._renewed < self._expiry_s

    def check(self) -> None:
        """See that no other process is known to have taken the lease.

        Raises:
            TransientError: one has.
        """
        if self.lost:
            raise TransientError(
                f"Another process took over {self._folder} while this one was silent; it goes on there, and this one "
                "ends."
            )

    def renew(self) -> None:
        """Let the lease hold for another while; the heartbeat calls this."""
        with self._lock:
            if self._me is None or self.lost:
                return
            at = self._clock()
            if self._put(self._number + 1, self._me):
                self._renewed = at
            else:
                self.lost = True
                _living.discard(self._me.id)

    def release(self) -> None:
        """Give the lease back, if it is still this process's."""
        self._ended.set()
        if self._thread is not None and self._thread.ident is not None:
            self._thread.join()
        with self._lock:
            me, self._me = self._me, None
            if me is None or self.lost:
                return
            _living.discard(me.id)
            try:
                self._put(self._number + 1, me.model_copy(update={"released": True}))
            except Exception as error:  # it expires; what the caller raises now matters more
                _log.warning("The lease %s could not be given back (%s).", self._folder, error)

    def __enter__(self) -> "Lease":
        """Return the lease, acquired."""
        return self if self._me is not None else self.acquire()

    def __exit__(self, *_: object) -> None:
        """Release it."""
        self.release()

    def _beat(self) -> None:
        while not self._ended.wait(self._beat_s) and not self.lost:
            try:
                self.renew()
            except Exception as error:  # the store may answer the next one
                _log.warning("The lease %s could not be renewed (%s).", self._folder, error)

    def _expired(self, number: int, holder: Holder) -> bool:
        """Tell whether a record that was read now holds no more; remembers since when it has not changed."""
        if holder.gone:
            return True
        if self._seen is None or number != self._seen[0]:
            self._moved = self._seen is not None
            self._seen = (number, self._clock())
        return holder.until is None and self._clock() - self._seen[1] >= holder.expiry_s

    def _put(self, number: int, holder: Holder) -> bool:
        """Write the record of a number and see that it is the one in force; False if another process was first.

        A process that was suspended may write a number that was given and cleared away long since: so the numbers
        are looked at after the write, and the two highest are always there, whenever they are listed.
        """
        body = holder.model_dump(exclude_none=True)
        while not self._records.put(number, body):
            there = self._records.get(number)
            if there is None or there["id"] != holder.id:
                return False
            if there == body:
                break
            number += 1  # an earlier call wrote it, and its answer was lost
        numbers = self._records.numbers()
        if numbers and numbers[-1] > number:
            self._records.clear([number])
            return False
        self._number = number
        self._records.clear([old for old in numbers if old < number - 1])
        return True


def release_of(store: Store, folder: str, host: str, pid: int) -> bool:
    """Release the lease of a process that is known to be dead, such as a container's; tell whether it had it."""
    number, holder = Lease(store, folder, "").look()
    if holder is None or holder.released or (holder.host, holder.pid) != (host, pid):
        return False
    released = holder.model_copy(update={"released": True})
    return Records(store, f"{folder}/").put(number + 1, released.model_dump(exclude_none=True))
