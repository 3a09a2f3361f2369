"""Transcribe recordings of any length: import, decode, tell speakers apart, write files; what was killed goes on."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from contextvars import copy_context
from os import PathLike, fspath
from threading import Event
from typing import Any

from pydantic import BaseModel

from acento.api.carrying import Carry, in_process
from acento.api.recordings.batches import lease_of, plan_batch
from acento.api.session import options_of, session
from acento.core.arguments import Named, name_of
from acento.core.callbacks import Callbacks
from acento.core.progress import audio_meter
from acento.core.store import Store
from acento.data.document import Document
from acento.inference.runner import Runner, Worker, execute_together
from acento.models.devices import cores
from acento.requests import TranscribeRequest
from acento.transcription import steps
from acento.transcription.batch import Row, State, counts
from acento.transcription.outputs import document_of_row
from acento.transcription.planned import PlannedBatch
from acento.transcription.planning import Round

_log = logging.getLogger(__name__)


class TranscribedBatch(BaseModel, frozen=True):
    """What became of the files of a batch."""

    batch: PlannedBatch
    ledger: tuple[Row, ...]
    """A row for each file that was found: done, failed with a reason, or skipped as it was done before."""

    @property
    def counts(self) -> dict[State, int]:
        """How many files are in each state."""
        return counts(self.ledger)

    @property
    def model(self) -> str:
        """The model that was used."""
        return self.batch.decoding.model.id


class Transcripts(TranscribedBatch, frozen=True, arbitrary_types_allowed=True):
    """The same, in the process that has the store."""

    store: Store

    @property
    def documents(self) -> list[Document]:
        """The transcript of each file that is done, in the order of the ledger; each time made anew."""
        return [document_of_row(self.store, self.batch, row) for row in self.ledger if row.state in ("done", "skipped")]


@options_of(TranscribeRequest, "paths", "model", "formats", "compute")
def transcribe(
    paths: str | PathLike[str] | Iterable[str | PathLike[str]],
    model: Named | None = None,
    *,
    formats: str | Iterable[str] = (),
    **options: Any,
) -> Transcripts:
    """Transcribe recordings of any length: files, folders, patterns, addresses, audio and video.

    >>> done = transcribe("clip.wav", "demo:whisper-mini", language="es")
    >>> done.counts["done"], done.documents[0].text
    (1, 'la casuela quedó muy blanda a las cuatro')

    What was heard is kept in the store, so that the same call again computes nothing, and one that was killed goes on.

    Args:
        paths: one, or several.
        model: as ``benchmark`` takes it; by default the registry's model that is in production, else
            ``openai/whisper-base``.
        formats: files to be written of each recording, such as ``("srt", "json")``; none by default.
        options: see below.

    Returns:
        The ledger, a row for each file, and the documents: passages with times, words, speakers. One file that cannot
        be transcribed has its reason in the ledger and stops no other.

    Raises:
        InputError: there is no such file, or the model or an option cannot be used.
    """
    named = [fspath(paths)] if isinstance(paths, str | PathLike) else [fspath(path) for path in paths]
    request = TranscribeRequest.of(
        paths=named,
        model=None if model is None else name_of(model),
        formats=[formats] if isinstance(formats, str) else [*formats],
        **options,
    )
    with session("transcribe") as store, lease_of(store, request):
        done = run_steps(request, in_process(store))
        return Transcripts(batch=done.batch, ledger=done.ledger, store=store)


def run_steps(request: TranscribeRequest, carry: Carry) -> TranscribedBatch:
    """Carry a transcription out, step by step."""
    batch = carry(plan_batch, request)
    carry(import_recordings, batch)
    errors: dict[str, str] = {}
    with _beside(carry, batch) as diarized:
        for rounds in (steps.first_rounds, steps.second_rounds):
            for one in carry(rounds, batch):
                errors |= carry(decode, batch, one)
        carry(steps.keep_transcripts, batch, errors)
    carry(steps.write_documents, batch, diarized())
    return carry(conclude, batch)


def import_recordings(store: Store, batch: PlannedBatch) -> None:
    """Bring the audio of every file into the store, a file on each core."""
    steps.import_recordings(store, batch, cores())


def decode(store: Store, batch: PlannedBatch, one: Round) -> dict[str, str]:
    """Decode in this process what is not in the store; return the errors of jobs that failed."""
    return _execute(store, f"transcribe {batch.title}", steps.jobs_left(store, batch, one), batch.workers)


def diarize(store: Store, batch: PlannedBatch, stop: Event) -> dict[str, str]:
    """Find in this process who speaks when, in what is not in the store; return the errors of jobs that failed."""
    return _execute(store, f"diarize {batch.title}", steps.diarizations_left(store, batch), batch.workers, stop)


def _execute(
    store: Store, step: str, jobs: Sequence[steps.Job], workers: int, stop: Event | None = None
) -> dict[str, str]:
    """Execute jobs here; what fails is logged and returned, unless nothing could be done after it."""
    meter = audio_meter(step, sum(job.seconds for job in jobs))
    worker = Worker(count=workers, callbacks=until(stop, meter))
    errors = {}
    with closing(Runner(store)) as runner, closing(execute_together(runner.execute, jobs, worker)) as ended:
        for job, _, error in ended:
            if error is not None:
                if steps.ends_all(error):
                    raise error
                _log.error("%s of %s failed: %s", job.title, step, error)
                errors[job.key] = str(error)
    return errors


def until(stop: Event | None, meter: Callable[[float], None]) -> Callbacks:
    """Return what tells a meter how far some work is, and ends the work, also one that waits, once the event is set."""

    def check() -> None:
        if stop is not None and stop.is_set():
            raise CancelledError

    def told(seconds: float) -> None:
        check()
        meter(seconds)

    return Callbacks(on_progress=told, should_stop=check)


def conclude(store: Store, batch: PlannedBatch) -> TranscribedBatch:
    """Return what became of every file."""
    return TranscribedBatch(batch=batch, ledger=tuple(batch.rows(store)))


@contextmanager
def _beside(carry: Carry, batch: PlannedBatch) -> Iterator[Callable[[], dict[str, str]]]:
    """Tell speakers apart in a thread while the block runs, where that was asked for; yield what waits for its errors.

    A block that fails ends it.
    """
    if batch.diarizing is None:
        yield dict
        return
    stop = Event()
    with ThreadPoolExecutor(1, thread_name_prefix="diarize") as thread:
        ended: Future[dict[str, str]] = thread.submit(copy_context().run, lambda: carry(diarize, batch, stop))
        try:
            yield ended.result
            ended.result()
        except BaseException:
            stop.set()
            raise
