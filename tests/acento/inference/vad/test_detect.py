"""Speech is found as the published model finds it, in blocks of any length, and in very quiet recordings too."""

from itertools import pairwise

import numpy as np
import pytest
import soxr
import torch

from acento.core.audio.decoders.stream import SAMPLE_RATE
from acento.data.demo import speech as demo
from acento.inference.vad.detect import speech_of
from acento.inference.vad.level import Loudness


@pytest.fixture(scope="module")
def spoken() -> np.ndarray:
    """A second of silence, a sentence, two seconds of silence, a sentence, a second of silence; float32 at 16 kHz."""
    parts = [np.zeros(16_000, np.float32)]
    for text, after in (("mañana vamos a la playa con mis hermanos", 32_000), ("el perro duerme en la casa", 16_000)):
        said = demo.speak(text, demo.voice_of("test", len(parts))).astype(np.float32) / 32768
        parts += [soxr.resample(said, demo.SAMPLE_RATE, SAMPLE_RATE), np.zeros(after, np.float32)]
    whole = np.concatenate(parts)
    return whole + 1e-4 * np.random.default_rng(0).standard_normal(len(whole)).astype(np.float32)


def test_probabilities_are_those_of_the_published_model_frame_by_frame(spoken: np.ndarray) -> None:
    from silero_vad import load_silero_vad

    published = load_silero_vad().audio_forward(torch.from_numpy(spoken)[None], SAMPLE_RATE)[0].numpy()
    found = speech_of([spoken])
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found, published * 255, atol=0.51)


@pytest.mark.parametrize("length", [160, 5_000, 90_001])
def test_the_length_of_blocks_changes_nothing(spoken: np.ndarray, length: int) -> None:
    blocks = (spoken[start : start + length] for start in range(0, len(spoken), length))
    np.testing.assert_array_equal(speech_of(blocks), speech_of([spoken]))


def test_speech_is_found_where_somebody_speaks(spoken: np.ndarray) -> None:
    likely = speech_of([spoken]) > 127
    edges = np.flatnonzero(np.diff(likely.astype(int)))
    silences = [(a, b) for a, b in pairwise(edges) if not likely[a + 1] and b - a > 50]
    assert not likely[:25].any()
    assert not likely[-15:].any()
    assert [round((b - a) * 0.032) for a, b in silences] == [2]
    assert likely.mean() > 0.4


def test_very_quiet_speech_is_found_with_gain(spoken: np.ndarray) -> None:
    quiet = (spoken * 0.002).astype(np.float32)
    loudness = Loudness()
    for start in range(0, len(quiet), 7_001):
        loudness.add(quiet[start : start + 7_001])
    usual = (speech_of([spoken]) > 127).sum()
    assert (speech_of([quiet]) > 127).sum() < 0.5 * usual
    assert (speech_of([quiet], loudness.gain) > 127).sum() > 0.8 * usual


def test_loud_speech_is_left_as_it_is_and_gain_has_an_end(spoken: np.ndarray) -> None:
    loud, silent, nothing = Loudness(), Loudness(), Loudness()
    loud.add(spoken / np.abs(spoken).max())
    silent.add(spoken * 1e-3)
    assert loud.gain < 2
    assert silent.gain == pytest.approx(10**1.5)
    nothing.add(np.zeros(16_000, np.float32))
    assert nothing.gain == 1.0


def test_no_speech_is_found_in_silence_noise_and_tones() -> None:
    at = np.arange(20 * 16_000) / 16_000
    random = np.random.default_rng(0)
    sounds = {
        "silence": np.zeros(len(at)),
        "noise": 0.1 * random.standard_normal(len(at)),
        "faint noise": 1e-3 * random.standard_normal(len(at)),
        "hum": 0.1 * np.sign(np.sin(2 * np.pi * 50 * at)),
        "chords": sum(0.05 * np.sin(2 * np.pi * hertz * at) for hertz in (220.0, 277.2, 329.6, 440.0)),
    }
    for name, sound in sounds.items():
        samples, loudness = sound.astype(np.float32), Loudness()
        loudness.add(samples)
        assert (speech_of([samples], loudness.gain) > 127).mean() < 0.02, name


def test_of_nothing_there_are_no_frames() -> None:
    assert speech_of([]).shape == (0,)
