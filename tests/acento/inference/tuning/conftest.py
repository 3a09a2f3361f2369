"""What several tests of this room begin with."""

import pytest

from tests.acento.inference.tuning.made_up_engines import Clock


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands at 0."""
    return Clock()
