"""Several parts, as many runs as are asked for, and quick polls."""

import pytest
from fake_recognizer import FAKE

from acento.core.settings import settings
from acento.inference import jobs as job_module
from infra.compute.dispatch import dispatcher, worker


@pytest.fixture
def quick_and_fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several parts, as many runs as are asked for, quick polls."""
    monkeypatch.setitem(job_module.FAMILIES, "fake", FAKE)
    monkeypatch.setattr("acento.inference.plan.PART_SECONDS", 0.3)
    monkeypatch.setattr(worker, "POLL_S", 0.05)
    monkeypatch.setattr(dispatcher, "POLL_ENGINE_S", 0.05)
    monkeypatch.setattr(dispatcher, "POLL_RECORDS_S", (0.02, 0.1))
    monkeypatch.setenv("ACENTO_START_SHARE", "1000000")
    settings.cache_clear()
