"""What several tests of this room begin with."""

from pathlib import Path

import pytest
from fake_recognizer import FAKE
from no_charts import no_charts  # noqa: F401
from staged import staged

from acento.core.settings import settings
from acento.core.store import LocalStore
from acento.inference import jobs as job_module


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    """Return a store with six staged clips, in which the family of the fake recognizer is known."""
    monkeypatch.setitem(job_module.FAMILIES, "fake", FAKE)
    found = LocalStore(tmp_path / "store")
    staged(found, tmp_path / "clips", 6)
    return found


@pytest.fixture
def in_parts(store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    """Make the store the one that the settings name, and plans have several parts."""
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    monkeypatch.setattr("acento.inference.plan.PART_SECONDS", 0.6)
    settings.cache_clear()
    return store
