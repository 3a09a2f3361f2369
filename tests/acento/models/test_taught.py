"""What windows a model was taught, and how short they are where a person chooses."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from acento.core.errors import InputError
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.taught import check_window, resolve_fit, taught
from acento.models.families import FAMILIES
from acento.models.windows import Fit, WindowChoice

TAUGHT = {"margin_s": 1.5, "shortest_s": 2.0}
CHOICES: tuple[WindowChoice, ...] = ("full", "auto", "fit")
WINDOWED = {"whisper", "whisper-ctranslate2"}


def model(folder: Path, said: object = None, family: str = "whisper", file: str = "config.json") -> Checkpoint:
    config = {"model_type": "whisper", "max_source_positions": 200} | ({} if said is None else {"acento_window": said})
    (folder / file).write_text(json.dumps(config))
    return Checkpoint("mine", None, folder, "digest", FAMILIES[family])


def test_a_model_that_was_taught_decodes_so_by_itself_and_in_full_windows_when_told(tmp_path: Path) -> None:
    checkpoint = model(tmp_path, TAUGHT)
    found = [resolve_fit(checkpoint, choice) for choice in CHOICES]
    assert found == [None, Fit(margin_s=1.5, shortest_s=2.0), Fit(margin_s=1.5, shortest_s=2.0)]


def test_a_model_that_was_not_taught_is_short_only_when_told_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint = model(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert [resolve_fit(checkpoint, choice) for choice in ("full", "auto")] == [None, None]
        assert not caplog.records
        assert resolve_fit(checkpoint, "fit") == Fit()
    assert ["mine was not taught short windows" in record.message for record in caplog.records] == [True]


def test_an_export_to_ctranslate2_keeps_what_its_source_was_taught(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"suppress_ids": []}))
    checkpoint = model(tmp_path, TAUGHT, "whisper-ctranslate2", "transformers_config.json")
    assert resolve_fit(checkpoint, "auto") == Fit(**TAUGHT)


def test_a_model_that_failed_in_short_windows_is_short_only_when_told(tmp_path: Path) -> None:
    checkpoint = replace(model(tmp_path, TAUGHT), full_only=True)
    assert [resolve_fit(checkpoint, choice) for choice in CHOICES] == [None, None, Fit(**TAUGHT)]


@pytest.mark.parametrize(
    "said",
    [-1, "short", [1.0], {"margin_s": -1.0}, {"margin_s": 1.0, "shortest_s": 1e9}, {"margin": 1.0}, {"margin_s": None}],
)
def test_nonsense_in_a_config_is_not_taught_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, said: object
) -> None:
    checkpoint = model(tmp_path, said)
    assert taught(tmp_path) is None
    with caplog.at_level(logging.WARNING):
        assert resolve_fit(checkpoint, "auto") is None
    assert "What the config of mine says under acento_window is no window" in caplog.text


def test_a_config_that_is_not_there_or_cannot_be_read_taught_nothing(tmp_path: Path) -> None:
    assert taught(tmp_path) is None
    (tmp_path / "config.json").write_text("{")
    assert taught(tmp_path) is None
    assert taught(tmp_path / "model.nemo") is None


@pytest.mark.parametrize("family", sorted(FAMILIES.keys() - WINDOWED))
def test_families_that_take_any_length_decode_as_always_whatever_is_chosen(tmp_path: Path, family: str) -> None:
    checkpoint = model(tmp_path, TAUGHT, family)
    assert [resolve_fit(checkpoint, choice) for choice in CHOICES] == [None] * 3


def test_windows_of_a_chosen_length_are_no_longer_than_the_models(tmp_path: Path) -> None:
    check_window(model(tmp_path), 4.0)
    check_window(model(tmp_path), None)
    check_window(model(tmp_path, family="ctc"), 400.0)
    with pytest.raises(InputError, match=r"mine hears 4 s at once, .* windows of 4.5 s; take at most 4 s"):
        check_window(model(tmp_path), 4.5)


def test_options_of_before_are_written_as_before() -> None:
    assert "fit" not in DecodeOptions().model_dump()
    told = DecodeOptions(fit=Fit(), cut_s=10.0)
    assert DecodeOptions.model_validate(json.loads(told.model_dump_json())) == told
