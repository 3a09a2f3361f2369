"""Augmented clips: the same for the same generator, what was asked for and no more, and never clipped."""

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.core.fingerprint import sha256
from acento.training.augment.options import Augmentation
from acento.training.augment.waveform import augment

Audio = npt.NDArray[np.float32]
EFFECTS = ("speed", "pitch", "reverb", "noise", "gain")
ALL = Augmentation(speed=1, pitch=1, reverb=1, noise=1, gain=1)


def tone(hertz: float = 440.0, seconds: float = 1.0, level: float = 0.3) -> Audio:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * 16_000)) / 16_000)).astype(np.float32)


def spoken(seconds: float = 1.0) -> Audio:
    """Half a second of silence, a tone, and half a second of silence."""
    quiet = np.zeros(8_000, np.float32)
    return np.concatenate([quiet, tone(seconds=seconds), quiet])


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng([0, *seed])


def augmented(audio: Audio, options: Augmentation, rng: np.random.Generator, **limits: int) -> Audio:
    return augment(audio, options, rng, **limits)[0]


def loudest_hertz(audio: Audio) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(audio)))) * 16_000 / len(audio)


def test_off_leaves_a_clip_as_it_is() -> None:
    audio = spoken()
    assert augmented(audio, Augmentation(), rng()) is audio


@pytest.mark.parametrize("effect", EFFECTS)
def test_each_effect_changes_a_copy_the_same_way_each_time_and_nothing_else(effect: str) -> None:
    audio, options = spoken(), Augmentation.model_validate({effect: 1.0})
    before = audio.copy()
    state, numpys = random.getstate(), np.random.get_state()[1].copy()
    first = augmented(audio, options, rng(1))
    assert first.dtype == np.float32
    assert not np.array_equal(first, audio)
    np.testing.assert_array_equal(first, augmented(audio, options, rng(1)))
    assert not np.array_equal(first, augmented(audio, options, rng(2)))
    np.testing.assert_array_equal(audio, before)
    assert random.getstate() == state
    np.testing.assert_array_equal(np.random.get_state()[1], numpys)


@pytest.mark.slow
def test_another_process_makes_the_same_samples() -> None:
    code = (
        "import numpy as np\nfrom acento.core.fingerprint import sha256\n"
        "from acento.training.augment.options import Augmentation\n"
        "from acento.training.augment.waveform import augment\n"
        f"options = Augmentation.model_validate_json({ALL.model_dump_json()!r})\n"
        "audio = (0.3 * np.sin(np.arange(16000) / 9)).astype(np.float32)\n"
        "print(sha256(augment(audio, options, np.random.default_rng([0, 7]))[0].tobytes()))"
    )
    audio = (0.3 * np.sin(np.arange(16000) / 9)).astype(np.float32)
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert there == sha256(augmented(audio, ALL, rng(7)).tobytes())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(1600, 24_000), st.floats(0.0, 1.0), st.integers(-1000, 1000))
def test_nothing_is_clipped_or_longer_than_the_window(seed: int, samples: int, level: float, more: int) -> None:
    audio = (level * np.random.default_rng(seed).uniform(-1, 1, samples)).astype(np.float32)
    options = ALL.model_copy(update={"speed_range": (0.5, 2.0), "gain_db": (20.0, 60.0)})
    limit = max(samples, samples + more)
    changed, speech = augment(audio, options, rng(seed), max_samples=limit)
    assert len(changed) <= limit
    assert np.abs(changed).max() <= 1.0
    assert speech.shape == (-(-len(changed) // 160),)
    # made quieter as a whole: hardly any sample stands at the very edge
    assert np.count_nonzero(np.abs(changed) == 1.0) <= 2


@pytest.mark.parametrize(("factor", "samples", "hertz"), [(0.8, 20_000, 352.0), (1.25, 12_800, 550.0)])
def test_speed_moves_tempo_and_pitch(factor: float, samples: int, hertz: float) -> None:
    options = Augmentation(speed=1.0, speed_range=(factor, factor))
    changed = augmented(tone(440.0), options, rng())
    assert abs(len(changed) - samples) <= 1
    assert loudest_hertz(changed) == pytest.approx(hertz, abs=2)


def test_a_clip_that_would_outgrow_the_window_keeps_its_speed() -> None:
    options, audio = Augmentation(speed=1.0, speed_range=(0.8, 0.8)), tone()
    assert augmented(audio, options, rng(), max_samples=16_000) is audio
    assert len(augmented(audio, options, rng(), max_samples=20_002)) == pytest.approx(20_000, abs=1)


@pytest.mark.parametrize(("semitones", "hertz"), [(12.0, 880.0), (-12.0, 220.0)])
def test_pitch_moves_and_tempo_stays(semitones: float, hertz: float) -> None:
    options = Augmentation(pitch=1.0, pitch_semitones=(semitones, semitones))
    changed = augmented(tone(440.0), options, rng())
    assert len(changed) == 16_000
    assert loudest_hertz(changed) == pytest.approx(hertz, rel=0.03)


def test_pitch_shifted_speech_stays_where_it_was() -> None:
    options = Augmentation(pitch=1.0, pitch_semitones=(3.0, 3.0))
    _, speech = augment(spoken(), options, rng())
    assert np.flatnonzero(speech)[[0, -1]].tolist() == pytest.approx([50, 149], abs=6)


@pytest.mark.parametrize("decay_s", [0.2, 0.6])
def test_a_room_decays_by_60_db_in_its_time(decay_s: float) -> None:
    click = np.zeros(24_000, np.float32)
    click[100] = 0.5
    changed = augmented(click, Augmentation(reverb=1.0, reverb_s=(decay_s, decay_s)), rng())
    assert len(changed) == len(click)
    assert not changed[:100].any() or np.abs(changed[:100]).max() < 1e-6
    assert int(np.abs(changed).argmax()) == 100  # the voice itself arrives first and strongest
    energy = np.square(changed[132:], dtype=np.float64)[::-1].cumsum()[::-1]  # Schroeder 1965
    level = 10 * np.log10(energy[: round(decay_s * 8000)] / energy[0])
    slope = np.polyfit(np.arange(len(level)) / 16_000, level, 1)[0]
    assert slope == pytest.approx(-60 / decay_s, rel=0.15)


def test_a_room_does_not_change_the_loudness() -> None:
    audio = spoken()
    changed = augmented(audio, Augmentation(reverb=1.0), rng())
    assert np.linalg.norm(changed) == pytest.approx(np.linalg.norm(audio), rel=1e-3)


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 30.0])
@pytest.mark.parametrize("color", ["white", "pink", "brown"])
def test_noise_is_so_far_below_the_speech_however_long_the_pauses_are(snr_db: float, color: str) -> None:
    audio = spoken() * np.float32(0.1)  # so that nothing has to be made quieter
    options = Augmentation.model_validate({"noise": 1, "noise_snr_db": (snr_db, snr_db), "noise_colors": [color]})
    changed = augmented(audio, options, rng())
    noise = changed - audio
    snr = 10 * np.log10(np.mean(audio[8_000:24_000] ** 2) / np.mean(noise**2))
    assert snr == pytest.approx(snr_db, abs=0.3)


