"""SpecAugment touches speech, and nothing but speech."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from acento.training.augment.options import Augmentation
from acento.training.augment.spectrogram import masked

BINS, FRAMES = 80, 300
BOTH = Augmentation(time_masks=2, frequency_masks=2)


def features(seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(seed).standard_normal((BINS, FRAMES)).astype(np.float32)


def speaks(*stretches: tuple[int, int], frames: int = 200) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return frames of which these stretches speak; the 100 after them are the window's padding."""
    speech = np.zeros(frames, dtype=np.bool_)
    for start, end in stretches:
        speech[start:end] = True
    return speech


@given(st.integers(0, 2**31), st.lists(st.booleans(), max_size=350), st.integers(0, 5), st.integers(0, 5))
def test_only_speech_frames_change_and_only_to_the_mean_over_them(
    seed: int, speech: list[bool], time_masks: int, frequency_masks: int
) -> None:
    before, at = features(seed), np.array(speech, dtype=np.bool_)
    options = Augmentation(time_masks=time_masks, frequency_masks=frequency_masks)
    after = masked(before, at, options, np.random.default_rng(seed))
    padded = np.zeros(FRAMES, dtype=np.bool_)
    padded[: len(at)] = at[:FRAMES]
    np.testing.assert_array_equal(after[:, ~padded], before[:, ~padded])
    changed = after != before
    if changed.any():
        mean = np.broadcast_to(before[:, padded].mean(axis=1, keepdims=True), before.shape)
        np.testing.assert_array_equal(after[changed], mean[changed])


def test_padding_and_pauses_are_not_touched_in_many_draws() -> None:
    speech = speaks((20, 80), (120, 180))
    ever = np.zeros((BINS, FRAMES), dtype=np.bool_)
    for seed in range(300):
        ever |= masked(features(), speech, BOTH, np.random.default_rng(seed)) != features()
    quiet = ~np.pad(speech, (0, 100))
    assert not ever[:, quiet].any()
    assert ever[:, ~quiet].all()  # and every place where somebody speaks can be


def test_the_clip_given_is_not_changed_and_the_same_generator_gives_the_same() -> None:
    given_features = features()
    first = masked(given_features, speaks((0, 200)), BOTH, np.random.default_rng(1))
    np.testing.assert_array_equal(given_features, features())
    np.testing.assert_array_equal(first, masked(features(), speaks((0, 200)), BOTH, np.random.default_rng(1)))
    assert not np.array_equal(first, masked(features(), speaks((0, 200)), BOTH, np.random.default_rng(2)))


@pytest.mark.parametrize(("seconds", "speech", "most"), [(0.1, 200, 10), (5.0, 200, 40), (5.0, 50, 10)])
def test_a_time_mask_is_at_most_so_long_and_at_most_a_fifth_of_the_speech(
    seconds: float, speech: int, most: int
) -> None:
    options = Augmentation(time_masks=1, time_mask_s=seconds)
    widths = []
    for seed in range(300):
        after = masked(features(), speaks((0, speech)), options, np.random.default_rng(seed))
        columns = np.flatnonzero((after != features()).all(axis=0))
        widths.append(len(columns))
        assert len(columns) < 2 or (np.diff(columns) == 1).all()
    assert max(widths) == most
    assert min(widths) == 0


def test_a_frequency_mask_is_a_band_over_all_speech() -> None:
    options = Augmentation(frequency_masks=1, frequency_mask=0.25)
    widths = []
    for seed in range(300):
        changed = masked(features(), speaks((10, 150)), options, np.random.default_rng(seed)) != features()
        rows = np.flatnonzero(changed.any(axis=1))
        widths.append(len(rows))
        assert len(rows) < 2 or (np.diff(rows) == 1).all()
        assert changed[rows, 10:150].all()
    assert (min(widths), max(widths)) == (0, 20)


def test_a_clip_without_speech_stays() -> None:
    np.testing.assert_array_equal(masked(features(), speaks(), BOTH, np.random.default_rng(0)), features())


def test_the_tensor_behind_an_array_is_not_changed() -> None:
    tensor = torch.from_numpy(features())
    after = masked(tensor.numpy(), speaks((0, 200)), BOTH, np.random.default_rng(1))
    assert not np.array_equal(after, features())
    np.testing.assert_array_equal(tensor.numpy(), features())
