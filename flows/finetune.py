"""The flow ``finetune``: specialize a base model on a staged data set, to the end, in as many sittings as it takes."""

from typing import Annotated, Any, Literal, TypeVar

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

import flows.rooms  # noqa: F401  (first of the rooms: it refuses a stranger's `tasks`)
from acento.core.errors import AcentoError
from acento.core.settings import ComputeName
from acento.training.job import FinetuneResult
from acento.training.request import FinetuneRequest
from tasks.continuation import continue_later
from tasks.finetune import PlannedTraining, finetune_model, plan_training
from tasks.policy import take

NonEmpty = Annotated[str, Field(min_length=1)]
Positive = Annotated[int, Field(ge=1)]
Strategy = Literal["encoder", "full", "decoder", "lora", "last-n"]
Device = Literal["auto", "cpu", "cuda", "mps"]


Asked = TypeVar("Asked", bound=FinetuneRequest)


def asked_for(kind: type[Asked]) -> Asked:
    """Return what this flow run was asked for: its parameters, a strategy that was named being one of the recipe's."""
    asked = {name: value for name, value in flow_run.parameters.items() if value is not None}
    strategy = asked.pop("strategy", None)
    return kind.model_validate(asked | {"recipe": with_strategy(asked.get("recipe"), strategy)})


def train_to_the_end(planned: PlannedTraining) -> FinetuneResult:
    """Train in one sitting.

    Raises:
        AcentoError: it was stopped before its end.
    """
    result = take(finetune_model, planned)
    if not result.done:
        raise AcentoError(f"The training {planned.title} did not end: {result.sentence}")
    return result


def with_strategy(recipe: dict[str, Any] | None, strategy: str | None) -> dict[str, Any]:
    """Return what departs from the usual recipe, the strategy with it if one was named."""
    return (recipe or {}) | ({"strategy": strategy} if strategy else {})


def _title() -> str:
    return f"finetune {asked_for(FinetuneRequest).title}"


@flow(name="finetune", flow_run_name=_title, persist_result=False, result_serializer="json")
def finetune(
    dataset: NonEmpty,
    base_model: NonEmpty,
    name: NonEmpty | None = None,
    strategy: Strategy | None = None,
    recipe: dict[str, Any] | None = None,
    language: NonEmpty | None = None,
    device: Device | None = None,
    threads: Positive | None = None,
    max_minutes: Annotated[float, Field(gt=0)] | None = None,
    compute: ComputeName | None = None,
    allow_invalid: bool = False,
) -> FinetuneResult:
    """Fine-tune a base model on a data set's train split, its dev split steering; killed, it goes on where it was.

    Args:
        dataset: a staged data set, NAME or NAME@VERSION
        base_model: a folder, Hugging Face id (``owner/name@revision``), demo:NAME or registry:NAME@VERSION
        name: the tuned model's name in the registry; made of the base's and the data set's
        strategy: what learns; encoder, unless the recipe says otherwise
        recipe: what departs from the recipe that suits the number of clips, such as ``{"epochs": 20}``
        language: what the model is taught to write, such as ``es``; the data set's own
        device: cpu, cuda or mps; the best there is
        threads: CPU threads; every core
        max_minutes: of one sitting: then a checkpoint is left, and the continuation begins
        compute: the backend that trains
        allow_invalid: also learn from a data set that failed its last validation
    """
    planned = take(plan_training, asked_for(FinetuneRequest))
    before = -1
    while True:
        result = take(finetune_model, planned)
        if result.done or result.why != "time limit":
            return result
        if result.step <= before:
            raise AcentoError(
                f"The training {planned.title} got no further than step {result.step} in {max_minutes:g} minutes; "
                "give it more with --max-minutes."
            )
        if take(continue_later, planned.title):
            return result
        before = result.step
