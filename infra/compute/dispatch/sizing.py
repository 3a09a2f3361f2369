"""How many workers a piece of work justifies: each costs a start, and starts stay a small part of the whole."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from acento.core.settings import settings
from acento.jobs.job import Job
from acento.scoring.table import rtfx_text

START_S = 12.0
"""What a start costs where none was measured: to be noticed by a worker, a new Python, Prefect, torch, a model."""
RTFX = {"cpu": 60.0, "mps": 150.0, "cuda": 400.0}
"""Seconds of audio that a worker decodes in a second, where it was not measured: what small models do on that device,
so that no more workers start on a guess than are worth it; more follow when it was measured."""
MEASURED_S = 15.0
"""Seconds for which a worker is watched before its speed counts, as it reports its progress batch by batch."""


@dataclass(slots=True)
class Pace:
    """How fast one worker decodes, by its reports; its start and the loading of its model are left out.

    >>> pace = Pace(90.0)
    >>> for when, audio_s in ((100.0, 0.0), (112.0, 40.0), (122.0, 440.0)):
    ...     pace.see(when, audio_s)
    >>> pace.rtfx is None
    True
    >>> pace.see(132.0, 840.0)
    >>> pace.rtfx, pace.start_s
    (40.0, 22.0)
    """

    submitted: float
    """When it was asked for, in seconds of the same clock."""
    first: tuple[float, float] | None = None
    """When something was first decoded, in seconds, and how many seconds of audio."""
    last: tuple[float, float] = (0.0, 0.0)

    def see(self, when: float, audio_s: float) -> None:
        """Note how many seconds of audio were decoded until then."""
        if audio_s > self.last[1]:
            self.last = (when, audio_s)
            self.first = self.first or self.last

    @property
    def start_s(self) -> float | None:
        """Seconds until something was decoded; None: nothing was."""
        return None if self.first is None else self.first[0] - self.submitted

    @property
    def rtfx(self) -> float | None:
        """Seconds of audio in a second; None: too little is known yet."""
        if self.first is None or self.last[0] - self.first[0] < MEASURED_S:
            return None
        return (self.last[1] - self.first[1]) / (self.last[0] - self.first[0])


@dataclass(frozen=True, slots=True)
class Size:
    """How many workers, and why in words."""

    workers: int
    why: str


def size(
    audio_s: float,
    parts: int,
    most: int,
    *,
    device: str = "cpu",
    rtfx: float | None = None,
    start_s: float = START_S,
    share: float = 0.05,
) -> Size:
    """Return how many workers share some audio.

    One more worker is one more start: ``n`` of them are justified when ``n`` starts come to no more than ``share``
    of the work. A single one always is.

    Args:
        audio_s: seconds of audio that are left.
        parts: how many pieces it is in; no more workers than that can have something to do.
        most: what was asked for.
        device: where models run.
        rtfx: how fast a worker was measured to be; None: not yet.
        start_s: what a start was measured to cost.
        share: what starts may cost, as a part of the work.

    >>> size(3600, 12, 8, rtfx=10.0, start_s=6.0).workers
    3
    >>> size(36000, 120, 8, rtfx=10.0, start_s=6.0).workers
    8
    >>> size(20, 1, 8).workers
    1
    """
    speed = rtfx or RTFX.get(device, RTFX["cpu"])
    work_s = audio_s / speed
    justified = max(1, math.floor(share * work_s / start_s))
    workers = max(1, min(most, parts, justified))
    known = "measured" if rtfx else "guessed"
    why = (
        f"{audio_s:.0f} s of audio in {parts} parts are about {work_s:.0f} s of work ({known}: "
        f"{rtfx_text(speed)} times real time), and a start costs {start_s:.0f} s"
    )
    return Size(workers, f"{why}: {workers} of at most {most} workers")


def cut(seconds: Sequence[float], count: int) -> list[list[int]]:
    """Cut jobs, given by their seconds of audio, into at most so many slices of neighbors that last about as long.

    >>> cut([5, 5, 5, 5, 10], 3)
    [[0, 1], [2, 3], [4]]
    >>> cut([0, 0], 2), cut([9, 1, 1], 2), cut([1], 4)
    ([[0], [1]], [[0], [1, 2]], [[0]])
    """
    count, total, before = min(count, len(seconds)), sum(seconds), 0.0
    slices: list[list[int]] = []
    for index, its in enumerate(seconds):
        at = int(count * (before + its / 2) / total) if total else index * count // len(seconds)
        number = max(min(at, len(slices)), count - (len(seconds) - index))
        if number == len(slices):
            slices.append([])
        slices[-1].append(index)
        before += its
    return slices


def cut_tail(seconds: Sequence[float], rtfx: float, speed: float, start_s: float) -> int:
    """Return from which job on a run leaves its last ones to a new run, so that both end at about the same time.

    Args:
        seconds: of audio of each job that is left.
        rtfx: how fast the run is.
        speed: how fast the new one will be.
        start_s: what its start costs.

    >>> cut_tail([10.0] * 10, 10.0, 10.0, 0.0), cut_tail([10.0] * 10, 10.0, 10.0, 5.0)
    (5, 7)
    >>> cut_tail([10.0] * 2, 1.0, 1.0, 60.0)  # it would be done before the new one begins
    2
    """
    keep = rtfx * (sum(seconds) + start_s * speed) / (rtfx + speed)
    kept = 0.0
    for index, its in enumerate(seconds):
        kept += its
        if kept > keep:
            return index
    return len(seconds)


class Sizer:
    """What one backend's workers were measured to do, and how many of them a piece of work therefore justifies."""

    def __init__(self) -> None:
        self._rtfx: dict[str, float] = {}
        self.start_s = START_S
        """What a start costs, in seconds, as far as it is known."""

    def speed(self, jobs: Sequence[Job]) -> float:
        """Return how many seconds of audio a worker decodes in a second, as far as it is known."""
        return self._rtfx.get(_model(jobs[0])) or RTFX.get(jobs[0].options.device_type, RTFX["cpu"])

    def learn(self, jobs: Sequence[Job], paces: Iterable[Pace]) -> None:
        """Keep what is known of the workers of some jobs, for what is left of these and for those after them."""
        paces = list(paces)
        starts = [pace.start_s for pace in paces if pace.start_s is not None]
        rtfx = [pace.rtfx for pace in paces if pace.rtfx is not None]
        if starts:
            self.start_s = min(starts)
        if rtfx and jobs:
            # the most that was seen: workers that take each other's cores away are no reason for more of them
            self._rtfx[_model(jobs[0])] = max(*rtfx, self._rtfx.get(_model(jobs[0]), 0.0))

    def wanted(self, jobs: Sequence[Job], left: int, most: int, audio_s: float) -> Size:
        """Return how many workers what is left justifies; of trainings, each is a worker's work.

        Args:
            jobs: all of them.
            left: how many have not ended.
            most: what was asked for.
            audio_s: seconds of audio that were decoded already.
        """
        first = jobs[0]
        if first.kind == "finetune":
            count = min(most, left)
            return Size(count, f"{count} workers for {left} trainings")
        total = sum(job.seconds for job in jobs if job.kind != "finetune")
        return size(
            max(0.0, total - audio_s),
            left,
            most,
            device=first.options.device_type,
            rtfx=self._rtfx.get(_model(first)),
            start_s=self.start_s,
            share=settings().start_share,
        )


def _model(job: Job) -> str:
    """Name what decides how fast a worker is."""
    model = job.base if job.kind == "finetune" else job.model
    return f"{model.digest} {job.options.device_type} {job.options.dtype} {job.options.threads}"
