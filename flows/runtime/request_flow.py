"""A flow of a request: its parameters are the request's fields, with their types, bounds and descriptions.

Flows import this module before ``tasks`` and ``infra``: it first checks that those names are Acento's packages. A file
``tasks.py`` in the working directory of a worker, or on ``PYTHONPATH``, would be imported in their place, and fail much
later or do something else.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Concatenate, TypeVar

from prefect import Flow, flow
from prefect.runtime import flow_run

from acento.api.carrying import Carry, P
from acento.core.errors import InputError
from acento.core.store import Store
from acento.requests import Request

Asked = TypeVar("Asked", bound=Request)
R = TypeVar("R")


def check_packages() -> None:
    """Check that the packages beside this one are those that would be imported, and no others of their names."""
    root = Path(__file__).resolve().parent.parent.parent
    for name in ("tasks", "infra", "acento"):
        spec = find_spec(name)
        found = spec.origin if spec else None
        if found is None or Path(found).resolve().parent != root / name:
            where = found or (list(spec.submodule_search_locations or [])[:1] or ["nowhere"])[0] if spec else "nowhere"
            raise InputError(
                f"Python finds {name!r} at {where} and not in {root}, where Acento is installed: "
                "rename that module, or take its folder out of PYTHONPATH or the working directory."
            )


check_packages()


def flow_of(kind: type[Asked], name: str) -> Callable[[Callable[[Asked], R]], Flow[..., R]]:
    """Make a flow of a function of one request: it is called with the request's fields, and checks them."""
    signature = kind.signature()

    def decorate(function: Callable[[Asked], R]) -> Flow[..., R]:
        @wraps(function)
        def with_parameters(*args: Any, **kwargs: Any) -> R:
            return function(kind.of(**signature.bind(*args, **kwargs).arguments))

        with_parameters.__signature__ = signature  # type: ignore[attr-defined]
        with_parameters.__doc__ = f"{function.__doc__}\n\n{kind.described()}"
        made: Flow[..., R] = flow(
            name=name,
            # Prefect calls it when the run has begun, and hands nothing over
            flow_run_name=lambda: kind.of(**flow_run.parameters).heading,
            persist_result=False,
            result_serializer="json",
        )(with_parameters)
        # instead of Prefect's own check, which says what is wrong in pydantic's words
        made.validate_parameters = lambda parameters: kind.of(**parameters).parameters()  # type: ignore[method-assign]
        return made

    return decorate


def carried_by(steps: Mapping[Callable[..., Any], Callable[..., Any]]) -> Carry:
    """Return what carries a step of the library out as the flow or the task that is named for it."""

    def carry(step: Callable[Concatenate[Store, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        result: R = steps[step](*args, **kwargs)
        return result

    return carry
