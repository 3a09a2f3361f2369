"""Compute in this process: workers are threads that share one loaded model and take jobs from one queue.

A training wants a process for itself, as torch's random state and number of threads belong to a process: the first one
has this process, and others that run beside it have processes of their own.
"""

import threading
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from acento.core.callbacks import NO_CALLBACKS, Callbacks
from acento.core.store import Store
from acento.inference.runner import Runner, Worker
from acento.jobs.job import Job, Result
from acento.models.devices import held_by_cores
from infra.compute.apart import Apart
from infra.compute.base import Compute, Outcome


class InlineCompute(Compute):
    """The default: no server, no pool, the model loaded once."""

    name = "inline"

    def __init__(self, store: Store) -> None:
        """Take the store that jobs read from and write to."""
        self._runner, self._apart = Runner(store), Apart(store)
        self._training = threading.Lock()

    def run(
        self,
        jobs: Sequence[Job],
        *,
        workers: int,
        callbacks: Callbacks = NO_CALLBACKS,
    ) -> Generator[Outcome, None, None]:
        """See :meth:`Compute.run`."""
        workers = _useful(jobs, workers)
        worker = Worker(self.name, workers, callbacks)
        todo = iter(jobs)
        running: dict[Future[Result], Job] = {}
        pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="worker")
        try:
            while True:
                while len(running) < workers and (job := next(todo, None)) is not None:
                    running[pool.submit(self._execute, job, worker)] = job
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    job = running.pop(future)
                    error = future.exception()
                    yield Outcome(job, None if error else future.result(), error)
        finally:
            worker.cancelled.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """See :meth:`Compute.close`."""
        self._apart.close()
        self._runner.close()

    def _execute(self, job: Job, worker: Worker) -> Result:
        """Do a job, a training that finds another one here in a process of its own."""
        if job.kind != "finetune":
            return self._runner.execute(job, worker)
        if not self._training.acquire(blocking=False):
            return self._apart.execute(job, worker)
        try:
            return self._runner.execute(job, worker)
        finally:
            self._training.release()


def _useful(jobs: Sequence[Job], workers: int) -> int:
    """Return how many workers share some work: of threads that decode on the CPU no more than its cores hold.

    Others would wait for a core, each with the memory of a batch, and end later than the rest.
    """
    first = jobs[0] if jobs else None
    if first is None or first.kind == "finetune" or first.options.device_type != "cpu":
        return workers
    return min(workers, held_by_cores(first.options.threads))
