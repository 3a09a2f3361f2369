"""The gap between the best and the worst group: its interval covers the true gap, and finds no gap among equals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.scoring.statistics.gap import Gap, gap


def clips(rates: list[float], sizes: list[int], seed: int) -> tuple[list[int], list[int], list[str]]:
    """Clips of 5 to 15 words, each with a rate of its own around its group's."""
    rng = np.random.default_rng(seed)
    errors, lengths, names = [], [], []
    for group, (rate, size) in enumerate(zip(rates, sizes, strict=True)):
        words = rng.integers(5, 16, size)
        errors += rng.binomial(words, rng.beta(5 * rate, 5 * (1 - rate), size)).tolist()
        lengths += words.tolist()
        names += [f"g{group}"] * size
    return errors, lengths, names


def found(rates: list[float], sizes: list[int], seed: int) -> Gap:
    result = gap(*clips(rates, sizes, seed), seed=seed, resamples=400)
    assert result is not None
    return result


@pytest.mark.parametrize(
    ("rates", "sizes"),
    [
        ([0.1] * 2, [50] * 2),
        ([0.1] * 5, [10, 20, 50, 100, 200]),
        ([0.03] * 10, [10] * 10),
        ([0.05, 0.1, 0.15, 0.2], [30] * 4),
        ([0.03, 0.1], [30, 300]),
    ],
)
def test_the_interval_covers_the_true_gap(rates: list[float], sizes: list[int]) -> None:
    truth = max(rates) - min(rates)
    trials = [found(rates, sizes, seed) for seed in range(150)]
    covered = sum(one.low <= truth <= one.high for one in trials) / len(trials)
    assert covered >= 0.93 - 0.04  # 150 trials: two standard errors


def test_a_gap_that_is_there_is_found() -> None:
    one = found([0.05, 0.1, 0.4], [100] * 3, 1)
    assert (one.best, one.worst, one.groups, one.tells_apart) == ("g0", "g2", 3, True)


def test_groups_without_errors_have_an_interval_that_is_not_empty() -> None:
    one = gap([0] * 40, [10] * 40, ["a", "b"] * 20)
    assert one is not None
    assert (one.delta, one.low, one.tells_apart) == (0, 0, False)
    assert 0 < one.high < 0.1


def test_groups_that_cannot_be_judged_are_left_out() -> None:
    errors, lengths = [1] * 30 + [9] * 9, [10] * 39
    names: list[str | None] = [*["a"] * 10, *["b"] * 10, *[None] * 10, *["few"] * 9]
    one = gap(errors, lengths, names)
    assert one is not None
    assert (one.groups, one.delta) == (2, 0)
    assert gap(errors[:10], lengths[:10], names[:10]) is None
    assert gap(errors[:20], [10] * 10 + [0] * 10, names[:20]) is None
    assert gap([], [], []) is None


def test_speakers_are_drawn_inside_a_group_where_they_are_given() -> None:
    errors, lengths, names = clips([0.1, 0.2], [60, 60], 3)
    by_clip = gap(errors, lengths, names)
    by_speaker = gap(errors, lengths, names, groups=[f"s{index // 20}" for index in range(120)])
    assert by_clip is not None
    assert by_speaker is not None
    assert by_speaker.high - by_speaker.low > by_clip.high - by_clip.low  # three speakers say less than 60 clips
    assert gap(errors, lengths, names, groups=names) is None  # one speaker in each group


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.lists(st.tuples(st.floats(0.01, 0.6), st.integers(10, 30)), min_size=2, max_size=6))
def test_the_gap_lies_in_its_interval_whatever_the_names(seed: int, groups: list[tuple[float, int]]) -> None:
    rates, sizes = [rate for rate, _ in groups], [size for _, size in groups]
    errors, lengths, names = clips(rates, sizes, seed)
    one = gap(errors, lengths, names, resamples=400)
    assert one is not None
    assert 0 <= one.low <= one.delta <= one.high
    other = gap(errors, lengths, [f"z{name}" for name in names], resamples=400)
    assert other is not None
    assert (other.delta, other.low, other.high) == (one.delta, one.low, one.high)
