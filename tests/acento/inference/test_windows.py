"""Cutting long audio: every sample in exactly one piece, cuts in silence."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from acento.inference.silence import cuts, pieces

RATE = 16000


@given(st.integers(0, 200_000), st.sampled_from([0.5, 1.0, 2.7, 6.0]), st.integers(0, 9))
def test_pieces_together_are_the_audio_and_none_is_longer_than_the_window(
    length: int, window: float, seed: int
) -> None:
    audio = np.random.default_rng(seed).standard_normal(length).astype(np.float32)
    found = pieces(audio, window)
    assert np.array_equal(np.concatenate([piece for _, _, piece in found]), audio)
    assert all(len(piece) <= int(window * RATE) for _, _, piece in found)
    assert all(len(piece) > 0 for _, _, piece in found) or length == 0


def test_the_cut_falls_into_the_pause() -> None:
    tone = np.sin(np.arange(int(1.6 * RATE)) / 8).astype(np.float32)
    pause = np.zeros(int(0.4 * RATE), np.float32)
    audio = np.concatenate([tone, pause, tone, pause, tone])
    inner = cuts(audio, 2.5)[1:-1]
    assert len(inner) == 2
    assert 1.6 <= inner[0] / RATE <= 2.0
    assert 3.6 <= inner[1] / RATE <= 4.0


def test_audio_that_fits_is_left_whole() -> None:
    audio = np.ones(RATE, np.float32)
    assert cuts(audio, 1.0) == [0, RATE]
    assert cuts(np.ones(10 * RATE, np.float32), None) == [0, 10 * RATE]
