"""A flow of a request: its parameters are the request's fields, with their types, bounds and descriptions."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from prefect import Flow, flow
from prefect.runtime import flow_run

from acento.requests import Request

Asked = TypeVar("Asked", bound=Request)
R = TypeVar("R")


def flow_of(
    kind: type[Asked], name: str, title: Callable[[Asked], str]
) -> Callable[[Callable[[Asked], R]], Flow[..., R]]:
    """Make a flow of a function that takes one request.

    Args:
        kind: the request; the flow is called with its fields.
        name: the flow's.
        title: returns the name of a run.
    """
    signature = kind.signature()

    def decorate(function: Callable[[Asked], R]) -> Flow[..., R]:
        @wraps(function)
        def with_parameters(*args: Any, **kwargs: Any) -> R:
            return function(kind.of(**signature.bind(*args, **kwargs).arguments))

        with_parameters.__signature__ = signature  # type: ignore[attr-defined]
        with_parameters.__doc__ = f"{function.__doc__}\n\n{kind.described()}"
        return flow(
            name=name,
            # Prefect calls it when the run has begun, and hands nothing over
            flow_run_name=lambda: title(kind.of(**flow_run.parameters)),
            persist_result=False,
            result_serializer="json",
        )(with_parameters)

    return decorate
