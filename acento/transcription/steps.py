"""The steps of a batch, in their order; each goes on where it was, and a file that fails stops no other one."""

import logging
from collections.abc import Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from threading import Event
from typing import Any, TypeAlias

from acento.core.errors import AcentoError, DataError, InputError, StoreError, may_pass, name_and_line
from acento.core.progress import report
from acento.core.store import Store
from acento.core.store.base import NO_ROOM
from acento.data.recordings.recording import load_recording
from acento.diarization.job import DiarizeJob, state
from acento.inference.benchmark import unfinished
from acento.inference.jobs import TranscribeJob
from acento.transcription.assembly.documents import removed_counts
from acento.transcription.batch import Row
from acento.transcription.importing import add_recording
from acento.transcription.outputs import document_of_row, write_outputs
from acento.transcription.planned import PlannedBatch
from acento.transcription.planning import Round
from acento.transcription.transcripts import keep_transcript

Job: TypeAlias = TranscribeJob | DiarizeJob
_log = logging.getLogger(__name__)


def import_recordings(store: Store, batch: PlannedBatch, at_once: int) -> None:
    """Bring the audio of every file that waits into the store; what is no audio has failed.

    Raises:
        StoreError: the store cannot be written.
    """
    ledger, step = batch.ledger(store), f"import {batch.title}"
    waiting = [row for row in batch.waiting(store) if row.recording is None]

    stop = Event()

    def go_on() -> None:
        if stop.is_set():
            raise CancelledError

    def add(row: Row) -> Row:
        location = batch.locations.get(row.file, row.file)
        try:
            found = add_recording(store, location, each_channel=batch.each_channel, on_block=go_on)
        except (StoreError, CancelledError):
            raise
        except AcentoError as error:
            return row.failed(getattr(error, "reason", "unreadable"), error)
        except Exception as error:  # whatever a file does to a decoder, the others go on
            _log.exception("%s cannot be imported.", row.file)
            return row.failed("unreadable", AcentoError(f"unexpected {name_and_line(error)}"))
        return row.model_copy(update={"recording": found.key, "seconds": found.duration_s})

    pool = ThreadPoolExecutor(at_once, thread_name_prefix="import")
    try:
        running = [pool.submit(add, row) for row in waiting]
        for done, future in enumerate(as_completed(running), 1):
            ledger.write(future.result())
            report(step, done, len(waiting), "files")
    finally:
        stop.set()  # a signal, or a full disk, does not wait for the end of a long recording
        pool.shutdown(wait=True, cancel_futures=True)
    ledger.tidy()


def first_rounds(store: Store, batch: PlannedBatch) -> list[Round]:
    """Return what is to be decoded first: every window of every recording that has no transcript."""
    return batch.rounds(store).first(batch.undecoded(store))


def second_rounds(store: Store, batch: PlannedBatch) -> list[Round]:
    """Return what is to be decoded again, in the language of most of its recording."""
    return batch.rounds(store).second(batch.undecoded(store))


def jobs_left(store: Store, batch: PlannedBatch, one: Round) -> list[TranscribeJob]:
    """Return the jobs of a round that are not done and of use for a recording without a transcript."""
    wanted = {recording.key for recording in batch.undecoded(store)}
    return unfinished(store, batch.rounds(store).jobs(one, wanted))


def diarizations_left(store: Store, batch: PlannedBatch) -> list[DiarizeJob]:
    """Return the diarizations of recordings of files that wait, as far as they are not done."""
    if batch.diarizing is None:
        return []
    jobs = [batch.diarizing.job(one, batch.title) for one in batch.recordings(store).values()]
    return [job for job in jobs if state(store, job) is None]


def keep_transcripts(store: Store, batch: PlannedBatch, errors: Mapping[str, str]) -> None:
    """Keep the transcript of every recording that was decoded; files of others have failed, by errors of jobs."""
    recordings, rounds = batch.undecoded(store), batch.rounds(store)
    inference_s = rounds.seconds(batch.recordings(store).values())  # also of what was decoded before a kill
    left: dict[str | None, AcentoError] = {}
    for key, heard in rounds.heard(recordings):
        try:
            keep_transcript(store, batch.decoding, key, heard)
        except DataError as error:
            said = "".join(f" {sentence}" for sentence in [*errors.values()][:1])
            left[key] = AcentoError(f"{error}{said}")

    def changed(row: Row) -> Row | None:
        if row.recording in left:
            return row.failed("not_decoded", left[row.recording])
        if row.recording in inference_s:
            return row.model_copy(update={"inference_s": inference_s[row.recording]})
        return None

    batch.ledger(store).write(*filter(None, map(changed, batch.waiting(store))))


def write_documents(store: Store, batch: PlannedBatch, errors: Mapping[str, str]) -> None:
    """Write the files of every recording that has its transcript, and its speakers where they were asked for.

    Files of recordings that were not diarized have failed; ``errors`` says why, by the keys of their jobs.
    """
    ledger, waiting = batch.ledger(store), batch.waiting(store)
    undiarized = {
        job.recording: errors.get(job.key, "Its diarization ended.") for job in diarizations_left(store, batch)
    }
    for number, row in enumerate(waiting, 1):
        outputs = dict[str, str]()
        try:
            if row.recording in undiarized:
                ledger.write(row.failed("not_diarized", AcentoError(undiarized[row.recording])))
                continue
            for note in diarization_notes(store, batch, row):
                _log.warning("%s: %s", row.file, note)
            document = document_of_row(store, batch, row)
            for name, digest in write_outputs(batch, row, document):
                outputs[name] = digest
        except InputError as error:  # what was written until then is known to be ours
            if isinstance(full := error.__cause__, OSError) and full.errno in NO_ROOM:  # for the other files, too
                raise
            written = row.model_copy(update={"outputs": row.outputs | outputs})
            ledger.write(written.failed("not_written", error))
        else:
            about: dict[str, Any] = {"language": document.language, "outputs": outputs, "state": "done"}
            about |= {"removed": removed_counts(document)}
            about |= {"speakers": len(document.speakers)} if batch.tells_speakers else {}
            if not document.passages:
                about |= {"reason": "no_speech", "sentence": "No speech was found in it."}
            ledger.write(row.model_copy(update=about))
        report(f"write {batch.title}", number, len(waiting), "files")
    ledger.tidy()


def diarization_notes(store: Store, batch: PlannedBatch, row: Row) -> list[str]:
    """Return what a person should know of a recording's diarization, such as an enrolled voice that nobody has."""
    if batch.diarizing is None or row.recording is None:
        return []
    done = state(store, batch.diarizing.job(load_recording(store, row.recording), batch.title))
    return [] if done is None else done.notes


def ends_all(error: BaseException) -> bool:
    """Tell whether an error of one job would meet the others too: the model, the store, the network, what was asked."""
    return isinstance(error, InputError | StoreError) or may_pass(error)
