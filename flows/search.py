"""The flow ``search``: try recipes on a staged data set, and leave the best one, with the model that it made."""

from dataclasses import replace

from acento.api.pricing import with_price
from acento.api.searching import Searched, with_threads
from acento.requests import SearchRequest
from flows.runtime.request_flow import flow_of
from tasks.finetune import finetune_model, plan_search, plan_training, try_recipes
from tasks.policy import run_task


@flow_of(SearchRequest, "search")
def search(request: SearchRequest) -> Searched:
    """Try recipes, each a training steered by dev, and publish the best model; killed, it goes on where it was."""
    request = with_price(with_threads(request))
    plan = run_task(plan_search, request)
    planned = run_task(plan_training, request)
    searched = run_task(try_recipes, planned, plan, request)
    best = searched.published(planned)
    return searched if best is None else replace(searched, model=run_task(finetune_model, best).model)
