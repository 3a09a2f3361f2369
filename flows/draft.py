"""The flow ``draft``: recordings without transcripts to a review list, and what a person decided to a data set."""

from contextlib import ExitStack
from typing import Final

from acento.api.recordings import drafting
from acento.api.recordings.batches import lease_of
from acento.api.recordings.drafting import Drafted, run_steps
from acento.core.store import open_store
from acento.requests import DraftRequest
from flows.runtime.request_flow import carried_by, flow_of
from flows.transcribe import STEPS as LISTENING
from tasks.compute import shared_compute
from tasks.draft import stage_reviewed, write_draft
from tasks.policy import run_task

STEPS: Final = LISTENING | {
    drafting.write_draft: lambda *args: run_task(write_draft, *args),
    drafting.stage_reviewed: lambda *args: run_task(stage_reviewed, *args),
}
"""The task that carries out each step of a draft."""


@flow_of(DraftRequest, "draft")
def draft(request: DraftRequest) -> Drafted:
    """Transcribe recordings into a list for a person to review, or stage what a person has decided on one."""
    with ExitStack() as stack:
        if request.reviewed is None:
            stack.enter_context(lease_of(open_store(), request.transcription))
            stack.enter_context(shared_compute())
        return run_steps(request, carried_by(STEPS))
