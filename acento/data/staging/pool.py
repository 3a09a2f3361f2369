"""Chunks on all cores: each worker is a process of its own, so that a decoder that crashes takes no more with it.

A worker is a plain Python process: it imports the audio libraries, and never the program that called, as those of
``concurrent.futures`` do. It reads chunks from a pipe and ends when that is closed, also by a kill of the parent
(workers of ``loky`` would wait for ever to hand over a large result).
"""

import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import replace
from importlib.abc import MetaPathFinder
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from acento.core.errors import AcentoError, TransientError, for_another_process
from acento.core.store import Store, open_store
from acento.data.staging.chunk import Candidate, Chunk, StagedChunk, StagingOptions, judge, stage_chunk

_PRELUDE = ""
"""Code that a worker runs first; tests put faults here."""


def run_chunks(store: Store, chunks: Sequence[Chunk], workers: int) -> Iterator[tuple[int, StagedChunk]]:
    """Stage chunks by ``workers`` processes, the largest first, and yield each result with its index as they finish.

    0 workers means in this process, one after another; a decoder that crashes then ends this process.
    """
    if workers == 0 or not chunks:
        for index, chunk in enumerate(chunks):
            yield index, stage_chunk(store, chunk)
        return
    pool = [_Worker(store.url) for _ in range(min(workers, len(chunks)))]
    free: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
    for worker in pool:
        free.put(worker)

    def run(index: int) -> tuple[int, StagedChunk]:
        worker = free.get()
        try:
            return index, worker.stage(chunks[index])
        finally:
            free.put(worker)

    threads = ThreadPoolExecutor(len(pool), thread_name_prefix="staging")
    order = sorted(range(len(chunks)), key=lambda index: -chunks[index].size)
    try:
        for done in as_completed([threads.submit(run, index) for index in order]):
            yield done.result()
    finally:
        for worker in pool:
            worker.kill()
        threads.shutdown(cancel_futures=True)
        for worker in pool:
            worker.close()


class _CrashError(Exception):
    """The worker's process ended without an answer."""


class _Worker:
    """A process that stages chunks; started when it is first needed, and again after a crash."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._lock = threading.Lock()

    def stage(self, chunk: Chunk) -> StagedChunk:
        """Stage a chunk; if that crashes, find out which utterances do it and stage the others."""
        try:
            return self._ask(chunk)
        except _CrashError:
            crashed = frozenset(c.item.id for c in chunk.candidates if self._crashes(c, chunk.options))
        try:
            return self._ask(replace(chunk, crashed=crashed))
        except _CrashError:
            raise TransientError(
                "A staging process was ended twice, and no file is to blame: memory may be short; set ACENTO_WORKERS=1."
            ) from None

    def kill(self) -> None:
        """End the process at once; a part that it was writing is left as if it had never begun."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()

    def close(self) -> None:
        """Let go of the process, which has ended or ends now."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            self._pipe.close()

    def _crashes(self, candidate: Candidate, options: StagingOptions) -> bool:
        try:
            self._ask((candidate, options))
        except _CrashError:
            return True
        return False

    def _ask(self, request: Any) -> Any:
        """Send a request and return the answer, or raise what it raised."""
        if self._process is None:
            self._start()
        try:
            self._pipe.send(request)
            answer = self._pipe.recv()
        except (OSError, EOFError):
            self.close()
            if self._closed:
                raise AcentoError("Staging was stopped.") from None
            raise _CrashError from None
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _start(self) -> None:
        self._pipe, theirs = Pipe()
        code = f"import sys; sys.path[:] = {sys.path!r}; {_PRELUDE}from {__name__} import work; work({self._url!r})"
        with tempfile.TemporaryFile() as errors, theirs:
            with self._lock:
                if self._closed:
                    raise AcentoError("Staging was stopped.")
                command = [sys.executable, "-c", code]
                self._process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=errors, stderr=errors)
            theirs.close()
            try:
                self._pipe.recv()
            except (OSError, EOFError):
                self.close()
                errors.seek(0)
                reason = errors.read().decode(errors="replace").strip().rpartition("\n")[2]
                raise AcentoError(f"A staging process cannot start ({reason or 'it says nothing'}).") from None


class _NoPandas(MetaPathFinder):
    """Keeps pyarrow from importing pandas, which it does when it can: that takes as long as all else together."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:  # noqa: ARG002
        if fullname == "pandas":
            raise ModuleNotFoundError("A staging process needs no pandas.", name=fullname)


def work(url: str) -> None:
    """Serve requests until the parent closes the pipe, the standard input: what a worker's process runs."""
    sys.meta_path.insert(0, _NoPandas())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends this process
    store = open_store(url)
    with suppress(EOFError, OSError), Connection(0) as requests:
        requests.send("ready")
        while True:
            request = requests.recv()
            answer: Any = None
            try:
                if isinstance(request, Chunk):
                    answer = stage_chunk(store, request)
                else:
                    judge(*request)
            except Exception as error:
                answer = error if isinstance(error, AcentoError) else for_another_process(error)
            requests.send(answer)
