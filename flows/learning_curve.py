"""The flow ``learning-curve``: the same training on growing shares of a data set, and what more clips may bring."""

from acento.experiments.learning_curve import check_shares, plan_shares
from acento.requests import CurveRequest
from flows.finetune import train_to_the_end
from flows.runtime.request_flow import flow_of
from tasks.evaluation import Evaluated, draw_learning_curve
from tasks.finetune import plan_training
from tasks.policy import run_task


@flow_of(CurveRequest, "learning-curve")
def learning_curve(request: CurveRequest) -> Evaluated:
    """Train on shares of the train split, each within the next, and score each on dev; no model is kept."""
    shares = check_shares(request.shares)
    planned = run_task(plan_training, request)
    trainings = [
        planned.model_copy(update={"title": f"{planned.title}, {share:g} %", "job": job})
        for share, job in zip(shares, plan_shares(planned.job, shares), strict=True)
    ]
    results = [train_to_the_end(training) for training in trainings]
    return run_task(draw_learning_curve, request.heading, trainings, results)
