"""What a Spark task does: one slice of the jobs, on the GPUs that Spark gave it."""

import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from infra.compute.slice_task import SliceDone, SliceTask, do_slice


def run_task(task: SliceTask, _: Iterator[int]) -> Iterator[SliceDone]:
    """Do a slice on an executor.

    Raises:
        AcentoError: the store fails; Spark then tries the task again.
    """
    from pyspark import TaskContext

    context = TaskContext.get()
    assert context is not None  # this is a task
    see_gpus(context.resources())
    yield do_slice(task)


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
