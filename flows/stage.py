"""The flow ``stage``: turn a source of recordings into a staged data set."""

from acento.api.data import StagedDataset
from acento.requests import StageRequest
from flows.runtime.request_flow import flow_of
from tasks.data import stage_source
from tasks.policy import run_task


@flow_of(StageRequest, "stage")
def stage(request: StageRequest) -> StagedDataset:
    """Stage a source of recordings as a data set; run again, it adds what is new and moves nothing."""
    return run_task(stage_source, request)
