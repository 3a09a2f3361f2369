"""Trainings in processes of their own, on this machine: the same ``Runner``, started as a plain Python.

Not by ``multiprocessing``, which would import the program that called. Parent and child talk through a socket: jobs and
reasons to stop one way; rows of the history, results and errors the other. A child whose parent is gone leaves a
checkpoint and ends.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection

from acento.core.callbacks import Callbacks
from acento.core.errors import AcentoError, for_another_process
from acento.core.store import Store, open_store
from acento.inference.runner import Runner, Worker
from acento.training.job import FinetuneJob, FinetuneResult

_POLL_S = 0.2
"""Seconds between two looks at whether a training is to stop."""
_END_S = 60.0
"""Seconds that an idle child may take to end."""


class TrainingProcesses:
    """Processes that train, started as they are needed and kept for the next job."""

    def __init__(self, store: Store) -> None:
        self._url = store.url
        self._idle: list[_Process] = []
        self._lock = threading.Lock()

    def execute(self, job: FinetuneJob, worker: Worker) -> FinetuneResult:
        """Do a training as :meth:`Runner.execute` does it.

        Raises:
            AcentoError: what the training raised, or its process ended by itself.
        """
        with self._lock:
            child = self._idle.pop() if self._idle else _Process(self._url)
        try:
            answer = child.train(job, worker)
        except BaseException:
            child.close()
            raise
        with self._lock:
            self._idle.append(child)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        """End the processes; none is training any more."""
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.close()


class _Process:
    def __init__(self, url: str) -> None:
        mine, its = socket.socketpair()
        code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import work; work({url!r}, {its.fileno()})"
        with its:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                pass_fds=[its.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the parent, which tells this process to leave a checkpoint
            )
        self._pipe = Connection(mine.detach())

    def train(self, job: FinetuneJob, worker: Worker) -> FinetuneResult | Exception:
        """Have a job done, and return its result or what it raised; told to stop, wait for its checkpoint."""
        stopping = False
        try:
            self._pipe.send(job)
            while True:
                reason = None if stopping else worker.should_stop()
                if reason is not None:
                    self._pipe.send(reason)
                    stopping = True
                if not self._pipe.poll(_POLL_S):
                    continue
                answer = self._pipe.recv()
                if isinstance(answer, FinetuneResult | Exception):
                    return answer
                worker.callbacks.on_metrics(answer)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            code = self._process.wait()
            raise AcentoError(
                f"The process of a training ended by itself (exit code {code}); memory may be short for so many "
                "trainings side by side."
            ) from None

    def close(self) -> None:
        """Let the process end; one that is at work leaves a checkpoint first."""
        self._pipe.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def work(url: str, file: int) -> None:
    """Do jobs until the parent is gone: what a child runs."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a machine that is taken away says so to the parent as well
    pipe = Connection(file)
    with suppress(EOFError, OSError):
        runner = Runner(open_store(url))
        while True:
            job = pipe.recv()
            if isinstance(job, FinetuneJob):  # else a reason to stop that came too late for the job before
                pipe.send(_train(runner, job, pipe))
    os._exit(0)  # nothing is left to do, and libraries' threads would take their time


def _train(runner: Runner, job: FinetuneJob, pipe: Connection) -> FinetuneResult | Exception:
    """Do a job and return what came of it; an error of a class that may not travel becomes a plain one."""
    reason: str | None = None

    def should_stop() -> str | None:
        nonlocal reason
        if reason is None and pipe.poll():
            try:
                reason = str(pipe.recv())
            except (EOFError, OSError):
                reason = "the process that asked for it is gone"
        return reason

    def on_metrics(row: object) -> None:
        with suppress(OSError):  # a parent that is gone is noticed before the next step
            pipe.send(row)

    try:
        return runner.execute(job, Worker(callbacks=Callbacks(on_metrics=on_metrics, should_stop=should_stop)))
    except AcentoError as error:
        return error
    except Exception as error:
        return for_another_process(error)
