"""Intervals: right on data whose truth is known, the same for a seed, and honest where there is none."""

import tracemalloc

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.core.errors import InputError
from acento.scoring.statistics import bootstrap
from acento.scoring.statistics.bootstrap import interval, macro_interval, paired, ratio_interval, upper_bound

CLIPS = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 20)), min_size=2, max_size=40)


def simulated(clips: int, rate: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(4, 20, clips)
    return rng.binomial(lengths, rate), lengths


def test_95_percent_intervals_hold_the_truth_about_95_times_in_100() -> None:
    held = 0
    for trial in range(300):
        bounds = interval(*simulated(100, 0.2, trial), resamples=500)
        held += bounds is not None and 0.2 in bounds
    assert 0.93 <= held / 300 <= 0.99


def test_a_paired_difference_of_equal_systems_is_seldom_called_real() -> None:
    called = 0
    for trial in range(300):
        rng = np.random.default_rng(trial)
        lengths = rng.integers(4, 20, 100)
        difference = paired(rng.binomial(lengths, 0.2), lengths, rng.binomial(lengths, 0.2), resamples=500)
        called += difference is not None and difference.tells_apart
    assert called / 300 <= 0.06


def test_the_one_sided_upper_bound_is_passed_at_most_5_times_in_100() -> None:
    passed, bounds = 0, []
    for trial in range(300):
        bound = upper_bound(*simulated(100, 0.2, trial), resamples=500)
        assert bound is not None
        passed += bound < 0.2
        bounds.append(bound)
    assert passed / 300 <= 0.06
    assert np.median(bounds) < 0.26


def test_the_interval_agrees_with_the_normal_approximation() -> None:
    errors, lengths = simulated(2000, 0.2, 1)
    rate = errors.sum() / lengths.sum()
    width = 1.96 * np.std(errors - rate * lengths) / np.mean(lengths) / np.sqrt(2000)
    bounds = interval(errors, lengths)
    assert bounds is not None
    assert (bounds.low, bounds.high) == pytest.approx((rate - width, rate + width), rel=0.02)


@pytest.mark.parametrize(("bad", "clips"), [(0, 50), (1, 50), (3, 200), (10, 40)])
def test_for_shares_of_clips_the_ends_are_those_of_clopper_and_pearson(
    bad: int, clips: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "UNSEEN_RATE", (1.0, 1.0))
    found = interval([1] * bad + [0] * (clips - bad), [1] * clips, resamples=40_000)
    exact = scipy.stats.binomtest(bad, clips).proportion_ci(method="exact")
    assert found is not None
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), rel=0.05, abs=1e-9)


@pytest.mark.parametrize("clips", [2, 20, 50, 500])
@pytest.mark.parametrize("speakers", [None, 2])
def test_no_error_has_an_upper_bound(clips: int, speakers: int | None) -> None:
    groups = None if speakers is None else [str(clip % speakers) for clip in range(clips)]
    found = interval([0] * clips, [10] * clips, groups=groups)
    assert found is not None
    assert found.low == 0
    # what is exact by clips (all words of a bad clip are wrong), and so more than what is exact by words
    assert found.high > 1 - 0.025 ** (1 / clips) > 1 - 0.025 ** (1 / (10 * clips))


def test_the_bound_of_no_error_is_close_to_that_of_one() -> None:
    none, one = interval([0] * 50, [10] * 50), interval([1] + [0] * 49, [10] * 50)
    assert none is not None
    assert one is not None
    assert one.high == pytest.approx(none.high, rel=0.1)


def test_a_clip_that_is_all_wrong_makes_the_bound_no_narrower() -> None:
    widths = []
    for worst in (0, 10, 20, 40):
        found = interval([worst] + [1] * 99, [10] * 100)
        assert found is not None
        widths.append(found.high - found.low)
    assert widths == sorted(widths)


@settings(max_examples=30, deadline=None)
@given(CLIPS, st.randoms(use_true_random=False))
def test_the_same_clips_in_any_order_give_the_same_interval(clips: list[tuple[int, int]], random: object) -> None:
    shuffled = list(clips)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert interval(*zip(*clips, strict=True), resamples=200) == interval(*zip(*shuffled, strict=True), resamples=200)


def test_another_seed_gives_another_interval() -> None:
    clips = simulated(100, 0.2, 3)
    assert interval(*clips, seed=1) == interval(*clips, seed=1)
    assert interval(*clips, seed=1) != interval(*clips, seed=2)


