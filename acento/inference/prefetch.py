"""Run an iterator in a thread of its own, a few items ahead of whoever consumes it."""

from collections.abc import Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TypeVar

from acento.inference.clock import Stopwatch

T = TypeVar("T")
_POLL_S = 0.05


class _End:
    """The producer's last word: it is done, or ``error`` stopped it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(source: Iterator[T], *, depth: int, waiting: Stopwatch, name: str) -> Iterator[T]:
    """Yield what ``source`` yields while a thread computes up to ``depth`` items more.

    An error of the source is raised here, after the items before it. Closing this generator stops the thread after
    the item it is at. ``waiting`` counts the time in which the consumer waited for an item.
    """
    queue: Queue[T | _End] = Queue(maxsize=depth)
    stop = Event()

    def produce() -> None:
        end = _End()
        try:
            for item in source:
                if not _put(queue, item, stop):
                    return
        except BaseException as error:  # handed over to the consumer, whatever it is
            end = _End(error)
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()
        _put(queue, end, stop)

    thread = Thread(target=produce, name=name, daemon=True)
    thread.start()
    try:
        while True:
            with waiting.running():
                item = _get(queue, thread)
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stop.set()
        thread.join()


def _put(queue: "Queue[T | _End]", item: "T | _End", stop: Event) -> bool:
    """Put an item when there is room; False when the consumer has gone."""
    while not stop.is_set():
        try:
            queue.put(item, timeout=_POLL_S)
        except Full:
            continue
        return True
    return False


def _get(queue: "Queue[T | _End]", thread: Thread) -> "T | _End":
    """Take the next item; a thread that died without a word ends the iteration with an error."""
    while True:
        try:
            return queue.get(timeout=1.0)
        except Empty:
            if not thread.is_alive() and queue.empty():
                return _End(RuntimeError(f"the thread {thread.name} ended without a result"))
