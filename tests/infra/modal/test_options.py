"""What the settings ask of Modal, and how Acento comes into the image."""

from pathlib import Path

import pytest

from acento.core.settings import settings
from infra.modal.options import VOLUMES, options_asked


def test_without_a_word_on_it_this_checkout_is_installed_with_what_containers_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = options_asked()
    assert found.source is not None
    assert (Path(found.source) / "pyproject.toml").is_file()
    assert found.constraints == f"{found.source}/constraints.txt"
    assert {"ctranslate2", "diarization", "modal"} <= set(found.extras)
    assert found.volumes == VOLUMES
    monkeypatch.setenv("ACENTO_JOB_VARIABLES", '{"image": "registry.example/acento:1"}')
    settings.cache_clear()
    assert options_asked().source is None
