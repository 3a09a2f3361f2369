"""The flow ``search``: try recipes on a staged data set, and leave the best one, with the model that it made."""

import flows.rooms  # noqa: F401  (first of the rooms: it refuses a stranger's `tasks`)
from acento.api.searching import Searched, with_threads
from acento.requests import SearchRequest
from flows.requested import flow_of
from tasks.finetune import finetune_model, plan_training
from tasks.policy import take
from tasks.search import plan_search, try_recipes


@flow_of(SearchRequest, "search", title=lambda request: request.heading)
def search(request: SearchRequest) -> Searched:
    """Try recipes, each a training steered by dev, and publish the best model; killed, it goes on where it was."""
    request = with_threads(request)
    plan = take(plan_search, request)
    planned = take(plan_training, request)
    searched = take(try_recipes, planned, plan, request)
    best = searched.published(planned)
    return searched if best is None else searched.model_copy(update={"model": take(finetune_model, best).model})
