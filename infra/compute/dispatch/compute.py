"""The base of backends whose workers are runs of an engine: jobs and outcomes go through the store."""

import time
from abc import abstractmethod
from collections.abc import Generator, Sequence

from acento.core.callbacks import NO_CALLBACKS, Callbacks
from acento.core.store import Store
from acento.jobs.job import Job
from infra.compute.base import Compute, Outcome
from infra.compute.dispatch.dispatcher import Dispatcher
from infra.compute.dispatch.engine import SliceEngine
from infra.compute.dispatch.sizing import Sizer
from infra.compute.dispatch.worklist import HEARTBEAT_S, WorkList
from infra.compute.reach import portable

QUIT_S = 15.0
"""Seconds that runs may take to end by themselves, once nothing is left for them."""


class DispatchedCompute(Compute):
    """Slices of the jobs as runs of an engine."""

    heartbeat_s = HEARTBEAT_S
    """Seconds between two signs of life of a run; after six that are missing it is given up."""
    patience_s = 120.0
    """Seconds that runs have for a checkpoint, once their parent is called off, before the engine kills them."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._sizer = Sizer()
        self._ending: list[Dispatcher] = []

    @abstractmethod
    def open_engine(self, jobs: Sequence[Job]) -> SliceEngine:
        """Return the engine for some jobs, ready to take runs.

        Raises:
            InputError: something is missing, or its workers cannot reach the store or a model.
            TransientError: it does not answer.
        """

    def run(
        self, jobs: Sequence[Job], *, workers: int, callbacks: Callbacks = NO_CALLBACKS
    ) -> Generator[Outcome, None, None]:
        """See :meth:`Compute.run`; raises what :meth:`open_engine` and :meth:`Dispatcher.run` raise."""
        if not jobs:
            return
        engine = self.open_engine(jobs)
        work = WorkList.post(self._store, [portable(job) for job in jobs], heartbeat_s=self.heartbeat_s)
        dispatcher = Dispatcher(work, jobs, engine, self._sizer)
        try:
            yield from dispatcher.run(workers, callbacks, patience_s=self.patience_s)
        finally:
            engine.close()
        self._ending.append(dispatcher)

    def close(self) -> None:
        """See :meth:`Compute.close`: runs that are ending have ended, or are called off."""
        ending, self._ending = self._ending, []
        deadline = time.monotonic() + QUIT_S
        for dispatcher in ending:
            dispatcher.wait(deadline)
