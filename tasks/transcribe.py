"""The tasks of a transcription: plan, import, decode and diarize with a compute backend, write, and show what came."""

import logging
from collections.abc import Sequence
from threading import Event

from acento.api.recordings import batches, transcribing
from acento.api.recordings.transcribing import TranscribedBatch, until
from acento.captions.style import CaptionStyle
from acento.core.progress import audio_meter
from acento.core.store import open_store
from acento.data.document import Document
from acento.requests import TranscribeRequest
from acento.transcription import steps
from acento.transcription.batch import columns, short
from acento.transcription.outputs import document_of_row
from acento.transcription.planned import PlannedBatch
from acento.transcription.planning import Round
from acento.transcription.writing.text import paragraphs
from tasks.artifacts import artifact_key, in_run, markdown_table, progress_artifact, show_markdown
from tasks.compute import asked_compute, do_jobs, first_to_say, open_backend
from tasks.policy import cached, log, step

_log = logging.getLogger(__name__)
_FEW = 10
"""Of so many files the text of each is shown."""
_ROWS = 1000
"""Rows of the table of files that are shown; the ledger has them all."""


@step("plan-transcription", run_name="plan {request.title}")
def plan_batch(request: TranscribeRequest) -> PlannedBatch:
    """Find the files and the model, and give each file its row in the ledger."""
    batch = batches.plan_batch(open_store(), request, *asked_compute(request.compute))
    log(f"{len(batch.files)} files, by {batch.decoding.model.id}.")
    return batch


@step("import", run_name="import {batch.title}")
def import_recordings(batch: PlannedBatch) -> None:
    """Bring the audio of every file into the store; what is no audio has failed."""
    with progress_artifact(artifact_key("import", batch.title), f"Importing {batch.title}"):
        transcribing.import_recordings(open_store(), batch)


@step("plan-windows", run_name="plan the windows of {batch.title}")
def plan_windows(batch: PlannedBatch) -> list[Round]:
    """Pack the windows of all recordings into one plan."""
    return steps.first_rounds(open_store(), batch)


@step("vote", run_name="vote on the languages of {batch.title}")
def plan_again(batch: PlannedBatch) -> list[Round]:
    """Plan again the windows that were heard in another language than most of their recording."""
    return steps.second_rounds(open_store(), batch)


@step("decode", run_name="transcribe {batch.title}")
def decode(batch: PlannedBatch, one: Round) -> dict[str, str]:
    """Decode every part that is not in the store, ``Cached`` when none is left; return what fails."""
    todo = steps.jobs_left(open_store(), batch, one)
    spoken = f", in {one.language}" if one.language else ""
    return _carry_out(batch, f"transcribe {batch.title}{spoken}", todo)


@step("diarize", run_name="diarize {batch.title}")
def diarize(batch: PlannedBatch, stop: Event) -> dict[str, str]:
    """Find who speaks when, where that is not in the store, ``Cached`` when all is; return what fails."""
    return _carry_out(batch, f"diarize {batch.title}", steps.diarizations_left(open_store(), batch), stop)


@step("keep", run_name="keep the transcripts of {batch.title}")
def keep_transcripts(batch: PlannedBatch, errors: dict[str, str]) -> None:
    """Keep what was heard, a transcript for each recording; files of others have failed."""
    steps.keep_transcripts(open_store(), batch, errors)


@step("write", run_name="write the files of {batch.title}")
def write_documents(batch: PlannedBatch, errors: dict[str, str]) -> None:
    """Write the files of every recording."""
    with progress_artifact(artifact_key("write", batch.title), f"Writing {batch.title}"):
        steps.write_documents(open_store(), batch, errors)


@step("conclude", run_name="conclude {batch.title}")
def conclude(batch: PlannedBatch) -> TranscribedBatch:
    """Show a table of the files, and where there are few the text of each."""
    store = open_store()
    done = transcribing.conclude(store, batch)
    counts = ", ".join(f"{count} {state}" for state, count in done.counts.items() if count or state != "waiting")
    log(f"{len(done.ledger)} files: {counts}.")
    if in_run():
        shown = columns(done.ledger[:_ROWS])
        table = markdown_table([*zip(*shown.values(), strict=True)], header=[*shown]) if shown else ""
        more = f"\n\n{len(done.ledger) - _ROWS} more are in the ledger." if len(done.ledger) > _ROWS else ""
        failed = "".join(f"\n- {row.named_sentence}" for row in done.ledger[:_ROWS] if row.state == "failed")
        why = failed and f"\n\nFailed:\n{failed}"
        summary = f"**{len(done.ledger)} files: {counts}**, by `{done.model}`\n\n{table}{more}{why}"
        show_markdown(artifact_key("transcripts", batch.title), summary, f"Files of {batch.title}")
        if len(done.ledger) <= _FEW:
            for row in done.ledger:
                if row.state == "done":
                    text = _said(document_of_row(store, batch, row), batch.style)
                    show_markdown(artifact_key("text", row.stem), text, f"Text of {short(row.file)}")
    return done


def _said(document: Document, style: CaptionStyle) -> str:
    """Return in Markdown what is said: a paragraph for each speaker's turn, else for each passage."""
    found = paragraphs(document, style)
    texts = [f"**{one.speaker}:** {one.text}" if one.speaker else one.text for one in found]
    return "\n\n".join(texts) or "*Nothing is said.*"


def _carry_out(batch: PlannedBatch, title: str, todo: Sequence[steps.Job], stop: Event | None = None) -> dict[str, str]:
    """Do jobs with the backend of a batch; return the errors of those that fail, unless one would end all others."""
    if not todo:
        log(f"{title}: all of it is in the store.")
        return cached({})
    meter = audio_meter(title, sum(job.seconds for job in todo))
    with (
        progress_artifact(artifact_key(title), title.capitalize(), title),
        open_backend(batch.compute, open_store()) as backend,
    ):
        meter(0.0)
        workers = min(batch.workers, len(todo))
        results, errors = do_jobs(backend, todo, workers, title, until(stop, meter))
    if ending := [error for error in errors.values() if steps.ends_all(error)]:
        raise first_to_say(ending)
    log(f"{title}: {len(results)} jobs done, {len(errors)} failed.")
    return {key: str(error) for key, error in errors.items()}
