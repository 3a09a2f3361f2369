"""Noise has the color that it is called by; a folder of recordings is read whole, or refused by name."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from acento.core.errors import DataError
from acento.training.augment import noise
from acento.training.augment.noise import Noise, colored_noise, read_noise
from acento.training.augment.options import Color


@pytest.mark.parametrize(("color", "falls_db"), [("white", 0.0), ("pink", 3.01), ("brown", 6.02)])
def test_power_falls_by_so_many_db_each_octave(color: Color, falls_db: float) -> None:
    samples = colored_noise(16_000 * 20, color, np.random.default_rng(0))
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / 16_000)
    octaves = [power[(frequency >= low) & (frequency < 2 * low)].mean() for low in (125, 250, 500, 1000, 2000, 4000)]
    falls = -10 * np.diff(np.log10(octaves))
    assert falls == pytest.approx([falls_db] * 5, abs=0.3)
    assert np.mean(samples**2) == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize("samples", [1, 2, 3, 1601])
def test_noise_has_any_length(samples: int) -> None:
    assert np.isfinite(colored_noise(samples, "brown", np.random.default_rng(0))).all()
    assert len(colored_noise(samples, "pink", np.random.default_rng(0))) == samples


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "noise"
    (root / "street").mkdir(parents=True)
    rng = np.random.default_rng(0)
    soundfile.write(root / "fan.wav", 0.1 * rng.standard_normal(8_000), 8_000)
    soundfile.write(root / "street" / "cars.flac", 0.1 * rng.standard_normal((32_000, 2)), 16_000)
    (root / "README.txt").write_text("Recorded on a Tuesday.")
    (root / ".hidden.wav").write_text("no audio")
    return root


def test_a_folder_is_read_with_its_subfolders_at_16_khz(folder: Path) -> None:
    found = read_noise(str(folder))
    assert [len(recording) for recording in found.recordings] == [16_000, 32_000]
    assert all(recording.dtype == np.int16 for recording in found.recordings)


def test_a_folder_is_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_noise(str(folder))
    monkeypatch.setattr(noise, "decode", None)
    assert read_noise(str(folder)) is first


def test_the_digest_is_of_what_is_heard(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    folder.rename(copy)
    first = read_noise(str(copy)).digest
    (copy / "README.txt").unlink()
    moved = copy.rename(tmp_path / "moved")
    assert read_noise(str(moved)).digest == first
    soundfile.write(moved / "zzz.wav", np.full(800, 0.1), 8_000)
    assert read_noise(str(moved.rename(tmp_path / "again"))).digest != first


def test_a_bad_file_is_named(folder: Path) -> None:
    (folder / "street" / "broken.wav").write_bytes(b"RIFF but no audio")
    with pytest.raises(DataError, match=r"broken\.wav cannot be used: The file .*Remove or replace it\.") as caught:
        read_noise(str(folder))
    assert "street" in str(caught.value)


@pytest.mark.parametrize(("make", "sentence"), [(False, "is not there"), (True, "no audio file with a sound in it")])
def test_a_folder_without_noise_is_refused(tmp_path: Path, make: bool, sentence: str) -> None:
    empty = tmp_path / "nothing"
    if make:
        empty.mkdir()
        soundfile.write(empty / "silence.wav", np.zeros(800), 8_000)
    with pytest.raises(DataError, match=sentence):
        read_noise(str(empty))


def test_more_than_memory_should_hold_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "NOISE_MINUTES", 2 / 60)
    with pytest.raises(DataError, match=r"more than .* minutes of audio.*street/cars\.flac"):
        read_noise(str(folder))


def test_stretches_come_from_every_recording_by_its_length_and_short_ones_are_repeated() -> None:
    short, long = np.full(100, 1000, np.int16), np.arange(10_000, 10_900, dtype=np.int16)
    found = Noise((short, long), "digest")
    rng = np.random.default_rng(0)
    stretches = [found.stretch(200, rng) * 32768 for _ in range(400)]
    assert all(len(stretch) == 200 for stretch in stretches)
    from_short = [stretch for stretch in stretches if stretch[0] == 1000]
    assert 20 <= len(from_short) <= 65  # a tenth of 400, whose standard deviation is 6
    assert all((stretch == 1000).all() for stretch in from_short)
    from_long = [stretch for stretch in stretches if stretch[0] != 1000]
    assert all((np.diff(stretch) == 1).all() for stretch in from_long)
    assert len({stretch[0] for stretch in from_long}) > 100
