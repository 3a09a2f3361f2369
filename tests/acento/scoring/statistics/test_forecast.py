"""The learning curve: a law that is there is found, noise is said, and too little gives no forecast."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.core.errors import InputError
from acento.scoring.statistics.forecast import BackTest, Forecast, LearningPoint, forecast

LENGTHS = tuple(np.random.default_rng(0).integers(5, 15, 400).tolist())


def exact(clips: int, wer: float) -> LearningPoint:
    """Return a point of 20 clips of 100,000 words, each with this WER."""
    return LearningPoint(clips, (round(100_000 * wer),) * 20, (100_000,) * 20)


def simulated(floor: float, scale: float, power: float, clips: list[int], seed: int) -> list[LearningPoint]:
    rng = np.random.default_rng(seed)
    return [LearningPoint(n, tuple(rng.binomial(LENGTHS, floor + scale * n**-power).tolist()), LENGTHS) for n in clips]


def back_test_of(found: Forecast) -> BackTest:
    assert found.back_test is not None
    return found.back_test


def quick(points: list[LearningPoint], **options: object) -> Forecast:
    return forecast(points, resamples=200, **options)  # type: ignore[arg-type]


def test_a_law_that_is_there_is_found() -> None:
    found = quick([exact(n, 0.1 + 2.0 * n**-0.5) for n in (100, 200, 300, 400)])
    assert found.curve is not None
    assert (found.curve.floor, found.curve.scale, found.curve.power) == pytest.approx((0.1, 2.0, 0.5), rel=0.01)
    assert [one.clips for one in found.predicted] == [800, 1600]
    assert [one.wer for one in found.predicted] == pytest.approx([0.1707, 0.15], abs=0.0005)


@pytest.mark.slow
def test_the_interval_holds_what_comes_most_of_the_time() -> None:
    held = 0
    for trial in range(40):
        found = forecast(simulated(0.08, 1.5, 0.5, [100, 200, 300, 400], trial), (2,), resamples=100, seed=trial)
        truth = 0.08 + 1.5 * 800**-0.5
        held += found.predicted[0].low <= truth <= found.predicted[0].high
    assert held >= 30


def test_more_clips_to_test_on_make_a_narrower_interval() -> None:
    points = simulated(0.08, 1.5, 0.5, [100, 200, 300, 400], 1)
    few = [LearningPoint(point.train_clips, point.errors[:40], point.lengths[:40]) for point in points]
    wide, narrow = quick(few).predicted[0], quick(points).predicted[0]
    assert narrow.high - narrow.low < wide.high - wide.low


def test_it_is_back_tested_from_half_to_all() -> None:
    found = back_test_of(quick([exact(n, 2.0 * n**-0.5) for n in (25, 50, 75, 100)]))
    assert found.points == 2
    assert found.measured == pytest.approx(0.2)
    assert found.error == pytest.approx(0.0, abs=0.005)


def test_a_back_test_that_was_off_says_by_how_much() -> None:
    found = quick([exact(25, 0.40), exact(50, 0.30), exact(75, 0.29), exact(100, 0.29)])
    assert back_test_of(found).error == pytest.approx(0.225 - 0.29, abs=0.003)
    assert (
        "From half the clips the forecast would have been 22.4 % where 29.0 % was measured (-6.6 points)"
        in found.sentence
    )


def test_the_back_test_never_sees_what_it_foretells() -> None:
    halves = [exact(25, 0.40), exact(50, 0.30)]
    one, other = (
        back_test_of(quick([*halves, *rest])) for rest in ([exact(75, 0.2), exact(100, 0.1)], [exact(100, 0.9)])
    )
    assert one.predicted == other.predicted
    assert (one.measured, other.measured) == (0.1, 0.9)


def test_an_odd_number_of_clips_is_halved_either_way() -> None:
    assert back_test_of(quick([exact(n, 0.3) for n in (26, 52, 78, 103)])).points == 2


def test_without_two_points_of_half_the_clips_there_is_no_back_test() -> None:
    found = quick([exact(60, 0.4), exact(80, 0.3), exact(100, 0.25)])
    assert found.back_test is None
    assert "could not be tested" in found.sentence
    assert found.curve is not None


@pytest.mark.parametrize("count", [0, 1, 2])
def test_two_points_or_fewer_foretell_nothing(count: int) -> None:
    found = quick([exact(50, 0.3), exact(100, 0.2)][:count])
    assert found.curve is None
    assert found.predicted == ()
    assert found.sentence.startswith(f"No forecast: {count} points make no curve")


def test_one_tested_clip_foretells_nothing() -> None:
    found = quick([LearningPoint(n, (1,), (5,)) for n in (25, 50, 100)])
    assert found.curve is None
    assert "Fewer than two clips" in found.sentence


def test_a_curve_that_rises_is_said_to_be_flat() -> None:
    found = quick([exact(25, 0.2), exact(50, 0.25), exact(75, 0.26), exact(100, 0.3)])
    assert found.curve is not None
    assert found.curve.scale == 0
    assert found.predicted[0].wer == pytest.approx(0.2525)
    assert "More clips did not lower WER so far" in found.sentence


def test_points_are_taken_in_any_order() -> None:
    points = simulated(0.08, 1.5, 0.5, [25, 50, 75, 100], 2)
    assert quick(points) == quick(points[::-1])


def test_a_forecast_survives_json() -> None:
    found = quick(simulated(0.08, 1.5, 0.5, [25, 50, 75, 100], 3))
    assert Forecast.model_validate_json(found.model_dump_json()) == found


def test_points_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(InputError, match="not tested on the same clips"):
        quick([exact(25, 0.3), exact(50, 0.2), LearningPoint(100, (1, 2), (5, 5))])
    with pytest.raises(InputError, match="different numbers of training clips above 0"):
        quick([exact(25, 0.3), exact(25, 0.2), exact(100, 0.1)])
    with pytest.raises(InputError, match="different numbers of training clips above 0"):
        quick([exact(0, 0.3), exact(50, 0.2), exact(100, 0.1)])


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=4))
def test_a_forecast_never_rises_with_clips_and_never_falls_below_nothing(rates: list[float]) -> None:
    found = forecast([exact(25 * (place + 1), rate) for place, rate in enumerate(rates)], (1, 2, 4, 100), resamples=20)
    said = [one.wer for one in found.predicted]
    assert said == sorted(said, reverse=True)
    assert min(said) >= 0
    assert all(one.low - 1e-12 <= one.wer <= one.high + 1e-12 for one in found.predicted)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=4))
def test_no_law_on_the_grid_fits_better(rates: list[float]) -> None:
    points = [exact(25 * (place + 1), rate) for place, rate in enumerate(rates)]
    measured = np.array([point.errors[0] / 100_000 for point in points])
    clips = np.array([point.train_clips for point in points], dtype=float)
    curve = forecast(points, resamples=5).curve
    assert curve is not None
    own = ((np.array([curve.at(n) for n in clips]) - measured) ** 2).sum()
    for power in (0.05, 0.5, 1.0, 2.0):
        for floor in np.linspace(0, 1, 11):
            for scale in np.linspace(0, 30, 31):
                assert own <= ((floor + scale * clips**-power - measured) ** 2).sum() + 1e-12


def test_where_speakers_are_drawn_the_interval_is_of_their_choice() -> None:
    points = simulated(0.08, 1.5, 0.5, [100, 200, 300, 400], 1)
    spoken = [1 + (place % 10 == 0) * 3 for place in range(400)]  # one speaker of ten is heard four times worse
    uneven = [
        LearningPoint(one.train_clips, tuple(int(x * y) for x, y in zip(one.errors, spoken, strict=True)), one.lengths)
        for one in points
    ]
    speakers = [f"s{place % 10}" for place in range(400)]
    by_clip, by_speaker = quick(uneven).predicted[0], quick(uneven, groups=speakers).predicted[0]
    assert by_speaker.wer == pytest.approx(by_clip.wer)
    assert by_speaker.high - by_speaker.low > 1.5 * (by_clip.high - by_clip.low)
    assert quick(uneven, groups=[None] * 400).predicted[0].wer == pytest.approx(by_clip.wer)
