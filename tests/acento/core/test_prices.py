"""Prices: the shipped table is whole and sourced, the user's file stands instead, and a mistake in it is a sentence."""

from pathlib import Path

import pytest

from acento.core.errors import InputError
from acento.core.prices import dollars, load_prices, shipped_prices
from acento.core.settings import settings


def test_every_shipped_price_has_a_source_a_date_and_a_gpu_its_memory() -> None:
    table = shipped_prices()
    assert {"T4", "L4", "L40S", "A100-40GB", "A100-80GB", "H100", "H200", "B200"} <= set(table.prices)
    for price in table.prices.values():
        assert price.usd_per_hour > 0
        assert price.source.startswith("https://")
        assert price.date is not None
        assert price.per == "core" or (price.vram_gb and price.memory_gb_s)


@pytest.mark.parametrize(
    ("device", "kind"),
    [
        ("Tesla T4", "T4"),
        ("NVIDIA L4", "L4"),
        ("NVIDIA L40S", "L40S"),
        ("NVIDIA L40", None),
        ("NVIDIA A10", "A10G"),
        ("NVIDIA A10G", "A10G"),
        ("NVIDIA A100-SXM4-40GB", "A100-40GB"),
        ("NVIDIA A100-SXM4-80GB", "A100-80GB"),
        ("NVIDIA A100 80GB PCIe", "A100-80GB"),
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", None),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA GH200 480GB", None),
        ("NVIDIA B200", "B200"),
        ("Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz", None),
        ("", None),
    ],
)
def test_a_device_is_priced_by_the_name_that_its_machine_has_for_it(device: str, kind: str | None) -> None:
    assert shipped_prices().type_of(device) == kind


def test_a_processor_has_a_price_only_at_modal() -> None:
    table = shipped_prices()
    assert table.type_of("AMD EPYC 9R14", backend="modal") == "modal-cpu"
    assert table.type_of("NVIDIA L40", backend="modal") is None
    assert table.type_of("AMD EPYC 9R14", backend="inline") is None


@pytest.mark.parametrize(
    ("asked", "kind"), [("H100!", "H100"), ("A100:2", "A100-40GB"), ("B200+", "B200"), ("x", None)]
)
def test_a_gpu_is_also_known_by_the_name_that_a_provider_takes(asked: str, kind: str | None) -> None:
    assert shipped_prices().type_asked(asked) == kind


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_changes_a_price_and_adds_a_device_and_the_rest_stays(tmp_path: Path) -> None:
    path = write(
        tmp_path, '[L40S]\nusd_per_hour = 0.9\n\n[ours]\nusd_per_hour = 0.05\nper = "core"\ndevices = ["My CPU"]\n'
    )
    table = load_prices(path)
    assert (table.prices["L40S"].usd_per_hour, table.prices["L40S"].vram_gb) == (0.9, 48)
    assert table.prices["L40S"].said_by == str(path)
    assert table.type_of(" my cpu ") == "ours"
    assert table.prices["H100"] == shipped_prices().prices["H100"]


def test_the_setting_names_the_file_and_a_changed_file_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACENTO_PRICES", str(write(tmp_path, "[L4]\nusd_per_hour = 5\n")))
    settings.cache_clear()
    assert load_prices().prices["L4"].usd_per_hour == 5
    write(tmp_path, "[L4]\nusd_per_hour = 16\n")
    assert load_prices().prices["L4"].usd_per_hour == 16
    monkeypatch.undo()
    settings.cache_clear()
    assert load_prices() == shipped_prices()


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("# mine\n[L40]\nusd_per_hour = 1", 2, "there is no device type 'L40'; did you mean L40S?"),
        ("[quux]\nusd_per_hour = 1", 1, "there is no device type 'quux'; there are T4,"),
        ("[L4]\n\nusd_per_hour = -1", 3, "usd_per_hour of [L4] must be at least 0; got -1."),
        ("[T4]\nusd_per_hour = 1\n[L4]\nusd_per_hor = 1", 4, "no field 'usd_per_hor'; did you mean usd_per_hour?"),
        ('[L4]\nusd_per_hour = "cheap"', 2, "usd_per_hour of [L4] must be a number; got 'cheap'."),
        ("[L4]\nusd_per_hour = nan", 2, "usd_per_hour of [L4] must be a finite number; got nan."),
        ("L4 = 3", 1, "L4 stands outside of a table"),
        ('[ours]\ndevices = ["My CPU"]', 1, "usd_per_hour of [ours] must be given."),
        ('[L4]\nusd_per_hour = 1\nper = "hour"', 3, "per of [L4] must be 'gpu' or 'core'; got 'hour'."),
    ],
)
def test_a_mistake_is_named_with_its_file_and_line(tmp_path: Path, text: str, line: int, sentence: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError) as raised:
        load_prices(path)
    assert str(raised.value).startswith(f"{path}, line {line}: ")
    assert sentence in str(raised.value)


def test_a_file_that_is_not_there_or_no_toml_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_prices(tmp_path / "nope.toml")
    with pytest.raises(InputError, match="is no TOML"):
        load_prices(write(tmp_path, "[L4"))
    (tmp_path / "latin.toml").write_bytes("[L4]\nsource = 'día'".encode("latin-1"))
    with pytest.raises(InputError, match="is no TOML"):
        load_prices(tmp_path / "latin.toml")


def test_small_amounts_keep_two_digits() -> None:
    assert [dollars(x) for x in (0, 1234.5, 0.5, 0.0123, 0.000123)] == [
        "$0.00",
        "$1234.50",
        "$0.50",
        "$0.012",
        "$0.00012",
    ]
