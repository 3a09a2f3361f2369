"""The flow ``learning-curve``: the same training on growing shares of a data set, and what more clips may bring."""

from typing import Annotated, Any

from prefect import flow
from pydantic import Field

import flows.rooms  # noqa: F401  (first of the rooms: it refuses a stranger's `tasks`)
from acento.core.settings import ComputeName
from acento.training.partial import SHARES, check_shares, plan_shares
from acento.training.partial_request import CurveRequest
from flows.finetune import Device, NonEmpty, Positive, Strategy, asked_for, train_to_the_end
from tasks.finetune import PlannedTraining, plan_training
from tasks.learning_curve import DrawnCurve, draw_learning_curve
from tasks.policy import take


def _title() -> str:
    return asked_for(CurveRequest).heading


@flow(
    name="learning-curve",
    flow_run_name=_title,
    persist_result=False,
    result_serializer="json",
)
def learning_curve(
    dataset: NonEmpty,
    base_model: NonEmpty,
    shares: Annotated[list[float], Field(min_length=1)] = list(SHARES),  # noqa: B006 - Prefect copies it
    name: NonEmpty | None = None,
    strategy: Strategy | None = None,
    recipe: dict[str, Any] | None = None,
    language: NonEmpty | None = None,
    device: Device | None = None,
    threads: Positive | None = None,
    compute: ComputeName | None = None,
    allow_invalid: bool = False,
) -> DrawnCurve:
    """Train on shares of the train split, each within the next, and score each on dev; no model is kept.

    Args:
        dataset: a staged data set, NAME or NAME@VERSION
        base_model: a folder, Hugging Face id (``owner/name@revision``), demo:NAME or registry:NAME@VERSION
        shares: of the training clips, in percent
        name: what the trainings are called, with the share behind it; made of the base's and the data set's
        strategy: what learns; encoder, unless the recipe says otherwise
        recipe: what departs from the recipe that suits the number of clips, such as ``{"epochs": 20}``
        language: what the model is taught to write, such as ``es``; the data set's own
        device: cpu, cuda or mps; the best there is
        threads: CPU threads; every core
        compute: the backend that trains
        allow_invalid: also learn from a data set that failed its last validation
    """
    request = asked_for(CurveRequest)
    check_shares(request.shares)
    planned = take(plan_training, request)
    trainings = [
        PlannedTraining(title=f"{planned.title}, {share:g} %", compute=planned.compute, job=job)
        for share, job in zip(sorted(set(request.shares)), plan_shares(planned.job, request.shares), strict=True)
    ]
    results = [train_to_the_end(training) for training in trainings]
    return take(draw_learning_curve, request.heading, trainings, results)
