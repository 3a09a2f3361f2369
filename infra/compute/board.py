"""How placements in other processes share jobs through the store alone: no engine, no rename, no clock in common.

A board is posted by the parent, who waits for outcomes. A placement opens it by its id and takes jobs until none is
free. All that the two sides say to each other are small files that exactly one writer creates::

    boards/<id>/                   an artifact: every job, a line each
        claims/<job>.<round>       who took a job; the next round begins when that placement was given up
        outcomes/<job>             what came of it: a result, or an error and its sentence
        beats/<placement>.<n>      that a placement lives, and how much audio it has heard; so does the parent's own
        rows/<placement>.<n>       new rows of trainings, removed by the parent when it has read them
        orders/                    to placements: ``stop``, ``cancel``, and ``void.<placement>``

Two placements that do the same job after all (one was given up and lived on) waste time and harm nothing: executing a
job is idempotent, and the first outcome counts.
"""

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, TypeAdapter

from acento.core.errors import StoreError
from acento.core.store import Store
from acento.inference.runner import Runner
from acento.jobs.job import Job
from acento.training.loop.state import Row
from infra.compute.base import Outcome
from infra.compute.claims import Claims
from infra.compute.telling import read_outcome, tell_deaths

if TYPE_CHECKING:
    from infra.compute.serving import Served

BEAT_S = 10.0
"""Seconds between two beats of a placement or parent."""
DEATHS = 3
"""So many placements may die over one job, before the job itself is held to be the cause."""
ABANDONED_S = 24 * 3600.0
"""A board is removed by the next one when its parent has been silent for so many seconds."""
PARENT = "parent"

_FOLDER = "boards"
_JOBS = "jobs.jsonl"
_TRIES, _AGAIN_S = 5, 0.2
_JOB: TypeAdapter[Job] = TypeAdapter(Annotated[Job, Field(discriminator="kind")])


