"""The flow ``transcribe``: recordings of any length to text, captions and speakers; a file that fails stops none."""

from collections.abc import Callable
from typing import Any, Final

from acento.api.recordings import batches, transcribing
from acento.api.recordings.batches import lease_of
from acento.api.recordings.transcribing import TranscribedBatch, run_steps
from acento.core.store import open_store
from acento.requests import TranscribeRequest
from acento.transcription import steps
from flows.runtime.request_flow import carried_by, flow_of
from tasks.compute import shared_compute
from tasks.policy import run_task
from tasks.transcribe import (
    conclude,
    decode,
    diarize,
    import_recordings,
    keep_transcripts,
    plan_again,
    plan_batch,
    plan_windows,
    write_documents,
)

STEPS: Final[dict[Callable[..., Any], Callable[..., Any]]] = {
    batches.plan_batch: lambda *args: run_task(plan_batch, *args),
    transcribing.import_recordings: lambda *args: run_task(import_recordings, *args),
    steps.first_rounds: lambda *args: run_task(plan_windows, *args),
    steps.second_rounds: lambda *args: run_task(plan_again, *args),
    transcribing.decode: lambda *args: run_task(decode, *args),
    transcribing.diarize: lambda *args: run_task(diarize, *args),
    steps.keep_transcripts: lambda *args: run_task(keep_transcripts, *args),
    steps.write_documents: lambda *args: run_task(write_documents, *args),
    transcribing.conclude: lambda *args: run_task(conclude, *args),
}
"""The task that carries out each step of a transcription."""


@flow_of(TranscribeRequest, "transcribe")
def transcribe(request: TranscribeRequest) -> TranscribedBatch:
    """Transcribe files, folders or addresses, tell speakers apart where that is asked for, and write the files."""
    with lease_of(open_store(), request), shared_compute():
        return run_steps(request, carried_by(STEPS))
