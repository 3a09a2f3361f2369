"""Frequencies are stretched and nothing else is: padding, time and the random numbers drawn later stay as they are."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from acento.training.augment.options import Augmentation
from acento.training.augment.spectrogram import warped

ALWAYS = Augmentation(warp=1.0)
BINS, FRAMES = 80, 50


def tone(bin_: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    features = np.full((BINS, FRAMES), -1.0, dtype=np.float32)
    features[bin_, 10:20] = 2.0
    return features


@pytest.mark.parametrize(("low", "high", "peak"), [(0.8, 0.8, 50), (1.25, 1.25, 32)])
def test_a_tone_moves_to_another_bin_and_not_in_time(low: float, high: float, peak: int) -> None:
    after = warped(tone(40), Augmentation(warp=1.0, warp_range=(low, high)), np.random.default_rng(0))
    assert abs(int(after[:, 15].argmax()) - peak) <= 1
    np.testing.assert_array_equal(after[:, :10], -1.0)
    np.testing.assert_array_equal(after[:, 20:], -1.0)


@given(st.integers(0, 2**31))
def test_values_stay_within_those_that_were_there(seed: int) -> None:
    before = np.random.default_rng(seed).standard_normal((BINS, FRAMES)).astype(np.float32)
    after = warped(before, ALWAYS, np.random.default_rng(seed))
    assert after.dtype == np.float32
    assert (after >= before.min(axis=0) - 1e-6).all()
    assert (after <= before.max(axis=0) + 1e-6).all()


def test_the_tensor_behind_an_array_is_not_changed() -> None:
    tensor = torch.from_numpy(tone(30))
    after = warped(tensor.numpy(), ALWAYS, np.random.default_rng(3))
    assert not np.array_equal(after, tone(30))
    np.testing.assert_array_equal(tensor.numpy(), tone(30))


def test_what_is_drawn_afterwards_does_not_depend_on_it() -> None:
    after = []
    for options in (ALWAYS, Augmentation()):
        rng = np.random.default_rng(1)
        warped(tone(3), options, rng)
        after.append(rng.random())
    assert after[0] == after[1]


def test_never_is_never() -> None:
    before = tone(5)
    assert warped(before, Augmentation(), np.random.default_rng(0)) is before
