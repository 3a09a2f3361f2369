"""A search's budget in dollars takes the price of its device from the one table of prices."""

from pathlib import Path

import pytest

from acento.api.pricing import with_price
from acento.core.settings import settings
from acento.models.devices import device_name
from acento.requests import SearchRequest


def asked(**more: object) -> SearchRequest:
    return SearchRequest(dataset="mine", base_model="base", **more)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACENTO_GPU_TYPE", "H100,A100")
    settings.cache_clear()


def test_the_price_of_the_gpu_that_is_asked_for_is_taken() -> None:
    assert with_price(asked(dollars=5, compute="modal")).price_per_hour == 3.9492
    assert with_price(asked(dollars=5, compute="modal", price_per_hour=1)).price_per_hour == 1
    assert with_price(asked(trials=5, compute="modal")).price_per_hour is None


def test_cores_are_counted_and_ones_own_have_a_price_only_if_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asked(dollars=5, device="cpu", threads=4)
    assert with_price(request).price_per_hour is None
    prices = tmp_path / "prices.toml"
    prices.write_text(f'[mine]\nusd_per_hour = 0.1\nper = "core"\ndevices = ["{device_name("cpu")}"]\n')
    monkeypatch.setenv("ACENTO_PRICES", str(prices))
    settings.cache_clear()
    assert with_price(request).price_per_hour == pytest.approx(0.4)
