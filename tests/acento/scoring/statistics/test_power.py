"""What clips can show: the formula against simulation, and silence where nothing can be known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.core.errors import InputError
from acento.scoring.statistics.bootstrap import paired
from acento.scoring.statistics.power import CORRELATIONS, Detectable, detectable


def two_models(clips: int, rate: float, gain: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return lengths and the errors of two models of which the second errs less by ``gain`` (a fraction of words)."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(6, 15, clips)
    hard = np.clip(rng.normal(1.0, 0.4, clips), 0.1, 2)
    return lengths, rng.binomial(lengths, rate * hard), rng.binomial(lengths, np.clip(rate * hard - gain, 0.001, 1))


def known(found: Detectable | None) -> Detectable:
    assert found is not None
    return found


def test_the_difference_it_names_is_seen_about_80_times_in_100() -> None:
    lengths, old, new = two_models(4000, 0.25, 0.0, seed=0)
    difference = known(detectable(old[:120], lengths[:120], new[:120])).difference
    seen = 0
    for trial in range(200):
        lengths, old, new = two_models(120, 0.25, difference, seed=trial + 1)
        found = paired(new, lengths, old, resamples=300)
        seen += found is not None and found.tells_apart
    assert 0.68 <= seen / 200 <= 0.92


def test_equal_and_half_as_large_differences_are_seen_less_often() -> None:
    lengths, old, new = two_models(120, 0.25, 0.0, seed=0)
    difference = known(detectable(old, lengths, new)).difference
    rates = []
    for share in (0.0, 0.5):
        seen = 0
        for trial in range(100):
            lengths, old, new = two_models(120, 0.25, share * difference, seed=1000 + trial)
            found = paired(new, lengths, old, resamples=300)
            seen += found is not None and found.tells_apart
        rates.append(seen / 100)
    assert rates[0] <= 0.13
    assert rates[0] < rates[1] < 0.55


def test_the_standard_error_is_that_of_the_paired_bootstrap() -> None:
    lengths, old, new = two_models(400, 0.25, 0.03, seed=3)
    found, bounds = known(detectable(old, lengths, new)), paired(new, lengths, old, resamples=4000)
    assert bounds is not None
    assert bounds.high is not None
    assert bounds.low is not None
    assert bounds.high - bounds.low == pytest.approx(2 * 1.96 * found.standard_error, rel=0.06)
    assert found.difference == pytest.approx((1.96 + 0.8416) * found.standard_error, rel=1e-3)


def test_four_times_the_clips_show_half_the_difference() -> None:
    lengths, old, _ = two_models(200, 0.25, 0.0, seed=4)
    once = known(detectable(old, lengths)).difference
    four = known(detectable(np.tile(old, 4), np.tile(lengths, 4))).difference
    assert four == pytest.approx(once / 2, rel=0.01)


def test_how_many_clips_a_difference_takes() -> None:
    lengths, old, _ = two_models(49, 0.25, 0.0, seed=5)
    found = known(detectable(old, lengths))
    assert found.units_for(found.difference) == 49
    assert found.units_for(found.difference / 2) == 4 * 49
    with pytest.raises(InputError, match="endless clips"):
        found.units_for(0.0)


def test_models_that_err_more_alike_are_told_apart_sooner() -> None:
    lengths, old, _ = two_models(100, 0.25, 0.0, seed=6)
    loose, tight = (known(detectable(old, lengths, correlation=value)) for value in (0.0, 0.9))
    assert tight.difference < loose.difference
    assert tight.difference == pytest.approx(loose.difference * np.sqrt(0.1))
    assert "assuming that two models' errors correlate by 0.9" in tight.sentence


def test_the_assumption_is_not_needed_where_two_models_were_measured() -> None:
    lengths, old, new = two_models(100, 0.25, 0.0, seed=7)
    measured = known(detectable(old, lengths, new))
    assert measured.correlation is None
    assert measured == detectable(old, lengths, new, correlation=0.0)
    assert "from the measured differences" in measured.sentence


def test_a_second_model_that_errs_the_same_tells_nothing_and_the_assumption_is_made() -> None:
    lengths, old, _ = two_models(100, 0.25, 0.0, seed=8)
    assert detectable(old, lengths, old) == detectable(old, lengths)


def test_where_nothing_is_known_of_a_second_model_a_range_of_correlations_is_given() -> None:
    lengths, old, _ = two_models(100, 0.25, 0.0, seed=9)
    found = known(detectable(old, lengths))
    low, high = (known(detectable(old, lengths, correlation=value)) for value in CORRELATIONS)
    assert found.difference == low.difference
    assert found.best_case == (0.9, pytest.approx(high.difference))
    assert low.best_case is None
    assert (
        f"a difference below {100 * high.difference:.1f} to {100 * low.difference:.1f} points could not be "
        "distinguished from chance (two-sided 5 %, power 80 %, as two models' errors correlate by 0.9 to 0.5)"
    ) in found.sentence


def test_whole_speakers_are_drawn_when_they_are_given() -> None:
    lengths = np.full(100, 10)
    errors = np.repeat([1, 3, 1, 4, 2], 20)
    speakers = [f"s{place // 20}" for place in range(100)]
    by_clip, by_speaker = (
        known(detectable(errors, lengths)),
        known(detectable(errors, lengths, groups=speakers, unit="speaker")),
    )
    assert by_speaker.difference > 2 * by_clip.difference
    assert by_speaker.sentence.startswith("With 100 clips of 5 speakers a difference below")
    assert known(detectable(errors, lengths, groups=[None] * 100)).difference == pytest.approx(by_clip.difference)


def test_the_sentence_has_the_numbers() -> None:
    found = Detectable(
        clips=49, units=49, unit="clip", difference=0.0314, standard_error=0.01, correlation=0.5, alpha=0.05, power=0.8
    )
    assert found.sentence == (
        "With 49 clips a difference below 3.1 points could not be distinguished from chance "
        "(two-sided 5 %, power 80 %, assuming that two models' errors correlate by 0.5)."
    )


@pytest.mark.parametrize(
    ("errors", "lengths"),
    [([], []), ([1], [5]), ([0, 1], [0, 0]), ([0, 0, 0], [5, 7, 9]), ([1, 2], [5, 10])],
)
def test_where_nothing_can_be_known_it_says_nothing(errors: list[int], lengths: list[int]) -> None:
    assert detectable(errors, lengths) is None


def test_ranges_are_kept() -> None:
    for wrong in ({"alpha": 0.0}, {"power": 1.0}, {"power": 0.01}, {"correlation": 1.0}):
        with pytest.raises(InputError, match="Power needs"):
            detectable([1, 2], [5, 5], **wrong)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 20)), min_size=2, max_size=30), st.randoms())
def test_the_order_of_clips_does_not_matter_and_more_power_takes_more(
    clips: list[tuple[int, int]], random: object
) -> None:
    shuffled = list(clips)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (detectable(*zip(*rows, strict=True)) for rows in (clips, shuffled))
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert one.difference == pytest.approx(other.difference)
        more = detectable(*zip(*clips, strict=True), power=0.95)
        assert more is not None
        assert more.difference > one.difference
