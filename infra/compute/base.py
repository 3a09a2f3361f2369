"""The compute interface: jobs go in, results come out as they are ready, and all of it can be called off."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from acento.jobs.job import Job, Result
from acento.models.devices import Elsewhere
from acento.training.loop.state import Row


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one submitted job: a result, or the error that stopped it."""

    job: Job
    result: Result | None
    error: BaseException | None = None


class Compute(ABC):
    """A place where jobs are executed by the same ``Runner`` everywhere. Between runs it may keep models loaded."""

    name: str

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
        self,
        jobs: Sequence[Job],
        *,
        placements: int,
        heard: Callable[[float], None] = lambda _: None,
        noted: Callable[[Row], None] = lambda _: None,
        stop: Callable[[], str | None] = lambda: None,
    ) -> Generator[Outcome, None, None]:
        """Execute jobs by so many workers, processes or threads; yield each outcome when it is there, in any order.

        A job that fails does not stop the others. Closing the iterator calls off what is not done. Several threads may
        call this at once, each with jobs of its own.

        Args:
            jobs: what to do.
            placements: how many workers at a time.
            heard: told audio seconds as they are decoded, from any thread, where the backend can know.
            noted: told each new row of a training's history, from any thread.
            stop: asked now and then while trainings run; a reason ends them with a checkpoint.
        """

    @abstractmethod
    def close(self) -> None:
        """Free what is kept between runs."""
