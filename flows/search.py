"""The flow ``search``: try recipes on a staged data set, and leave the best one, with the model that it made."""

from typing import Annotated, Any, Literal

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

import flows.rooms  # noqa: F401  (first of the rooms: it refuses a stranger's `tasks`)
from acento.core.settings import ComputeName
from acento.experiments.search.request import SearchRequest
from acento.training.request import FinetuneRequest
from flows.finetune import Device, NonEmpty, Positive
from tasks.finetune import PlannedTraining, finetune_model, plan_training
from tasks.policy import take
from tasks.search import Searched, plan_search, threads_of_trial, try_recipes

Some = Annotated[float, Field(gt=0)]


def _title() -> str:
    asked = flow_run.parameters
    return f"search {FinetuneRequest(dataset=asked['dataset'], base_model=asked['base_model']).title}"


@flow(name="search", flow_run_name=_title, persist_result=False, result_serializer="json")
def search(
    dataset: NonEmpty,
    base_model: NonEmpty,
    name: NonEmpty | None = None,
    space: dict[str, Any] | None = None,
    sampler: Literal["tpe", "grid", "random"] = "tpe",
    pruner: Literal["median", "halving", "none"] = "median",
    trials: Positive | None = None,
    minutes: Some | None = None,
    dollars: Some | None = None,
    price_per_hour: Some | None = None,
    parallel: Positive = 1,
    seed: Annotated[int, Field(ge=0)] = 0,
    recipe: dict[str, Any] | None = None,
    language: NonEmpty | None = None,
    device: Device | None = None,
    threads: Positive | None = None,
    compute: ComputeName | None = None,
    allow_invalid: bool = False,
) -> Searched:
    """Try recipes, each a training steered by dev, and publish the best one's model; killed, it goes on where it was.

    Args:
        dataset: a staged data set, NAME or NAME@VERSION
        base_model: a folder, Hugging Face id (``owner/name@revision``), demo:NAME or registry:NAME@VERSION
        name: of the search, and of the best model in the registry; made of the base's and the data set's
        space: what to try, such as ``{"learning_rate": {"low": 1e-5, "high": 1e-3, "log": true}}``; the usual
        sampler: how to choose the next trial
        pruner: when to end a trial that is worse than others
        trials: how many in all, those of earlier runs with them; 20, or the whole grid, if there is no other budget
        minutes: of training in all
        dollars: in all; takes a price_per_hour
        price_per_hour: dollars for an hour of one training
        parallel: trials side by side
        seed: of what is tried
        recipe: what every trial's recipe has, such as ``{"max_steps": 200}``
        language: what the models are taught to write, such as ``es``; the data set's own
        device: cpu, cuda or mps; the best there is
        threads: CPU threads of each trial; every core, shared by the trials side by side
        compute: the backend that trains
        allow_invalid: also learn from a data set that failed its last validation
    """
    training = FinetuneRequest(
        dataset=dataset,
        base_model=base_model,
        name=name,
        recipe=recipe or {},
        language=language,
        device=device,
        threads=threads or threads_of_trial(parallel),
        compute=compute,
        allow_invalid=allow_invalid,
    )
    request = SearchRequest(
        training=training,
        space=space,
        sampler=sampler,
        pruner=pruner,
        seed=seed,
        trials=trials,
        minutes=minutes,
        dollars=dollars,
        price_per_hour=price_per_hour,
        parallel=parallel,
    )
    plan = take(plan_search, request)
    planned = take(plan_training, training)
    searched = take(try_recipes, planned, plan, request)
    if searched.winner is None:
        return searched
    winner = searched.winner.model_copy(update={"name": planned.job.name, "publish": True})
    best = take(finetune_model, PlannedTraining(title=planned.title, compute=planned.compute, job=winner))
    return searched.model_copy(update={"model": best.model})
