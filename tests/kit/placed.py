"""Placements as real processes on a board, to be killed: children forked from the test, whose fake models they have."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event

from forked import ended, fork

from acento.core.store import Store
from acento.inference.runner import Runner
from infra.compute.board import Board


@contextmanager
def placement(open_store: Callable[[], Store], board: str, name: str) -> Iterator[int]:
    """Serve a board in a child process, and yield its number; SIGTERM gives it notice, and the end of the block kills.

    The test must run no threads of its own when it calls this.
    """
    child = fork(lambda: _serve(open_store, board, name))
    try:
        yield child
    finally:
        if not _ended(child):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def kill(child: int) -> None:
    """Kill a child as a machine that is lost would, and see that it is gone."""
    os.kill(child, signal.SIGKILL)
    assert ended(child) == -signal.SIGKILL


def _ended(child: int) -> bool:
    try:
        return os.waitpid(child, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True


def _serve(open_store: Callable[[], Store], board: str, name: str) -> None:
    ending = Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    store = open_store()
    Board(store, board).serve(Runner(store), name, "work-pool", 2, ending=ending)
