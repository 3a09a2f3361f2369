"""Speech is told from pauses by a clip's own levels."""

import numpy as np
import numpy.typing as npt
import pytest

from acento.training.augment.waveform import FRAME, speech_frames


def clip(*stretches: tuple[float, float]) -> npt.NDArray[np.float32]:
    """Return noise of so many seconds at so many dBFS, one stretch after another."""
    rng = np.random.default_rng(0)
    parts = [10 ** (level / 20) * rng.standard_normal(round(seconds * 16_000)) for seconds, level in stretches]
    return np.concatenate(parts).astype(np.float32)


@pytest.mark.parametrize("gain_db", [-30.0, 0.0, 12.0])
def test_pauses_are_told_at_any_level_and_with_noise_in_them(gain_db: float) -> None:
    audio = clip((0.5, -55 + gain_db), (1.0, -20 + gain_db), (0.5, -55 + gain_db))
    speaks = speech_frames(audio)
    assert speaks.shape == (200,)
    assert speaks[52:148].all()
    assert not speaks[:48].any()
    assert not speaks[152:].any()


def test_a_closure_inside_a_word_belongs_to_it_and_a_pause_between_words_does_not() -> None:
    speaks = speech_frames(clip((0.4, -80), (0.5, -20), (0.1, -80), (0.5, -20), (0.4, -80), (0.5, -20), (0.4, -80)))
    assert speaks[42:148].all()
    assert not speaks[153:187].any()


def test_a_clip_without_pauses_is_speech_all_over() -> None:
    assert speech_frames(clip((1.0, -20))).all()


def test_digital_silence_has_no_speech() -> None:
    assert not speech_frames(np.zeros(16_000, np.float32)).any()


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (1, 1), (FRAME, 1), (FRAME + 1, 2)])
def test_a_frame_that_is_cut_counts(samples: int, frames: int) -> None:
    assert speech_frames(np.full(samples, 0.1, np.float32)).shape == (frames,)
