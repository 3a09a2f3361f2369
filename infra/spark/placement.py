"""What a Spark task does: it is one placement, which opens the store and takes jobs of a board until none is free."""

import os
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from acento.core.errors import AcentoError, InputError, TransientError
from acento.core.settings import settings
from acento.core.store import open_store
from acento.inference.runner import Runner
from infra.compute.board import BEAT_S, Board


@dataclass(frozen=True, slots=True)
class Errand:
    """What all placements of a run are told: a few words, as the jobs themselves are on the board."""

    store: str
    board: str
    count: int
    """How many placements share the work."""
    environment: Mapping[str, str]
    """Settings of the driver that executors must share."""
    beat_s: float = BEAT_S


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a placement was, and what it did there."""

    name: str
    host: str
    pid: int
    gpus: tuple[str, ...]
    done: int
    failed: int
    why: str
    """Why it ended, in words for a person."""
    refused: str = ""
    """Why it could not begin, which trying again would not change."""


def placement_prefix(number: int) -> str:
    """Return what the names of one placement's attempts begin with.

    >>> placement_prefix(1)
    'spark-0001.'
    """
    return f"spark-{number:04d}."


def task_of(placement: str) -> int:
    """Return the id of the Spark task attempt that is a placement, from its name.

    >>> task_of("spark-0001.17")
    17
    """
    return int(placement.rpartition(".")[2])


def place(errand: Errand, number: int) -> Iterator[Placed]:
    """Serve a board as the placement of that number; what a Spark task runs on an executor.

    An earlier attempt of this task is dead, as Spark says by trying again: what it had taken is free, and what it had
    finished is in the store.

    Raises:
        AcentoError: the store fails; Spark then tries the task again.
    """
    from pyspark import TaskContext

    context = TaskContext.get()
    assert context is not None  # this is a task
    gpus = see_gpus(context.resources())
    os.environ.update(errand.environment)
    settings.cache_clear()
    prefix = placement_prefix(number)
    name = f"{prefix}{context.taskAttemptId()}"
    where: dict[str, Any] = {
        "name": name,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "gpus": gpus,
    }
    try:
        store = open_store(errand.store)
        board = Board(store, errand.board, beat_s=errand.beat_s)
        board.jobs  # noqa: B018  (reads the list: this machine may not see the store)
    except TransientError:
        raise
    except InputError as error:
        yield Placed(**where, done=0, failed=0, why="", refused=str(error))
        return
    except AcentoError as error:
        refused = f"{socket.gethostname()}, a Spark executor, does not see the store {errand.store}: {error}"
        yield Placed(**where, done=0, failed=0, why="", refused=refused)
        return
    for earlier in board.beats():
        if earlier.startswith(prefix) and earlier != name:
            board.void(earlier, "Spark lost its executor or ended its process")
    runner = Runner(store)
    try:
        served = board.serve(runner, name, "spark", errand.count)
    finally:
        runner.close()
    yield Placed(**where, done=served.done, failed=served.failed, why=served.why)


def see_gpus(resources: Mapping[str, Any]) -> tuple[str, ...]:
    """Let this process see only the GPUs that Spark gave its task, and return their addresses; none: change nothing.

    Raises:
        RuntimeError: it has used another one already; Spark then tries the task in a new process.
    """
    if "gpu" not in resources:
        return ()
    addresses = tuple(str(address) for address in resources["gpu"].addresses)
    wanted = ",".join(addresses)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized() and os.environ.get("CUDA_VISIBLE_DEVICES") != wanted:
        raise RuntimeError(f"This Python process has used another GPU than {wanted}; a new one is needed.")
    os.environ["CUDA_VISIBLE_DEVICES"] = wanted
    return addresses
