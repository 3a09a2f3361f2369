"""What the tests of staging begin with: an empty store, and a folder of five recordings."""

import pytest
from recordings import put
from remote_places import bucket as bucket
from remote_places import moto as moto
from remote_places import web as web

from acento.core.store import LocalStore


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "recordings"
    for n in range(5):
        put(folder, f"clip{n}", n)
    return folder
