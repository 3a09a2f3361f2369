"""Compute backends: the same jobs, carried out in this process or elsewhere, by changing one setting."""

from acento.errors import InputError
from acento.store import Store
from infra.compute.base import Compute, Outcome
from infra.compute.inline import InlineCompute

__all__ = ["Compute", "InlineCompute", "Outcome", "open_compute"]


def open_compute(name: str, store: Store) -> Compute:
    """Return the backend of that name.

    Raises:
        InputError: there is none.
    """
    if name == InlineCompute.name:
        return InlineCompute(store)
    raise InputError(f"There is no compute backend {name!r}; there is {InlineCompute.name}.")
