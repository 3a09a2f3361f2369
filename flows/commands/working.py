"""What every verb that runs a flow does around it."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from flows import terminal

if TYPE_CHECKING:
    from acento.core.store import Store


@contextmanager
def working(
    *tags: str,
    chosen: Mapping[str, Any] = MappingProxyType({}),
    first: Callable[["Store"], object] = lambda _: None,
    lines: bool = False,
) -> Iterator[None]:
    """Run the flow of the block beside a Prefect server, with progress bars; its runs carry ``acento`` and the tags.

    Args:
        tags: of the runs.
        chosen: the options; ``work_pool`` stands in for ACENTO_WORK_POOL, ``gpu_type`` for ACENTO_GPU_TYPE, and a
            ``compute`` that needs a server which others know gets none of its own.
        first: looks at the store before a server starts, for what would fail later.
        lines: say how far it is in lines where there is no terminal.

    Raises:
        StoreError: the store cannot be written; said before a server starts.
        InputError: the backend needs a Prefect server, and PREFECT_API_URL names none.
    """
    from acento.core.settings import settings
    from acento.core.store import open_store
    from flows import embedded

    for name in ("work_pool", "gpu_type"):
        if chosen.get(name) is not None:
            os.environ[f"ACENTO_{name.upper()}"] = chosen[name]
            settings.cache_clear()
    store = open_store(settings().store)
    store.check_writable()
    first(store)
    shared = (chosen.get("compute") or settings().compute) == "work-pool"
    with (
        terminal.progress_bars("starting Prefect", lines=lines),
        embedded.session(tags=["acento", *tags], verbose=terminal.verbose(), shared=shared),
    ):
        yield


def done_here(compute: str | None) -> bool:
    """Tell whether the work is done on this machine, so that what it lacks can be known."""
    from acento.core.settings import settings

    return (compute or settings().compute) == "inline"
