"""Fixtures of the stand-in for Modal's service, which may have refused nothing when a test ends."""

from collections.abc import Callable, Iterator

import pytest
from modal_service import ModalService, modal_service

_running: list[ModalService] = []


@pytest.fixture(scope="session")
def modal_api() -> Iterator[ModalService]:
    """Run a stand-in for Modal's service for the whole session.

    Every conftest that has this fixture gets the same one: Modal's client is connected once in a process.
    """
    if _running:
        yield _running[0]
        return
    with modal_service() as service:
        _running.append(service)
        yield service
        _running.clear()


@pytest.fixture
def modal(modal_api: ModalService, monkeypatch: pytest.MonkeyPatch) -> ModalService:
    """Let this process and those it starts find the stand-in for Modal's service and its token."""
    for name, value in modal_api.environment.items():
        monkeypatch.setenv(name, value)
    return modal_api


@pytest.fixture(autouse=True)
def nothing_refused(request: pytest.FixtureRequest) -> Iterator[None]:
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
