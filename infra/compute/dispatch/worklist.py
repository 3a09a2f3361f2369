"""A frozen list of jobs in the store, and all that a parent and its runs say to each other about it.

The engine (Prefect, Spark, Ray) hands out slices of the list and nothing else: what has to arrive although its server
is away, or its worker is gone, lies here as small numbered records that one writer creates::

    worklists/<id>/                an artifact: every job, a line each
        parent/                    the parent's heartbeat
        orders/                    to all runs: ``stop``, ``cancel``, ``leave``
        runs/<run>/                what one run says: where it is and at which job, audio heard, rows, outcomes, its end

A job may be done twice, by a run that was given up and lived on: that wastes time and harms nothing, as executing a job
is idempotent.
"""

import os
import secrets
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, TypeAdapter

from acento.core.errors import StoreError
from acento.core.store import Store
from acento.core.store.coordination import Records
from acento.jobs.job import Job

HEARTBEAT_S = 10.0
"""Seconds between two signs of life of a run or a parent."""
ABANDONED_S = 24 * 3600.0
"""A list is removed by the next parent when its own one has been silent for so many seconds."""

FOLDER = "worklists"
_JOBS = "jobs.jsonl"
_TRIES, _AGAIN_S = 5, 0.2
_JOB: TypeAdapter[Job] = TypeAdapter(Annotated[Job, Field(discriminator="kind")])


class WorkList:
    """One list of jobs. The parent and each run have an object of their own."""

    def __init__(self, store: Store, id: str) -> None:
        self.store, self.id = store, id
        self.key = f"{FOLDER}/{id}"
        self.parent = Records(store, f"{self.key}/parent/")
        self.orders = Records(store, f"{self.key}/orders/")

    @classmethod
    def post(cls, store: Store, jobs: Sequence[Job], *, heartbeat_s: float = HEARTBEAT_S) -> Self:
        """Write the jobs down and return the parent's side of the new list.

        Raises:
            StoreError: the store cannot be written.
        """
        sweep(store)
        work = cls(store, secrets.token_hex(8))
        with store.publish(work.key) as draft:
            lines = "".join(job.model_dump_json() + "\n" for job in jobs)
            (draft.folder / _JOBS).write_text(lines, encoding="utf-8")
            draft.info |= {"began": time.time(), "host": socket.gethostname(), "pid": os.getpid()}
            draft.info |= {"jobs": len(jobs), "heartbeat_s": heartbeat_s}
        work.beat()
        return work

    @cached_property
    def heartbeat_s(self) -> float:
        """Seconds between two signs of life, of the parent and of runs."""
        artifact = self.store.find(self.key)
        return HEARTBEAT_S if artifact is None else float(artifact.info.get("heartbeat_s", HEARTBEAT_S))

    @cached_property
    def jobs(self) -> list[Job]:
        """Every job, in the order of its index.

        Raises:
            StoreError: the list is gone: its parent has ended.
        """
        self.store.refresh()
        return [_JOB.validate_json(line) for line in self.store.read_bytes(self.key, _JOBS).splitlines()]

    @property
    def exists(self) -> bool:
        """Whether the list is there: its parent still waits for what comes of it."""
        self.store.refresh()
        return self.store.find(self.key) is not None

    def run(self, name: str) -> Records:
        """Return the records of a run."""
        return Records(self.store, f"{self.key}/runs/{name}/")

    def beat(self) -> None:
        """Say that the parent lives."""
        number = self.parent.append({"when": time.time()})
        self.parent.clear([number - 1])

    def stop(self, reason: str) -> None:
        """End trainings with a checkpoint; their results say that they were stopped."""
        self.orders.append({"stop": reason})

    def cancel(self) -> None:
        """End all runs at once, trainings with a checkpoint."""
        self.orders.append({"cancel": "the run that asked for it was called off"})

    def leave(self, run: str, indices: Sequence[int] | None = None) -> None:
        """Let a run leave some of its jobs to another one; None: all of them, because it is held to be dead."""
        self.orders.append({"leave": run, "jobs": None if indices is None else list(indices)})

    def clear(self) -> None:
        """Remove the list and all records; a run that is just ending may still write one."""
        for _ in range(_TRIES - 1):
            with suppress(StoreError):
                return self.store.remove(self.key)
            time.sleep(_AGAIN_S)
        return self.store.remove(self.key)


def sweep(store: Store) -> list[str]:
    """Remove lists whose parents have been silent for a day, and return their ids."""
    removed = []
    for key in list(store.list(FOLDER)):
        artifact = store.find(key)
        if artifact is None:
            continue
        work = WorkList(store, key.rpartition("/")[2])
        _, beat = work.parent.last()
        when = artifact.info.get("began", 0.0) if beat is None else beat["when"]
        if time.time() - float(when) > ABANDONED_S:
            try:
                work.clear()
            except StoreError:
                continue  # another parent sweeps too
            removed.append(work.id)
    return removed
