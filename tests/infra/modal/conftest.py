"""What the tests of Modal share: the stand-in may have refused nothing."""

from collections.abc import Callable, Iterator

import pytest


@pytest.fixture(autouse=True)
def _nothing_unexpected(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test in which Modal was sent something that the stand-in does not know."""
    yield
    if "modal_api" in request.fixturenames:
        assert request.getfixturevalue("modal_api").book.refused == []


@pytest.fixture
def fresh_client() -> Iterator[Callable[[], None]]:
    """Return what makes Modal's client read its token anew; the test after this one does so too."""
    from modal.client import _Client

    def forget() -> None:
        _Client._set_env_client(None)

    yield forget
    forget()
