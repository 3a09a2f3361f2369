"""The flow ``learning-curve``: the same training on growing shares of a data set, and what more clips may bring."""

import flows.rooms  # noqa: F401  (first of the rooms: it refuses a stranger's `tasks`)
from acento.api.training import PlannedTraining
from acento.experiments.learning_curve import check_shares, plan_shares
from acento.requests import CurveRequest
from flows.finetune import train_to_the_end
from flows.requested import flow_of
from tasks.finetune import plan_training
from tasks.learning_curve import DrawnCurve, draw_learning_curve
from tasks.policy import take


@flow_of(CurveRequest, "learning-curve", title=lambda request: request.heading)
def learning_curve(request: CurveRequest) -> DrawnCurve:
    """Train on shares of the train split, each within the next, and score each on dev; no model is kept."""
    shares = check_shares(request.shares)
    planned = take(plan_training, request)
    trainings = [
        PlannedTraining(title=f"{planned.title}, {share:g} %", compute=planned.compute, job=job)
        for share, job in zip(shares, plan_shares(planned.job, shares), strict=True)
    ]
    results = [train_to_the_end(training) for training in trainings]
    return take(draw_learning_curve, request.heading, trainings, results)