@settings(max_examples=30, deadline=None)
@given(CLIPS)
def test_identical_systems_differ_by_nothing_but_that_is_not_certain(clips: list[tuple[int, int]]) -> None:
    errors, lengths = zip(*clips, strict=True)
    difference = paired(errors, lengths, errors, resamples=200)
    assert difference is not None
    assert (difference.delta, difference.p_value) == (0, 1)
    assert difference.low is not None
    assert difference.high is not None
    assert difference.low < 0 < difference.high
    assert difference.low == -difference.high
    assert not difference.tells_apart


@settings(max_examples=30, deadline=None)
@given(CLIPS, CLIPS)
def test_swapping_the_systems_swaps_the_sign(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> None:
    clips = min(len(a), len(b))
    errors_a, errors_b = [e for e, _ in a[:clips]], [e for e, _ in b[:clips]]
    lengths = [length for _, length in a[:clips]]
    forth, back = (paired(x, lengths, y, resamples=200) for x, y in ((errors_a, errors_b), (errors_b, errors_a)))
    assert forth is not None
    assert back is not None
    assert forth.delta == -back.delta


def test_a_clear_difference_is_told_apart_and_its_sign_says_who_errs_more() -> None:
    errors, lengths = simulated(200, 0.1, 4)
    difference = paired(errors + 1, lengths, errors)
    assert difference is not None
    assert difference.delta > 0
    assert difference.tells_apart
    assert difference.p_value is not None
    assert 0 < difference.p_value < 0.01
    assert difference.low is not None
    assert difference.upper is not None
    assert difference.high is not None
    assert difference.low < difference.upper < difference.high


@pytest.mark.parametrize("excess", [0, 1])
def test_clips_that_all_differ_alike_leave_room_for_those_not_seen(excess: int) -> None:
    found = paired([2 + excess] * 100, [10] * 100, [2] * 100)
    assert found is not None
    assert (found.low, found.high, found.upper) != (None, None, None)
    most = scipy.stats.beta.ppf(0.975, 1, 100) / 10  # Clopper and Pearson: none of 100 clips, one error of ten words
    assert (found.low, found.high) == pytest.approx((excess / 10 - most, excess / 10 + most))
    assert found.upper == pytest.approx(excess / 10 + scipy.stats.beta.ppf(0.95, 1, 100) / 10)
    assert found.tells_apart == bool(excess)


def test_the_fewer_the_clips_the_wider_their_nothing() -> None:
    reach = [found.high for n in (2, 10, 100) if (found := paired([0] * n, [10] * n, [0] * n)) and found.high]
    assert len(reach) == 3
    assert reach == sorted(reach, reverse=True)


def test_one_clip_has_no_interval() -> None:
    assert interval([1], [5]) is None
    assert upper_bound([1], [5]) is None
    assert macro_interval([0.2]) is None
    difference = paired([2], [5], [1])
    assert difference is not None
    assert difference.delta == 0.2
    assert difference.low is difference.high is difference.p_value is None
    assert not difference.tells_apart


def test_no_clip_and_nothing_but_empty_references_have_no_rate() -> None:
    assert interval([], []) is None
    assert interval([1, 2, 0], [0, 0, 0]) is None
    assert paired([], [], []) is None
    assert paired([1, 2], [0, 0], [1, 1]) is None


def test_insertions_into_empty_references_count_in_the_interval() -> None:
    assert interval([0, 2] * 20, [4, 0] * 20, seed=1) != interval([0, 0] * 20, [4, 0] * 20, seed=1)
    bounds = interval([0, 2] * 20, [4, 0] * 20)
    assert bounds is not None
    assert 0.5 in bounds


def test_whole_groups_are_drawn_when_groups_are_given() -> None:
    errors = np.repeat([0, 4], 50)
    lengths = np.full(100, 10)
    speakers = ["ana"] * 50 + ["luis"] * 50
    both, alone = interval(errors, lengths, groups=speakers), interval(errors, lengths)
    assert alone is not None
    assert alone.high < 0.3
    assert both is not None
    assert both.low < 0.01
    assert both.high == 1.5  # two speakers tell nothing: the most that an unseen clip may have
    assert (both.approximate, alone.approximate) == (True, False)


def test_an_interval_over_ten_speakers_or_more_is_not_approximate() -> None:
    errors, lengths = simulated(60, 0.2, 5)
    few, enough = (interval(errors, lengths, groups=[str(i % n) for i in range(60)]) for n in (9, 10))
    assert few is not None
    assert enough is not None
    assert (few.approximate, enough.approximate) == (True, False)


@settings(max_examples=30, deadline=None)
@given(CLIPS, st.integers(2, 12))
def test_an_interval_over_speakers_is_never_narrower_than_over_clips(
    clips: list[tuple[int, int]], speakers: int
) -> None:
    numbers = list(zip(*clips, strict=True))
    by_clip = interval(*numbers, resamples=200)
    by_speaker = interval(*numbers, resamples=200, groups=[str(i % speakers) for i in range(len(clips))])
    assert by_clip is not None
    assert by_speaker is not None
    assert by_speaker.low <= by_clip.low
    assert by_clip.high <= by_speaker.high


def test_five_clips_that_differ_tell_nothing_apart_and_six_do() -> None:
    for differing, apart in ((5, False), (6, True)):
        found = paired([1] * differing + [0] * (100 - differing), [9] * 100, [0] * 100)
        assert found is not None
        assert found.p_value == 2 / 2**differing
        assert found.tells_apart is apart
        assert found.low is not None
        assert (found.low > 0) is apart


def test_the_interval_leaves_zero_out_only_where_the_test_rejects() -> None:
    for trial in range(200):
        rng = np.random.default_rng(trial)
        lengths = rng.integers(4, 20, 30)
        found = paired(rng.binomial(lengths, 0.1), lengths, rng.binomial(lengths, 0.2))
        assert found is not None
        assert found.p_value is not None
        assert not (found.tells_apart and found.p_value > 0.05)


def test_a_stricter_level_is_kept_by_the_interval_and_by_the_test() -> None:
    errors = [1] * 7 + [0] * 93
    usual, strict = (paired(errors, [9] * 100, [0] * 100, level=level) for level in (0.95, 0.99))
    assert usual is not None
    assert strict is not None
    assert (usual.tells_apart, strict.tells_apart) == (True, False)


def test_one_group_has_no_interval() -> None:
    assert interval([1, 2, 3], [5, 5, 5], groups=["ana"] * 3) is None


def test_clips_without_a_group_stand_for_themselves() -> None:
    clips = simulated(30, 0.2, 5)
    assert interval(*clips, groups=[None] * 30) == interval(*clips)
    assert interval(*clips, groups=[str(index) for index in range(30)]) == interval(*clips)


def test_groups_must_be_as_many_as_clips() -> None:
    with pytest.raises(InputError, match="2 groups for 3 clips: give one for each"):
        interval([1, 2, 3], [5, 5, 5], groups=["ana", "luis"])


@pytest.mark.parametrize("level", [0, 1, 95, float("nan")])
def test_a_level_is_a_share(level: float) -> None:
    with pytest.raises(InputError, match="A level is between 0 and 1"):
        interval([1, 2, 3], [5, 5, 5], level=level)
    with pytest.raises(InputError, match="A level is between 0 and 1"):
        paired([1, 2, 3], [5, 5, 5], [1, 1, 1], level=level)


@pytest.mark.parametrize("count", [float("nan"), float("inf")])
def test_what_is_no_number_has_no_interval(count: float) -> None:
    with pytest.raises(InputError, match="one of the counts is not finite"):
        interval([1, count, 3], [5, 5, 5])


def test_a_macro_interval_is_that_of_the_mean() -> None:
    rates = np.random.default_rng(6).random(400)
    bounds = macro_interval(rates)
    assert bounds is not None
    error = 1.96 * rates.std() / 20
    assert (bounds.low, bounds.high) == pytest.approx((rates.mean() - error, rates.mean() + error), abs=0.004)


def test_a_speed_has_an_interval_too() -> None:
    rng = np.random.default_rng(7)
    audio = rng.uniform(250, 350, 40)
    bounds = ratio_interval(audio, audio / rng.normal(50, 3, 40))
    assert bounds is not None
    assert 50 in bounds
    assert bounds.high - bounds.low < 4
    assert ratio_interval([300], [6]) is None
    assert ratio_interval([300, 310], [0, 0]) is None


def test_300_000_clips_take_seconds_and_little_memory() -> None:
    errors, lengths = simulated(300_000, 0.15, 8)
    tracemalloc.start()
    bounds = interval(errors, lengths)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert bounds is not None
    assert 0.15 in bounds
    assert peak < 150 << 20
