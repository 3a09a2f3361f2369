"""What a run of a work pool does: its slice of the jobs, with its progress where a person can see it."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import FrameType

from acento.core.errors import InputError
from acento.core.progress import audio_meter
from acento.core.store import open_store
from acento.inference.runner import Runner
from infra.compute.dispatch.worker import RunReport, run_slice
from infra.compute.dispatch.worklist import WorkList
from tasks.artifacts import artifact_key, progress_artifact
from tasks.policy import log


def do_slice(work: str, run: str, indices: list[int], title: str, count: int) -> RunReport:
    """Do some jobs of a list in the store, if this machine sees it, as the run of that name."""
    store = open_store()
    listed = WorkList(store, work)
    if not listed.exists:
        raise InputError(
            f"The list of jobs {work} is not in the store {store.url} as {socket.gethostname()} sees it: the run that "
            "wrote it has ended, or that folder is another one here; give both machines the same store, such as "
            "ACENTO_STORE=s3://bucket/prefix."
        )
    jobs = [listed.jobs[index] for index in indices]
    meter = audio_meter(f"{title} here", sum(job.seconds for job in jobs if job.kind != "finetune"))
    with (
        progress_artifact(artifact_key("slice", title), f"Slice of {title}"),
        _given_back() as ending,
        closing(Runner(store)) as runner,
    ):
        done = run_slice(
            listed, runner, run, indices, backend="work-pool", count=count, ending=ending, on_progress=meter
        )
    log(f"{title}: {done.done} jobs done, {done.failed} failed; {done.why}.")
    return done


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
