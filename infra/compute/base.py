"""The compute interface: jobs go in, results come out as they are ready, and all of it can be called off."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from acento.core.callbacks import NO_CALLBACKS, Callbacks
from acento.core.store import Store
from acento.jobs.job import Job, Result
from acento.models.devices import Elsewhere


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one submitted job: a result, or the error that stopped it."""

    job: Job
    result: Result | None = None
    error: BaseException | None = None


class Compute(ABC):
    """A place where jobs are executed by the same ``Runner`` everywhere. Between runs it may keep models loaded."""

    name: str

    def __init__(self, store: Store) -> None:
        """Take the store that jobs read from and write to; every worker must reach it by the same URL."""
        self._store = store

    def check(self, *, begin: bool = True) -> Elsewhere | None:  # noqa: ARG002 - here nothing can be lacking
        """See that work could begin, before any is planned, and say what is known of the machines that would do it.

        Args:
            begin: False: the work may all have been done, so see only that it could be planned.

        Returns:
            None where they are this machine, whose devices can be asked.

        Raises:
            InputError: something has to be set up first: a server, a pool, a worker, a token; the sentence says what.
        """
        return None

    @abstractmethod
    def run(
        self, jobs: Sequence[Job], *, workers: int, callbacks: Callbacks = NO_CALLBACKS
    ) -> Generator[Outcome, None, None]:
        """Execute jobs by so many workers, processes or threads; yield each outcome when it is there, in any order.

        A job that fails does not stop the others. Closing the iterator calls off what is not done. Several threads may
        call this at once, each with jobs of its own.

        Args:
            jobs: what to do.
            workers: how many at a time.
            callbacks: called from any thread.
        """

    def close(self) -> None:  # noqa: B027 - where nothing is kept
        """Free what is kept between runs."""
