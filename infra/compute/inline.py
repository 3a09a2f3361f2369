"""Compute in this process: workers are threads that share one loaded model and take jobs from one queue.

A training wants a process for itself, as torch's random state and number of threads belong to a process: the first one
has this process, and others that run beside it have processes of their own.
"""

import threading
from collections.abc import Generator, Sequence
from contextlib import closing

from acento.core.callbacks import NO_CALLBACKS, Callbacks
from acento.core.store import Store
from acento.inference.runner import Runner, Worker, execute_together
from acento.jobs.job import Job, Result
from acento.models.devices import held_by_cores
from infra.compute.base import Compute, Outcome
from infra.compute.training_processes import TrainingProcesses


class InlineCompute(Compute):
    """The default: no server, no pool, the model loaded once."""

    name = "inline"

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._runner, self._processes = Runner(store), TrainingProcesses(store)
        self._training = threading.Lock()

    def run(
        self, jobs: Sequence[Job], *, workers: int, callbacks: Callbacks = NO_CALLBACKS
    ) -> Generator[Outcome, None, None]:
        workers = _useful(jobs, workers)
        worker = Worker(self.name, workers, callbacks)
        with closing(execute_together(self._execute, jobs, worker)) as ended:
            for job, result, error in ended:
                yield Outcome(job, result, error)

    def close(self) -> None:
        self._processes.close()
        self._runner.close()

    def _execute(self, job: Job, worker: Worker) -> Result:
        """Do a job, a training that finds another one here in a process of its own."""
        if job.kind != "finetune":
            return self._runner.execute(job, worker)
        if not self._training.acquire(blocking=False):
            return self._processes.execute(job, worker)
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
