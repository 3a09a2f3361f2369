"""An engine whose runs are children forked from the test, whose fakes they have: they can be killed like real ones."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event

from forked import fork

from acento.core.store import Store
from acento.inference.runner import Runner
from infra.compute.dispatch.engine import RunState, SliceEngine
from infra.compute.dispatch.worker import run_slice
from infra.compute.dispatch.worklist import WorkList


class LocalEngine(SliceEngine):
    """A queue of runs, of which at most ``limit`` are at work. The test must run no threads of its own meanwhile."""

    title = "the engine"

    def __init__(self, open_store: Callable[[], Store], *, limit: int = 99, runner: Callable[[Store], Runner] = Runner):
        self.open_store, self.limit, self.runner = open_store, limit, runner
        self.submitted: list[list[int]] = []
        self.children: dict[str, int] = {}
        self.ended: dict[str, RunState] = {}
        self.said: list[str] = []
        self.away = False
        self.refuses_to_wait = False
        """Whether what would have to wait is cancelled, as a Prefect limit with the strategy CANCEL_NEW does."""
        self.begin: Callable[[str], bool] = lambda _: True
        """Whether a run that a worker takes begins."""
        self._waiting: dict[str, tuple[str, Sequence[int], int]] = {}

    def submit(self, work: str, run: str, indices: Sequence[int], count: int) -> str | None:
        if self.away:
            return None
        self.submitted.append(list(indices))
        self._waiting[run] = (work, list(indices), count)
        self._serve()
        if run in self._waiting and self.refuses_to_wait:
            del self._waiting[run]
            self.ended[run] = RunState("cancelled", "no slot is free")
        return run

    def states(self, ids: Sequence[str]) -> Mapping[str, RunState] | None:
        if self.away:
            return None
        self._serve()
        return {run: self._state(run) for run in ids}

    def cancel(self, ids: Iterable[str]) -> None:
        for run in ids:
            if self._waiting.pop(run, None):
                self.ended[run] = RunState("cancelled")
            elif run not in self.ended and run in self.children:
                os.kill(self.children[run], signal.SIGTERM)

    def give_up(self, id: str, why: str) -> None:
        self.ended[id] = RunState("died", why)

    def say(self, sentence: str, *, warn: bool = False) -> None:  # noqa: ARG002
        self.said.append(sentence)

    def close(self) -> None:
        """Kill what is left."""
        for run, child in self.children.items():
            if child and (run not in self.ended or "Given up" in self.ended[run].why):
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)

    def _serve(self) -> None:
        for run, child in self.children.items():
            if child and run not in self.ended:
                number, status = os.waitpid(child, os.WNOHANG)
                if number:
                    code = os.waitstatus_to_exitcode(status)
                    self.ended[run] = RunState("died", f"exit code {code}") if code else RunState("ended")
        for run in list(self._waiting):
            if sum(other not in self.ended for other in self.children) < self.limit:
                work, indices, count = self._waiting.pop(run)
                if self.begin(run):
                    self.children[run] = fork(lambda: self._run(work, run, indices, count))  # noqa: B023
                else:
                    self.children[run] = 0

    def _state(self, run: str) -> RunState:
        if run in self.ended:
            return self.ended[run]
        if run in self._waiting:
            return RunState("waiting")
        return RunState("running" if self.children[run] else "taken")

    def _run(self, work: str, run: str, indices: Sequence[int], count: int) -> None:
        ending = Event()
        signal.signal(signal.SIGTERM, lambda *_: ending.set())
        store = self.open_store()
        run_slice(WorkList(store, work), self.runner(store), run, indices, backend="test", count=count, ending=ending)


@contextmanager
def engine(open_store: Callable[[], Store], **options: object) -> Iterator[LocalEngine]:
    """Yield such an engine, and kill its children afterwards."""
    made = LocalEngine(open_store, **options)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        made.close()
