"""The flow ``stage``: turn a source of recordings into a staged data set."""

import flows.rooms  # noqa: F401  (first of the rooms: it refuses a stranger's `tasks`)
from acento.requests import StageRequest
from flows.requested import flow_of
from tasks.policy import take
from tasks.stage import StagedReference, stage_source


@flow_of(StageRequest, "stage", title=lambda request: f"stage {request.name}")
def stage(request: StageRequest) -> StagedReference:
    """Stage a source of recordings as a data set; run again, it adds what is new and moves nothing."""
    return take(stage_source, request)
