"""What every verb that runs a flow does around it."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from flows.commands import terminal

if TYPE_CHECKING:
    from acento.core.store import Store
    from acento.requests import Request


def open_store() -> "Store":
    """Return the store of the settings; the library is imported when the first verb needs it."""
    from acento.core import store

    return store.open_store()


def run_flow(
    verb: str,
    request: "Request",
    *tags: str,
    chosen: Mapping[str, Any] = MappingProxyType({}),
    check: Callable[..., object] | None = None,
) -> Any:
    """Run the flow of a verb, such as ``learning-curve``, in a :func:`session`, and return what it returns.

    Before a server starts, ``check`` is called with the store and the request, and whether the work is done on this
    machine, so that what it lacks can be known: a function of :mod:`acento.api.precheck`.
    """

    def first(store: "Store") -> None:
        from acento.core.settings import settings

        if check is not None:
            check(store, request, installed=(chosen.get("compute") or settings().compute) == "inline")

    with session(verb, *tags, chosen=chosen, first=first):
        name = verb.replace("-", "_")
        return getattr(import_module(f"flows.{name}"), name)(**request.parameters())


@contextmanager
def session(
    *tags: str,
    chosen: Mapping[str, Any] = MappingProxyType({}),
    first: Callable[["Store"], object] = lambda _: None,
    lines: bool = False,
) -> Iterator[None]:
    """Run the flow of the block beside a Prefect server, with progress bars; its runs carry ``acento`` and the tags.

    Of the chosen options ``work_pool`` stands in for ACENTO_WORK_POOL, ``gpu_type`` for ACENTO_GPU_TYPE, and a
    ``compute`` that needs a server which others know gets none of its own. Before a server starts, ``first`` looks at
    the store for what would fail later. With ``lines`` progress is printed in lines where there is no terminal.
    """
    from acento.core.settings import settings
    from flows.runtime import embedded

    for name in ("work_pool", "gpu_type"):
        if chosen.get(name) is not None:
            os.environ[f"ACENTO_{name.upper()}"] = chosen[name]
            settings.cache_clear()
    store = open_store()
    store.check_writable()
    first(store)
    shared = (chosen.get("compute") or settings().compute) == "work-pool"
    with (
        terminal.progress_bars("starting Prefect", lines=lines),
        embedded.session(tags=["acento", *tags], verbose=terminal.verbose(), shared=shared),
    ):
        yield
