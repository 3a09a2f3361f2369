"""The flow ``cross-validate``: as many trainings as folds, each tested on groups that it never heard."""

from typing import Annotated, Any, Literal

from prefect import flow
from pydantic import Field

import flows.rooms  # noqa: F401  (first of the rooms: it refuses a stranger's `tasks`)
from acento.core.settings import ComputeName
from acento.data.splits import SplitBy
from acento.training.partial_request import FoldsRequest
from flows.finetune import Device, NonEmpty, Positive, Strategy, asked_for, train_to_the_end
from tasks.cross_validate import CrossValidated, plan_cross_validation, pool_cross_validation
from tasks.policy import take


def _title() -> str:
    return asked_for(FoldsRequest).heading


@flow(
    name="cross-validate",
    flow_run_name=_title,
    persist_result=False,
    result_serializer="json",
)
def cross_validate(
    dataset: NonEmpty,
    base_model: NonEmpty,
    folds: Annotated[int, Field(ge=2)] = 5,
    by: SplitBy = "auto",
    splits: list[Literal["train", "dev", "test"]] | None = None,
    name: NonEmpty | None = None,
    strategy: Strategy | None = None,
    recipe: dict[str, Any] | None = None,
    language: NonEmpty | None = None,
    device: Device | None = None,
    threads: Positive | None = None,
    compute: ComputeName | None = None,
    allow_invalid: bool = False,
) -> CrossValidated:
    """Train once for each fold and test base and tuned model on it; errors are pooled and no model is kept.

    Args:
        dataset: a staged data set, NAME or NAME@VERSION
        base_model: a folder, Hugging Face id (``owner/name@revision``), demo:NAME or registry:NAME@VERSION
        folds: how many
        by: what is never parted: speaker, prompt, or auto for the speaker where one is known
        splits: whose clips; all that the data set has
        name: what the trainings are called, with the fold behind it; made of the base's and the data set's
        strategy: what learns; encoder, unless the recipe says otherwise
        recipe: what departs from the recipe that suits the number of clips, such as ``{"epochs": 20}``
        language: what the model is taught to write, such as ``es``; the data set's own
        device: cpu, cuda or mps; the best there is
        threads: CPU threads; every core
        compute: the backend that trains
        allow_invalid: also learn from a data set that failed its last validation
    """
    request = asked_for(FoldsRequest)
    trainings = take(plan_cross_validation, request)
    for training in trainings:
        train_to_the_end(training)
    return take(pool_cross_validation, request.heading, trainings)
