"""The flow ``finetune``: specialize a base model on a staged data set, to the end, in as many sittings as it takes."""

from acento.api.training import PlannedTraining
from acento.core.errors import AcentoError
from acento.requests import FinetuneRequest
from acento.training.job import FinetuneResult
from flows.runtime.request_flow import flow_of
from tasks.finetune import continue_later, finetune_model, plan_training
from tasks.policy import run_task


def train_to_the_end(planned: PlannedTraining) -> FinetuneResult:
    """Train in one sitting; it is an error if that was stopped before the end."""
    result = run_task(finetune_model, planned)
    if not result.done:
        raise AcentoError(f"The training {planned.title} did not end: {result.sentence}")
    return result


def train_in_sittings(planned: PlannedTraining) -> FinetuneResult:
    """Train to the end in as many sittings as it takes, or until the next one is a run of its own."""
    before = -1
    while True:
        result = run_task(finetune_model, planned)
        if result.done or result.why != "time limit":
            return result
        if result.step <= before:
            raise AcentoError(
                f"The training {planned.title} got no further than step {result.step} in {planned.job.minutes:g} "
                "minutes; give it more with --max-minutes."
            )
        if run_task(continue_later, planned.title):
            return result
        before = result.step


@flow_of(FinetuneRequest, "finetune")
def finetune(request: FinetuneRequest) -> FinetuneResult:
    """Fine-tune a base model on a data set's train split, its dev split steering; killed, it goes on where it was."""
    return train_in_sittings(run_task(plan_training, request))
