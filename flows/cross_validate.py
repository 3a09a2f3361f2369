"""The flow ``cross-validate``: as many trainings as folds, each tested on groups that it never heard."""

import flows.rooms  # noqa: F401  (first of the rooms: it refuses a stranger's `tasks`)
from acento.requests import FoldsRequest
from flows.finetune import train_to_the_end
from flows.requested import flow_of
from tasks.cross_validate import CrossValidated, plan_cross_validation, pool_cross_validation
from tasks.policy import take


@flow_of(FoldsRequest, "cross-validate", title=lambda request: request.heading)
def cross_validate(request: FoldsRequest) -> CrossValidated:
    """Train once for each fold and test base and tuned model on it; errors are pooled and no model is kept."""
    trainings = take(plan_cross_validation, request)
    for training in trainings:
        train_to_the_end(training)
    return take(pool_cross_validation, request.heading, trainings)
