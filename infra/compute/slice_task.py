"""A slice as a task of an engine that sends Python objects to processes elsewhere (Spark, Ray)."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from acento.core.errors import AcentoError, InputError, TransientError
from acento.core.settings import settings
from acento.core.store import open_store
from acento.inference.runner import Runner
from infra.compute.worker import run_slice
from infra.compute.worklist import WorkList


@dataclass(frozen=True, slots=True)
class SliceTask:
    """What a process elsewhere is told: a few words, as the jobs themselves are in the store."""

    store: str
    work: str
    """The id of the list of jobs."""
    run: str
    indices: tuple[int, ...]
    backend: str
    count: int
    """How many runs share the work."""
    environment: Mapping[str, str]
    """Settings of the parent that this process must share."""


@dataclass(frozen=True, slots=True)
class SliceDone:
    """Where a slice was done, and what came of it."""

    host: str
    pid: int
    done: int = 0
    failed: int = 0
    why: str = ""
    """Why it ended, in words for a person."""
    refused: str = ""
    """Why it could not begin, which trying again would not change."""


def do_slice(task: SliceTask) -> SliceDone:
    """Do the jobs of a slice in this process.

    Raises:
        AcentoError: the store fails.
    """
    os.environ.update(task.environment)
    settings.cache_clear()
    host, pid = socket.gethostname(), os.getpid()
    try:
        store = open_store(task.store)
        work = WorkList(store, task.work)
        work.jobs  # noqa: B018  (reads the list: this machine may not see the store)
    except TransientError:
        raise
    except InputError as error:
        return SliceDone(host, pid, refused=str(error))
    except AcentoError as error:
        return SliceDone(host, pid, refused=f"{host}, a worker, does not see the store {task.store}: {error}")
    runner = Runner(store)
    try:
        report = run_slice(work, runner, task.run, task.indices, backend=task.backend, count=task.count)
    finally:
        runner.close()
    return SliceDone(host, pid, report.done, report.failed, report.why)
