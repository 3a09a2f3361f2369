"""Studies in files that nobody syncs to the disk."""

from collections.abc import Iterator

import pytest

from tests.acento.experiments.search.made_up_search import unsynced


@pytest.fixture(autouse=True)
def _unsynced() -> Iterator[None]:
    with unsynced():
        yield
