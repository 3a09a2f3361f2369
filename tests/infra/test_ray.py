"""What of the backend ray can be told without Ray: what is missing, what is reached, how many processes there are."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from acento.core.errors import InputError
from acento.core.settings import settings
from acento.core.store import LocalStore
from acento.models.devices import Elsewhere
from infra.compute.ray import RayCompute

Set = Callable[..., None]


@pytest.fixture
def set_(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Set environment variables, on a machine that has Ray."""
    monkeypatch.setattr("acento.core.extras.find_spec", lambda _: SimpleNamespace(origin="here"))

    def set_(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()

    return set_


@pytest.mark.usefixtures("set_")
def test_a_local_ray_is_this_machine_and_reaches_a_folder(tmp_path: Path) -> None:
    assert RayCompute(LocalStore(tmp_path)).check() is None


def test_a_cluster_is_elsewhere_with_the_gpu_that_was_asked_for(set_: Set, tmp_path: Path) -> None:
    set_(ACENTO_RAY_ADDRESS="ray://head:10001", ACENTO_GPU_TYPE="L4, A100")
    store = LocalStore(tmp_path)
    store.url = "s3://bucket/prefix"
    assert RayCompute(store).check() == Elsewhere(gpu="L4")


def test_a_cluster_that_cannot_reach_the_folder_is_refused(set_: Set, tmp_path: Path) -> None:
    set_(ACENTO_RAY_ADDRESS="auto")
    with pytest.raises(InputError, match=r"Ray cluster auto cannot reach the store .*s3://bucket/prefix"):
        RayCompute(LocalStore(tmp_path)).check()


def test_ray_that_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acento.core.extras.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'acento\[ray\]'"):
        RayCompute(LocalStore(tmp_path)).check()
    assert RayCompute(LocalStore(tmp_path)).check(begin=False) is None, "what is done already needs no Ray"
