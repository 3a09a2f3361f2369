"""The flow ``cross-validate``: as many trainings as folds, each tested on groups that it was not trained on."""

from acento.requests import FoldsRequest
from flows.finetune import train_to_the_end
from flows.runtime.request_flow import flow_of
from tasks.evaluation import Evaluated, plan_cross_validation, pool_cross_validation
from tasks.policy import run_task


@flow_of(FoldsRequest, "cross-validate")
def cross_validate(request: FoldsRequest) -> Evaluated:
    """Train once for each fold and test base and tuned model on it; errors are pooled and no model is kept."""
    trainings = run_task(plan_cross_validation, request)
    for training in trainings:
        train_to_the_end(training)
    return run_task(pool_cross_validation, request.heading, trainings)
