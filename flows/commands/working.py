"""What every verb that runs a flow does around it."""

from collections.abc import Iterator
from contextlib import contextmanager

from flows import terminal


@contextmanager
def working(*tags: str) -> Iterator[None]:
    """Run the flow of the block beside a Prefect server, with progress bars; its runs carry ``acento`` and the tags.

    Raises:
        StoreError: the store cannot be written; said before a server starts.
    """
    from acento.settings import settings
    from acento.store import open_store
    from flows import embedded

    open_store(settings().store).check_writable()
    with (
        terminal.progress_bars("starting Prefect"),
        embedded.session(tags=["acento", *tags], verbose=terminal.verbose()),
    ):
        yield
