"""What all tasks have in common, in one place: when they are tried again, what is kept of them, how they are named.

A retry is for what may pass (network, a machine taken away), never for a bug or bad input. Prefect's result cache is
not asked: the store is the truth, and a task that finds its work done says so with a state named ``Cached``.
"""

import logging
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from prefect import Task, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.states import Completed
from prefect.tasks import exponential_backoff

from acento.core.errors import may_pass

_log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

CACHED = "Cached"
"""The name of the completed state of a task that had nothing new to do."""


def worth_retrying(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Tell Prefect whether to try a failed task again: only what may pass by itself."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and may_pass(error)


def step(name: str, run_name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a function a task of the pipeline; ``run_name`` is a template of its parameters, read by people."""
    return task(
        name=name,
        task_run_name=run_name,
        tags=[name],
        retries=3,
        retry_delay_seconds=exponential_backoff(backoff_factor=2),
        retry_jitter_factor=0.5,
        retry_condition_fn=worth_retrying,
        cache_policy=NO_CACHE,
        persist_result=False,
        result_serializer="json",
    )


def cached(reference: R) -> R:
    """Return ``reference`` as the result of a task that had nothing new to do.

    What is really returned is a Prefect state around it, named ``Cached``; :func:`run_task` gives the reference again.
    """
    return cast(R, Completed(name=CACHED, message="All of it was in the store.", data=reference))


def log(sentence: str) -> None:
    """Log a sentence of the current task run, where Prefect's UI shows it; outside of a run to Python's log."""
    if TaskRunContext.get() is not None:
        get_run_logger().info(sentence)
    else:
        _log.info(sentence)


def run_task(run: Task[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a task here and now, and return its reference, whichever state it came in.

    Calling the task itself would hand over the state, and not the reference, when the task chose its state.
    """
    state: State[R] = run(*args, return_state=True, **kwargs)
    return state.result()
