"""Measures: right for signals whose level, clipping, silence and noise are known; made once for each data part."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from faults import killed_at_every_write, tree
from made_up import clip, good, make_set
from numpy.typing import NDArray

from acento.core.audio.recording import encode_flac
from acento.core.store import LocalStore
from acento.data.dataset import CLIPS
from acento.data.text_measures import measure_wording
from acento.validation import measure as measuring
from acento.validation.levels import Levels, measure_levels
from acento.validation.measure import MEASURES, measure, measures_key, read_measured

RATE = 16_000
TIME = np.arange(3 * RATE) / RATE


def levels(samples: NDArray[np.floating]) -> Levels:
    whole = np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)
    return measure_levels(encode_flac(whole))


@pytest.mark.parametrize("db", [0.0, -20.0, -50.0])
def test_the_level_of_a_sine_is_3_db_below_its_peak(db: float) -> None:
    found = levels(10 ** (db / 20) * np.sin(2 * np.pi * 440 * TIME))
    assert found.peak_dbfs == pytest.approx(db, abs=0.05)
    assert found.rms_dbfs == pytest.approx(db - 3.01, abs=0.05)


def test_clipping_is_the_share_of_samples_at_full_scale() -> None:
    # a sine of twice full scale is beyond it for two thirds of the time: |sin x| > 1/2
    assert levels(2 * np.sin(2 * np.pi * 440 * TIME)).clipping_share == pytest.approx(2 / 3, abs=0.01)
    assert levels(0.99 * np.sin(2 * np.pi * 440 * TIME)).clipping_share == 0


@pytest.mark.parametrize("share", [0.0, 0.25, 0.9])
def test_silence_is_the_share_of_time_without_sound(share: float) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 440 * TIME) * (share * 3 <= TIME)
    assert levels(tone).silence_share == pytest.approx(share, abs=0.01)
    assert levels(tone + 1e-5 * np.random.default_rng(1).standard_normal(len(TIME))).silence_share == pytest.approx(
        share, abs=0.01
    )


@pytest.mark.parametrize("snr", [0.0, 10.0, 20.0, 40.0])
def test_the_snr_of_tones_with_pauses_in_white_noise_is_found(snr: float) -> None:
    power = 0.3**2 / 2
    noise = np.sqrt(power / 10 ** (snr / 10)) * np.random.default_rng(2).standard_normal(len(TIME))
    tones = 0.3 * np.sin(2 * np.pi * 440 * TIME) * (TIME % 0.5 < 0.3)
    # at 0 dB the loudest frames of the noise itself are a good part of the answer
    assert levels(tones + noise).snr_db == pytest.approx(snr, abs=1.5)


def test_noise_alone_has_no_signal_and_silence_around_a_tone_no_noise() -> None:
    noise = levels(0.1 * np.random.default_rng(3).standard_normal(len(TIME)))
    assert noise.snr_db is not None
    assert noise.snr_db < 0
    clean = levels(0.3 * np.sin(2 * np.pi * 440 * TIME) * (TIME > 1))
    assert clean.snr_db == 100


def test_a_cut_end_is_as_loud_as_the_speech_and_a_whole_one_is_soft() -> None:
    tone = 0.3 * np.sin(2 * np.pi * 440 * TIME)
    cut, whole = levels(tone * (TIME > 0.5)), levels(tone * (TIME > 0.5) * (TIME < 2.5))
    assert cut.end_db == pytest.approx(0, abs=0.5)
    assert whole.end_db is not None
    assert whole.end_db < -40
    assert cut.start_db == whole.start_db


def test_a_long_clip_is_measured_block_by_block_as_if_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = 0.2 * np.sin(2 * np.pi * 440 * TIME) + 0.01 * np.random.default_rng(4).standard_normal(len(TIME))
    at_once = levels(samples)
    monkeypatch.setattr("acento.validation.levels._BLOCK_FRAMES", 7)
    assert levels(samples) == at_once


def test_a_clip_shorter_than_a_frame_is_measured() -> None:
    assert levels(np.full(100, 0.5)).rms_dbfs == pytest.approx(-6.02, abs=0.01)


@pytest.mark.parametrize("data", [None, b"", b"fLaC nothing", encode_flac(np.ones(RATE, np.int16))[:60]])
def test_audio_that_cannot_be_read_is_said(data: bytes | None) -> None:
    found = measure_levels(data)
    assert found.audio_error
    assert found.rms_dbfs is None


@pytest.mark.parametrize(
    ("text", "language", "script", "share"),
    [
        ("Buenos días, ¿cómo estás?", "es", "LATIN", 1.0),
        ("Добрый день", "ru", "CYRILLIC", 1.0),
        ("Добрый день", "es", "CYRILLIC", 0.0),
        ("cаsаs", "es", "LATIN", 0.6),  # its vowels are Cyrillic
        ("今日はいい天気です。ラーメン", "ja", "HIRAGANA", 1.0),
        ("नमस्ते", "hi", "DEVANAGARI", 1.0),
        ("Здраво", "sr-Latn", "CYRILLIC", 0.0),
        ("hello", "xx", "LATIN", None),
        ("hello", None, "LATIN", None),
        ("123", "es", None, None),
        (None, "es", None, None),
    ],
)
def test_the_script_of_a_text_is_held_against_its_language(
    text: str | None, language: str | None, script: str | None, share: float | None
) -> None:
    found = measure_wording(text, language, 1.0)
    assert (found.script, found.script_share) == (script, share)


def test_each_part_is_measured_once_for_all_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)
    first = make_set(store, [good(0, 5), good(5, 5)])
    assert measure(store, first) == 2
    assert measure(store, first) == 0
    read: list[str] = []
    local_path = store.local_path
    monkeypatch.setattr(store, "local_path", lambda key, name: (read.append(key), local_path(key, name))[1])
    appended = make_set(store, [good(0, 5), good(5, 5), good(10, 5)], version=2)
    assert measure(store, appended) == 1
    assert set(read) == {appended.parts[2].key}


def test_one_after_another_or_at_the_same_time_the_measures_are_the_same(tmp_path: Path) -> None:
    stores = [LocalStore(tmp_path / name) for name in ("one", "many")]
    cards = [make_set(store, [good(0, 5), good(5, 5), good(10, 3)]) for store in stores]
    measure(stores[0], cards[0], workers=0)
    measure(stores[1], cards[1], workers=3)
    assert tree(tmp_path / "one") == tree(tmp_path / "many")


def test_measures_stand_in_the_order_of_the_clips(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    card = make_set(store, [good(0, 9)])
    measure(store, card)
    (table,) = read_measured(store, card)
    assert table["id"].to_pylist() == [f"c{n:02d}" for n in range(9)]
    assert table["seconds"].to_pylist() == table["duration_s"].to_pylist()
    ids = pq.read_table(store.local_path(measures_key(card.parts[0].key), MEASURES))["id"]
    assert ids.to_pylist() == pq.read_table(store.local_path(card.parts[0].key, CLIPS))["id"].to_pylist()


def test_another_version_of_the_code_measures_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)
    card = make_set(store, [[clip(1)]])
    measure(store, card)
    monkeypatch.setattr(measuring, "MEASURE_VERSION", measuring.MEASURE_VERSION + 1)
    assert measure(store, card) == 1


@pytest.mark.slow
def test_killed_at_any_write_and_run_again_it_ends_as_one_that_never_was(tmp_path: Path) -> None:
    card = make_set(LocalStore(tmp_path / "prepared"), [good(0, 2), good(2, 2)])

    def make_root() -> Path:
        return shutil.copytree(tmp_path / "prepared", tmp_path / f"store{len(list(tmp_path.iterdir()))}")

    def run(root: Path) -> None:
        measure(LocalStore(root), card, workers=0)

    straight = make_root()
    run(straight)
    for where, root in killed_at_every_write(run, make_root):
        assert tree(root) == tree(straight), where
        shutil.rmtree(root)
