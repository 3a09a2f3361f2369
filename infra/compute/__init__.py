"""Compute backends: the same jobs, carried out in this process or elsewhere, by changing one setting."""

from importlib import import_module
from typing import get_args

from acento.core.errors import InputError
from acento.core.extras import needed_by
from acento.core.settings import ComputeName
from acento.core.store import Store
from infra.compute.base import Compute, Outcome
from infra.compute.inline import InlineCompute

__all__ = ["Compute", "InlineCompute", "Outcome", "open_compute"]

_BACKENDS: dict[str, str] = {
    "inline": "infra.compute.inline:InlineCompute",
    "work-pool": "infra.compute.work_pool:WorkPoolCompute",
    "modal": "infra.compute.modal:ModalCompute",
    "spark": "infra.compute.spark:SparkCompute",
    "ray": "infra.compute.ray:RayCompute",
}
"""Where each backend is; an engine is imported when it is asked for."""


def open_compute(name: str, store: Store) -> Compute:
    """Return the backend of that name.

    Raises:
        InputError: there is none, or what it needs is not installed.
    """
    if name not in _BACKENDS:
        raise InputError(f"There is no compute backend {name!r}; there are {', '.join(get_args(ComputeName))}.")
    module, _, kind = _BACKENDS[name].partition(":")
    with needed_by(f"The backend {name}"):
        backend: Compute = getattr(import_module(module), kind)(store)
    return backend
