"""How the steps of a longer job are carried out: in this process, or each as a flow or a task of an orchestrator."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from acento.core.store import Store

P = ParamSpec("P")
R = TypeVar("R")


class Carry(Protocol):
    """Carries out a step, a function of this library that takes a store first: in this process, or as flow or task."""

    def __call__(self, step: Callable[Concatenate[Store, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what the step returns; the store is not given, as whoever carries the step out knows it."""


def in_process(store: Store) -> Carry:
    """Return what carries steps out here and now."""

    def carry(step: Callable[Concatenate[Store, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        return step(store, *args, **kwargs)

    return carry