def test_noise_of_a_folder_is_added(tmp_path: Path) -> None:
    hum = tone(50.0, seconds=0.5, level=0.1)
    soundfile.write(tmp_path / "hum.wav", hum, 16_000, subtype="FLOAT")
    options = Augmentation(noise=1, noise_snr_db=(10, 10), noise_folder=str(tmp_path))
    audio = spoken()
    noise = augmented(audio, options, rng()) - audio
    assert loudest_hertz(noise) == pytest.approx(50.0, abs=1)
    assert 10 * np.log10(np.mean(audio[8_000:24_000] ** 2) / np.mean(noise**2)) == pytest.approx(10, abs=0.3)


def test_a_silent_clip_gets_no_noise() -> None:
    silence = np.zeros(8_000, np.float32)
    assert not augmented(silence, Augmentation(noise=1.0), rng()).any()


def test_speech_is_told_from_before_the_noise() -> None:
    options = Augmentation(noise=1.0, noise_snr_db=(0.0, 0.0))
    _, speech = augment(spoken(), options, rng())
    assert speech[52:148].all()
    assert not speech[:48].any()


@pytest.mark.parametrize("gain_db", [-20.0, 6.0])
def test_gain_is_in_db(gain_db: float) -> None:
    audio = tone(level=0.3)
    changed = augmented(audio, Augmentation(gain=1.0, gain_db=(gain_db, gain_db)), rng())
    np.testing.assert_allclose(changed, audio * 10 ** (gain_db / 20), rtol=1e-5)


def test_a_probability_is_how_often_it_happens() -> None:
    audio, options = tone(seconds=0.1), Augmentation(gain=0.3)
    often = sum(augmented(audio, options, rng(step)) is not audio for step in range(1000))
    assert often == pytest.approx(300, abs=60)  # a standard deviation is 14


@pytest.mark.parametrize("other", [{"speed": 1.0, "speed_range": (1.0, 1.0)}, {"pitch": 0.0}])
def test_another_effect_does_not_change_what_is_drawn_for_gain(other: dict[str, object]) -> None:
    audio = tone(seconds=0.1)
    alone = augmented(audio, Augmentation(gain=1.0), rng(3))
    beside = augmented(audio, Augmentation.model_validate({"gain": 1.0, **other}), rng(3))
    np.testing.assert_allclose(beside, alone, atol=1e-4)


@pytest.mark.parametrize("make", [lambda: np.zeros(1600, np.float32), lambda: np.full(160, 0.1, np.float32)])
def test_silent_and_very_short_clips_survive_everything(make: Callable[[], Audio]) -> None:
    changed = augmented(make(), ALL, rng())
    assert np.isfinite(changed).all()
    assert len(changed)