class Board:
    """One list of jobs and what became of them. Parent and placements each have an object of their own."""

    def __init__(self, store: Store, id: str, *, beat_s: float | None = None) -> None:
        """Open the board that ``post`` made; it says how often to beat, unless ``beat_s`` does."""
        self.store, self.id = store, id
        if beat_s is not None:
            self.beat_s = beat_s
        self.key = f"{_FOLDER}/{id}"
        self._claims = Claims(store, self.key)
        self._told: set[int] = set()
        self._numbers: dict[str, int] = {}
        self._seen: dict[str, float] = {}
        self._heard: dict[str, float] = {}
        self._rows: list[Row] = []
        self._beaten, self._number = float("-inf"), 0

    @classmethod
    def post(cls, store: Store, jobs: Sequence[Job], *, beat_s: float = BEAT_S) -> "Board":
        """Write the jobs down for placements to take, and return the parent's side of the new board.

        Raises:
            StoreError: the store cannot be written.
        """
        sweep(store)
        board = cls(store, secrets.token_hex(8), beat_s=beat_s)
        board.jobs = list(jobs)
        with store.publish(board.key) as draft:
            lines = "".join(job.model_dump_json() + "\n" for job in jobs)
            (draft.folder / _JOBS).write_text(lines, encoding="utf-8")
            draft.info |= {"began": time.time(), "host": socket.gethostname(), "pid": os.getpid()}
            draft.info |= {"jobs": len(jobs), "beat_s": beat_s}
        board._beat_as_parent()
        return board

    @cached_property
    def beat_s(self) -> float:
        """Seconds between two beats, of parent and placements."""
        artifact = self.store.find(self.key)
        return BEAT_S if artifact is None else float(artifact.info.get("beat_s", BEAT_S))

    @cached_property
    def jobs(self) -> list[Job]:
        """Every job, in the order in which placements begin them.

        Raises:
            StoreError: the board is gone: its parent has ended.
        """
        self.store.refresh()
        return [_JOB.validate_json(line) for line in self.store.read_bytes(self.key, _JOBS).splitlines()]

    @property
    def open(self) -> bool:
        """Whether the board is there: its parent still waits for what comes of it."""
        self.store.refresh()
        return self.store.find(self.key) is not None

    @property
    def seconds(self) -> float:
        """The audio of all transcriptions, in seconds."""
        return sum(job.seconds for job in self.jobs if job.kind == "transcribe")

    def serve(
        self,
        runner: Runner,
        name: str,
        backend: str,
        count: int,
        *,
        ending: Event | None = None,
        heard: Callable[[float], None] = lambda _: None,
    ) -> "Served":
        """Take jobs until none is free, as a placement: see :func:`infra.compute.serving.serve`."""
        from infra.compute.serving import serve

        return serve(self, runner, name, backend, count, ending=ending, heard=heard)

    # ---- what placements do

    def take(self, name: str) -> int | None:
        """Take the first free job for a placement and return its index; None when none is free."""
        if not self.open:
            return None
        for index, round_ in self.free():
            if self._claims.put(f"claims/{index:06d}.{round_:04d}", {"by": name}):
                return index
        return None

    def dead(self, index: int) -> list[tuple[str, int]]:
        """Return the host and process of each placement that was given up while it had a job."""
        names = self._claims.lost(index)
        last = {name: number for name, number in sorted(self._list_beats()) if name in names}
        about = [self._claims.get(f"beats/{name}.{number:08d}") for name, number in last.items()]
        return [(str(one["host"]), int(one["pid"])) for one in about if "pid" in one]

    def finish(self, index: int, told: dict[str, Any]) -> None:
        """Write down what came of a job; if somebody else did so first, that stays."""
        self._claims.put(f"outcomes/{index:06d}", told)

    def beat(self, name: str, number: int, about: dict[str, Any]) -> None:
        """Say that a placement lives; ``number`` grows by one from beat to beat."""
        self._claims.put(f"beats/{name}.{number:08d}", about)
        if number:
            self.store.remove(f"{self.key}/beats/{name}.{number - 1:08d}")

    def note(self, name: str, number: int, rows: Sequence[Row]) -> None:
        """Hand new rows of trainings to the parent."""
        self._claims.put(f"rows/{name}.{number:08d}", {"rows": list(rows)})

    def orders(self) -> dict[str, str]:
        """Return what placements are told: ``stop`` with its reason, ``cancel``, ``void.NAME``; all of them end a job.

        A board that is gone says ``cancel``.
        """
        if not self.open:
            return {"cancel": "the run that asked for it has ended"}
        found = {}
        for order in self._claims.names("orders"):
            found[order] = "" if order.startswith("void.") else str(self._claims.get(f"orders/{order}").get("why", ""))
        return found

    def parent_beat(self) -> int | None:
        """Return the number of the parent's last beat; None when there is none."""
        return max((number for name, number in self._list_beats() if name == PARENT), default=None)

    # ---- what the parent does

    def outcomes(self) -> list[Outcome]:
        """Return what became of jobs since the last call; each job comes once. Also says that the parent lives."""
        self.store.refresh()
        self._beat_as_parent()
        self._end_exhausted()
        new = sorted(self._claims.outcomes() - self._told)
        self._read_rows()  # after the list of outcomes: a job's rows are all there before its outcome is
        found = [Outcome(self.jobs[i], *read_outcome(self.jobs[i], self._claims.get(f"outcomes/{i:06d}"))) for i in new]
        self._told |= set(new)
        return found

    @property
    def left(self) -> int:
        """How many jobs have had no outcome yet, as far as ``outcomes`` has told."""
        return len(self.jobs) - len(self._told)

    @property
    def unfinished(self) -> list[Job]:
        """The jobs of which ``outcomes`` has told nothing yet."""
        return [job for index, job in enumerate(self.jobs) if index not in self._told]

    def free(self) -> list[tuple[int, int]]:
        """Return the jobs that somebody may take now, each with the round of the claim to make."""
        return self._claims.free(len(self.jobs), DEATHS)

    def holds(self, name: str) -> list[int]:
        """Return the jobs that a placement has taken and not finished."""
        return self._claims.held_by(name)

    def void(self, name: str, why: str = "", *, blame: bool = True) -> None:
        """Give up a placement: what it had taken is free again.

        Args:
            name: the placement.
            why: what its end was, for the sentence of a job that ends placement after placement.
            blame: whether the job that it was doing may be the cause; not where a machine was taken away in order.
        """
        self._claims.put(f"orders/void.{name}", {"why": why, "blame": blame})

    def beats(self) -> dict[str, float]:
        """Return when this object last saw something new of each placement, in seconds of ``time.monotonic``."""
        self.store.refresh()
        now = time.monotonic()
        for name, number in self._list_beats():
            if name != PARENT and number > self._numbers.get(name, -1):
                self._numbers[name], self._seen[name] = number, now
                about = self._claims.get(f"beats/{name}.{number:08d}")
                self._heard[name] = max(self._heard.get(name, 0.0), float(about.get("heard", 0.0)))
        return dict(self._seen)

    def progress(self) -> float:
        """Return the audio seconds that placements have heard in all, as far as ``beats`` has seen."""
        return sum(self._heard.values())

    @property
    def heard(self) -> Mapping[str, float]:
        """The audio seconds that each placement has heard, as far as ``beats`` has seen."""
        return self._heard

    def rows(self) -> list[Row]:
        """Return new rows of trainings, each row once, those of a training in their order."""
        self._read_rows()
        rows, self._rows = self._rows, []
        return rows

    def stop(self, reason: str) -> None:
        """End trainings with a checkpoint; the results say that they were stopped."""
        self._claims.put("orders/stop", {"why": reason})

    def cancel(self, reason: str = "the run that asked for it was called off") -> None:
        """Call off everything: placements keep checkpoints, and end."""
        self._claims.put("orders/cancel", {"why": reason})

    def clear(self) -> None:
        """Remove the board and all that was said on it; a placement that is just ending may still write to it."""
        for attempt in range(_TRIES):
            try:
                self.store.remove(self.key)
                return
            except StoreError:
                if attempt == _TRIES - 1:
                    raise
                time.sleep(_AGAIN_S)

    def _end_exhausted(self) -> None:
        """Let jobs that ended one placement after another come to an error."""
        for index, why in self._claims.exhausted(DEATHS):
            self.finish(index, tell_deaths(self.jobs[index], why))

    def _list_beats(self) -> Iterator[tuple[str, int]]:
        for file in self._claims.names("beats"):
            name, _, number = file.rpartition(".")
            yield name, int(number)

    def _beat_as_parent(self) -> None:
        now = time.monotonic()
        if now - self._beaten >= self.beat_s:
            self._beaten = now
            self.beat(PARENT, self._number, {"when": time.time()})
            self._number += 1

    def _read_rows(self) -> None:
        for file in self._claims.names("rows"):
            self._rows += self._claims.get(f"rows/{file}").get("rows", [])
            self.store.remove(f"{self.key}/rows/{file}")


def sweep(store: Store) -> list[str]:
    """Remove boards whose parents have been silent for a day, and return their ids."""
    removed = []
    for key in list(store.list(_FOLDER)):
        artifact = store.find(key)
        if artifact is None:
            continue
        board = Board(store, key.rpartition("/")[2])
        number = board.parent_beat()
        beat = {} if number is None else board._claims.get(f"beats/{PARENT}.{number:08d}")
        if time.time() - float(beat.get("when", artifact.info.get("began", 0.0))) > ABANDONED_S:
            try:
                board.clear()
            except StoreError:
                continue  # another parent sweeps too
            removed.append(board.id)
    return removed
