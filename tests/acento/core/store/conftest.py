"""A place for a store of each kind."""

from pathlib import Path

import pytest
from stores import LocalPlace, Place, S3Place

from acento.core.store import Store


@pytest.fixture(params=["local", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("s3", "modal"))])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Return a place in which nothing is yet."""
    if request.param == "s3":
        return S3Place(request.getfixturevalue("s3"))
    if request.param == "modal":
        from tests.acento.core.store.modal_place import ModalPlace

        request.getfixturevalue("modal")
        return ModalPlace()
    return LocalPlace(tmp_path / "store")


@pytest.fixture
def store(place: Place) -> Store:
    """Return the store there."""
    return place.open()
