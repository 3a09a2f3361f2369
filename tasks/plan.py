"""The task that plans a benchmark: everything named is found, and all work fixed, before anything is computed."""

import logging
from contextlib import closing

from acento.api.benchmarking import PlannedRun, plan_benchmark
from acento.core.errors import InputError
from acento.core.settings import settings
from acento.core.store import open_store
from acento.models.devices import Elsewhere
from acento.requests import BenchmarkRequest
from infra.compute import open_compute
from tasks.policy import step

_log = logging.getLogger(__name__)


@step("plan", run_name="plan {request.title}")
def plan_run(request: BenchmarkRequest) -> PlannedRun:
    """Find every model and data set, plan each transcription, and write down that the run was asked for."""
    elsewhere, hindrance = asked_compute(request.compute)
    return plan_benchmark(open_store(settings().store), request, elsewhere, hindrance)


def check_compute(name: str | None, *, begin: bool = True) -> Elsewhere | None:
    """See that the backend that was asked for could begin, before work is planned for it.

    Args:
        name: the backend; None: the settings' one.
        begin: False: see only that the work could be planned.

    Returns:
        What is known of its machines; None where they are this one.

    Raises:
        InputError: it could not; the sentence says what to set up.
    """
    with closing(open_compute(name or settings().compute, open_store(settings().store))) as backend:
        return backend.check(begin=begin)


def asked_compute(name: str | None) -> tuple[Elsewhere | None, InputError | None]:
    """Return what is known of a backend's machines, and why they could not begin now, which what is done needs not.

    Raises:
        InputError: not even the plan could be made.
    """
    try:
        return check_compute(name), None
    except InputError as hindrance:
        elsewhere = check_compute(name, begin=False)
        _log.warning("%s What is in the store already does without.", hindrance)
        return elsewhere, hindrance
