"""How many placements a piece of work justifies: each costs a start, and starts stay a small part of the whole."""

import math
from dataclasses import dataclass

START_S = 12.0
"""What a start costs where none was measured: to be noticed by a worker, a new Python, Prefect, torch, a model."""
RTFX = {"cpu": 60.0, "mps": 150.0, "cuda": 400.0}
"""Seconds of audio that a placement hears in a second, where it has not been measured: what small models do on that
device, so that no more placements start on a guess than are worth it; more follow when it has been measured."""
MEASURED_S = 15.0
"""Seconds for which a placement is watched before its speed counts, as it tells what it heard batch by batch."""


@dataclass(slots=True)
class Pace:
    """How fast one placement hears, by what it tells now and then; its start and the loading of its model are left out.

    >>> pace = Pace()
    >>> for when, heard in ((100.0, 0.0), (112.0, 40.0), (122.0, 440.0)):
    ...     pace.see(when, heard)
    >>> pace.rtfx is None
    True
    >>> pace.see(132.0, 840.0)
    >>> pace.rtfx
    40.0
    """

    first: tuple[float, float] | None = None
    """When something was first heard, in seconds, and how many seconds of audio."""
    last: tuple[float, float] = (0.0, 0.0)

    def see(self, when: float, heard: float) -> None:
        """Note how many seconds of audio were heard until then."""
        if heard > self.last[1]:
            self.last = (when, heard)
            self.first = self.first or self.last

    @property
    def rtfx(self) -> float | None:
        """Seconds of audio in a second; None: too little is known yet."""
        if self.first is None or self.last[0] - self.first[0] < MEASURED_S:
            return None
        return (self.last[1] - self.first[1]) / (self.last[0] - self.first[0])


@dataclass(frozen=True, slots=True)
class Size:
    """How many placements, and why in words."""

    placements: int
    why: str


def size(
    audio_s: float,
    parts: int,
    most: int,
    *,
    device: str = "cpu",
    rtfx: float | None = None,
    start_s: float | None = None,
    share: float = 0.05,
) -> Size:
    """Return how many placements share some audio.

    One more placement is one more start: ``n`` of them are justified when ``n`` starts come to no more than ``share``
    of the work. A single one always is.

    Args:
        audio_s: seconds of audio that are left.
        parts: how many pieces it is in; no more placements than that can have something to do.
        most: what was asked for.
        device: where models run.
        rtfx: how fast a placement was measured to be; None: not yet.
        start_s: what a start was measured to cost.
        share: what starts may cost, as a part of the work.

    >>> size(3600, 12, 8, rtfx=10.0, start_s=6.0).placements
    3
    >>> size(36000, 120, 8, rtfx=10.0, start_s=6.0).placements
    8
    >>> size(20, 1, 8).placements
    1
    """
    speed, start = rtfx or RTFX.get(device, RTFX["cpu"]), start_s or START_S
    work_s = audio_s / speed
    justified = max(1, math.floor(share * work_s / start))
    placements = max(1, min(most, parts, justified))
    known = "measured" if rtfx else "guessed"
    why = (
        f"{audio_s:.0f} s of audio in {parts} parts are about {work_s:.0f} s of work ({known}: {speed:.1f} times real "
        f"time), and a start costs {start:.0f} s"
    )
    return Size(placements, f"{why}: {placements} of at most {most} placements")
