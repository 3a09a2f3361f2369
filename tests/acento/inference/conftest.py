"""What several tests of this room begin with."""

from pathlib import Path

import pytest
from fake_recognizer import FAKE
from staged import staged

from acento.core.store import LocalStore
from acento.inference import jobs as job_module


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    """Return a store with six staged clips, in which the family of the fake recognizer is known."""
    monkeypatch.setitem(job_module.FAMILIES, "fake", FAKE)
    found = LocalStore(tmp_path / "store")
    staged(found, tmp_path / "clips", 6)
    return found
