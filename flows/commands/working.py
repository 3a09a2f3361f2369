"""What every verb that runs a flow does around it, and the options of those whose work may be done elsewhere."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from flows import terminal

if TYPE_CHECKING:
    from acento.core.store import Store

Backend = Annotated[
    str | None,
    typer.Option("--compute", help="Where the work is done: inline (here), work-pool, modal or spark."),
]
WorkPool = Annotated[str | None, typer.Option("--work-pool", help="Prefect's pool of --compute work-pool.")]
GpuType = Annotated[
    str | None, typer.Option("--gpu-type", help="The GPU to ask for elsewhere, the first choice first: L40S,A100.")
]


@contextmanager
def working(
    *tags: str,
    compute: str | None = None,
    work_pool: str | None = None,
    gpu_type: str | None = None,
    first: Callable[["Store"], object] = lambda _: None,
    lines: bool = False,
) -> Iterator[None]:
    """Run the flow of the block beside a Prefect server, with progress bars; its runs carry ``acento`` and the tags.

    Args:
        tags: of the runs.
        compute: the backend that was asked for; one that needs a server which others know gets none of its own.
        work_pool: what stands in for ACENTO_WORK_POOL.
        gpu_type: what stands in for ACENTO_GPU_TYPE.
        first: looks at the store before a server starts, for what would fail later.
        lines: say how far it is in lines where there is no terminal.

    Raises:
        StoreError: the store cannot be written; said before a server starts.
        InputError: the backend needs a Prefect server, and PREFECT_API_URL names none.
    """
    from acento.core.settings import settings
    from acento.core.store import open_store
    from flows import embedded

    for name, value in (("ACENTO_WORK_POOL", work_pool), ("ACENTO_GPU_TYPE", gpu_type)):
        if value is not None:
            os.environ[name] = value
            settings.cache_clear()
    store = open_store(settings().store)
    store.check_writable()
    first(store)
    shared = (compute or settings().compute) == "work-pool"
    with (
        terminal.progress_bars("starting Prefect", lines=lines),
        embedded.session(tags=["acento", *tags], verbose=terminal.verbose(), shared=shared),
    ):
        yield


def done_here(compute: str | None) -> bool:
    """Tell whether the work is done on this machine, so that what it lacks can be known."""
    from acento.core.settings import settings

    return (compute or settings().compute) == "inline"
