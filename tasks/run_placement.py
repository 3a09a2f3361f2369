"""What a placement does: take jobs from a board until none is left, with its progress where a person can see it."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import FrameType

from prefect.runtime import flow_run

from acento.core.errors import InputError
from acento.core.progress import report
from acento.core.settings import settings
from acento.core.store import open_store
from acento.inference.runner import Runner
from infra.compute.board import Board
from infra.compute.serving import Served
from tasks.artifacts import artifact_key
from tasks.policy import say
from tasks.progress import progress_artifact


def serve_board(board: str, title: str, placements: int) -> Served:
    """Serve a board of the store as the placement of this flow run.

    Raises:
        InputError: the board is not in the store that this machine sees.
        AcentoError: the store cannot be read or written.
    """
    store = open_store(settings().store)
    posted = Board(store, board)
    if not posted.open:
        raise InputError(
            f"The board {board} is not in the store {store.url} as {socket.gethostname()} sees it: the run that posted "
            "it has ended, or that folder is another one here; give both machines the same store, such as "
            "ACENTO_STORE=s3://bucket/prefix."
        )
    total, step = posted.seconds, f"{title} here"
    audio, lock = 0.0, threading.Lock()

    def heard(seconds: float) -> None:
        nonlocal audio
        with lock:
            audio += seconds
        report(step, min(audio, total), total, "s of audio of all placements")

    name = f"{flow_run.id.replace('-', '')}.{flow_run.run_count}"
    with (
        progress_artifact(artifact_key("placement", title), f"Placement for {title}"),
        _given_back() as ending,
        closing(Runner(store)) as runner,
    ):
        served = posted.serve(runner, name, "work-pool", placements, ending=ending, heard=heard)
    say(f"{title}: {served.done} jobs done, {served.failed} failed; {served.why}.")
    return served


@contextmanager
def _given_back() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM sets; once the block has ended in good order, the signal does what it would have."""
    ending = threading.Event()

    def notice(_number: int, _frame: FrameType | None) -> None:
        ending.set()

    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    before = signal.signal(signal.SIGTERM, notice)
    try:
        yield ending
    finally:
        signal.signal(signal.SIGTERM, before)
    if ending.is_set():
        signal.raise_signal(signal.SIGTERM)
