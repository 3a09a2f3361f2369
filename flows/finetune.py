"""The flow ``finetune``: specialize a base model on a staged data set, to the end, in as many sittings as it takes."""

import flows.rooms  # noqa: F401  (first of the rooms: it refuses a stranger's `tasks`)
from acento.api.training import PlannedTraining
from acento.core.errors import AcentoError
from acento.requests import FinetuneRequest
from acento.training.job import FinetuneResult
from flows.requested import flow_of
from tasks.continuation import continue_later
from tasks.finetune import finetune_model, plan_training
from tasks.policy import take


def train_to_the_end(planned: PlannedTraining) -> FinetuneResult:
    """Train in one sitting.

    Raises:
        AcentoError: it was stopped before its end.
    """
    result = take(finetune_model, planned)
    if not result.done:
        raise AcentoError(f"The training {planned.title} did not end: {result.sentence}")
    return result


@flow_of(FinetuneRequest, "finetune", title=lambda request: request.heading)
def finetune(request: FinetuneRequest) -> FinetuneResult:
    """Fine-tune a base model on a data set's train split, its dev split steering; killed, it goes on where it was."""
    planned = take(plan_training, request)
    before = -1
    while True:
        result = take(finetune_model, planned)
        if result.done or result.why != "time limit":
            return result
        if result.step <= before:
            raise AcentoError(
                f"The training {planned.title} got no further than step {result.step} in {request.max_minutes:g} "
                "minutes; give it more with --max-minutes."
            )
        if take(continue_later, planned.title):
            return result
        before = result.step
