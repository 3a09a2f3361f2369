"""The clock: where the time of a decode loop went, so that RTFx says what it claims to say."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from time import perf_counter

from pydantic import BaseModel


class Timings(BaseModel, frozen=True):
    """Seconds of one part; the shares of read and features may overlap the model's, the wall time counts once."""

    audio_s: float
    wall_s: float
    """The decode loop, from its start to the last text."""
    read_wait_s: float
    """Of the wall time: the model idle because features waited for audio to be read."""
    read_s: float
    features_s: float
    model_s: float
    text_s: float
    batches: tuple[tuple[float, float], ...] = ()
    """For each batch its audio seconds and its share of the inference seconds: what an interval is drawn from."""

    @property
    def inference_s(self) -> float:
        """Wall time of the decode loop less the time it waited for audio to be read."""
        return self.wall_s - self.read_wait_s


class Stopwatch:
    """Collects the stretches of time in which one stage, in one thread, was at work."""

    def __init__(self) -> None:
        self.stretches: list[tuple[float, float]] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time of the block."""
        start = perf_counter()
        try:
            yield
        finally:
            self.stretches.append((start, perf_counter()))

    @property
    def total(self) -> float:
        """Seconds counted."""
        return sum(end - start for start, end in self.stretches)


def overlap(a: list[tuple[float, float]], b: list[tuple[float, float]]) -> float:
    """Return the seconds that lie in stretches of both.

    >>> overlap([(0, 2), (5, 9)], [(1, 6), (8, 12)])
    3.0
    """
    return float(sum(end - start for start, end in common(a, b)))


def shares(edges: list[float], waits: list[tuple[float, float]]) -> list[float]:
    """Return the seconds between neighboring edges less the waits that lie between them.

    >>> shares([0, 10, 20], [(1, 2), (9, 12)])
    [8.0, 8.0]
    """
    return [float(end - start - overlap([(start, end)], waits)) for start, end in pairwise(edges)]


def common(a: list[tuple[float, float]], b: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the stretches that lie in both; each list is in order and without overlaps of its own.

    >>> common([(0, 2), (5, 9)], [(1, 6), (8, 12)])
    [(1, 2), (5, 6), (8, 9)]
    """
    found, i, j = [], 0, 0
    while i < len(a) and j < len(b):
        start, end = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if start < end:
            found.append((start, end))
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return found
