"""The clock of a decode loop, so that RTFx says what it claims to say; and an iterator run ahead in its own thread."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from time import perf_counter
from typing import Any, TypeVar

from pydantic import BaseModel

T = TypeVar("T")


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
        return length(self.stretches)


def length(stretches: list[tuple[float, float]]) -> float:
    """Return the seconds of stretches."""
    return sum(end - start for start, end in stretches)


def shares(edges: list[float], waits: list[tuple[float, float]]) -> list[float]:
    """Return the seconds between neighboring edges less the waits that lie between them.

    >>> shares([0, 10, 20], [(1, 2), (9, 12)])
    [8.0, 8.0]
    """
    return [float(end - start - length(common([(start, end)], waits))) for start, end in pairwise(edges)]


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


def prefetch(source: Generator[T, Any, Any], *, depth: int, waiting: Stopwatch, name: str) -> Generator[T, None, None]:
    """Yield what ``source`` yields while a thread computes up to ``depth`` items more.

    An error of the source is raised here, after the items before it. Closing this generator stops the thread after
    the item it is at. ``waiting`` counts the time in which the consumer waited for an item.
    """
    end: Any = object()
    with ThreadPoolExecutor(1, thread_name_prefix=name) as thread:
        coming = deque(thread.submit(next, source, end) for _ in range(depth + 1))
        try:
            while True:
                with waiting.running():
                    item = coming.popleft().result()
                if item is end:
                    return
                coming.append(thread.submit(next, source, end))
                yield item
        finally:
            for future in coming:
                future.cancel()
            thread.shutdown()
            source.close()
