"""What is submitted: jobs that wait in slices, how many runs they justify, and what a run leaves to another one."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from acento.core.settings import settings
from acento.jobs.job import Job
from infra.compute.dispatch.engine import Phase
from infra.compute.dispatch.sizing import Pace, Sizer, cut, cut_tail
from infra.compute.dispatch.worklist import WorkList

SILENT_BEATS = 6
"""A run without so many signs of life is dead."""


@dataclass(slots=True)
class Run:
    """One submitted slice, as the parent knows it."""

    name: str
    id: str
    indices: list[int]
    """Jobs that have no outcome yet and were not given to another run."""
    pace: Pace
    seen: float
    """When its last record was read, or its phase changed."""
    phase: Phase = "waiting"
    began: bool = False
    process: tuple[str, int] | None = None
    """Host and process id."""
    at: int | None = None
    """The job that it is at."""
    audio_s: float = 0.0
    """Seconds of audio decoded."""
    read: int = 0
    """The number of the last record that was read."""
    ended: bool = False

    def update(self, record: Mapping[str, Any]) -> float:
        """Take a record of the run into account, and return how many more seconds of audio were decoded."""
        self.began, self.seen = True, time.monotonic()
        self.at, self.process = record["at"], (str(record["host"]), int(record["pid"]))
        more = max(0.0, float(record["heard"]) - self.audio_s)
        self.audio_s += more
        self.pace.see(self.seen, self.audio_s)
        return more

    def lost(self, now: float, heartbeat_s: float, taken_limit_s: float) -> str | None:
        """Say why the run is to be given up: it fell silent, or a worker took it and never began; None: it is not."""
        silent = now - self.seen
        if self.began:
            return f"it gave no sign of life for {silent:.0f} s" if silent > SILENT_BEATS * heartbeat_s else None
        taken = self.phase in ("taken", "running") and silent > taken_limit_s
        return f"a worker took it, and for {silent:.0f} s it has not begun" if taken else None


class Slices:
    """The jobs of a work list that wait for a run."""

    def __init__(self, work: WorkList, jobs: Sequence[Job], sizer: Sizer) -> None:
        """Take the list, its jobs (at least one), and what is known of the speed of workers."""
        self._work, self._jobs, self._sizer = work, jobs, sizer
        self._training = jobs[0].kind == "finetune"
        self._seconds = [0.0 if job.kind == "finetune" else job.seconds for job in jobs]
        self._queue: deque[list[int]] = deque()
        self._replacements = 0
        self.wanted = 0
        """How many runs the work justifies."""

    def size(self, left: int, most: int, audio_s: float, runs: Sequence[Run]) -> str | None:
        """Determine how many runs the work justifies, and cut it when that is first known.

        Args:
            left: jobs without an outcome.
            most: how many runs were asked for.
            audio_s: seconds of audio that were decoded.
            runs: all that there were.

        Returns:
            Why more runs are wanted than before; None: they are not.
        """
        self._sizer.learn(self._jobs, [run.pace for run in runs])
        size = self._sizer.wanted(self._jobs, left, most, audio_s)
        more = size.workers > self.wanted
        self.wanted = max(self.wanted, size.workers)
        if not runs and not self._queue:
            self._queue.extend(cut(self._seconds, len(self._jobs) if self._training else self.wanted))
        return size.why if more else None

    def put_first(self, indices: list[int], *, replaces: bool = False) -> None:
        """Queue a slice before all others; ``replaces``: its run ended, and a new one takes that run's place."""
        self._queue.appendleft(indices)
        self._replacements += replaces

    def take(self, runs: Sequence[Run]) -> list[int]:
        """Return the next slice; empty: there is none, nor is it worth it to take jobs over from a run.

        Jobs are taken over from the run with most of its work before it. A run more is worth its start while fewer
        were begun than the work justifies; after that only if the other run would still be at it for long, and nothing
        waits for a worker.
        """
        if self._queue:
            return self._queue.popleft()
        alive = [run for run in runs if not run.ended]
        begun = [run for run in alive if run.began]
        justified = len(runs) - self._replacements < self.wanted
        if self._training or not begun or len(alive) - len(begun) >= (len(begun) if justified else 1):
            return []
        speed, start_s = self._sizer.speed(self._jobs), self._sizer.start_s

        def seconds_left(run: Run) -> float:
            return sum(self._seconds[index] for index in run.indices if index != run.at) / (run.pace.rtfx or speed)

        run = max(begun, key=seconds_left)
        if not justified and seconds_left(run) < start_s * max(2.0, 0.2 / settings().start_share):
            return []
        rest = [index for index in run.indices if index != run.at]
        given = rest[cut_tail([self._seconds[index] for index in rest], run.pace.rtfx or speed, speed, start_s) :]
        if given:
            self._work.leave(run.name, given)
            run.indices = [index for index in run.indices if index not in given]
        return given
