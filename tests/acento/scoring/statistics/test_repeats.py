"""The rate of several passes: their median, and an interval that knows of passes and of batches."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from acento.scoring.statistics.repeats import median_rate

BATCH = some.tuples(some.floats(0.1, 100), some.floats(0.01, 10))


def test_one_slow_pass_does_not_move_the_median() -> None:
    quick, slow = [(10.0, 1.0), (20.0, 2.0)], [(10.0, 30.0), (20.0, 60.0)]
    rate, bounds = median_rate([quick, quick, slow])
    assert rate == 10
    assert bounds is not None
    assert bounds.high == pytest.approx(10)
    assert bounds.low == pytest.approx(1 / 3), "and yet the interval tells of it: two of three draws may be slow"


def test_without_any_spread_the_interval_is_the_rate() -> None:
    rate, bounds = median_rate([[(3.0, 1.0), (6.0, 2.0)]] * 3)
    assert bounds is not None
    assert (rate, bounds.low, bounds.high) == pytest.approx((3, 3, 3))


@given(some.lists(some.lists(BATCH, min_size=2, max_size=5), min_size=2, max_size=4))
def test_the_median_is_among_the_passes_and_the_interval_among_the_batches(passes: list) -> None:
    rate, bounds = median_rate(passes, resamples=50)
    rates = [sum(a for a, _ in one) / sum(s for _, s in one) for one in passes]
    single = [a / s for one in passes for a, s in one]
    assert min(rates) * 0.999 <= rate <= max(rates) * 1.001
    assert bounds is not None
    assert min(single) * 0.999 <= bounds.low <= bounds.high <= max(single) * 1.001


@pytest.mark.slow
def test_the_interval_covers_the_true_rate() -> None:
    """Passes differ by 5 %, batches by 20 %: 95 % intervals of five passes hold the true rate in most trials."""
    held = 0
    for trial in range(60):
        random = np.random.default_rng(trial)
        passes = []
        for _ in range(5):
            pace = random.normal(0, 0.05)
            passes.append([(10.0, float(np.exp(pace + random.normal(0, 0.2)))) for _ in range(30)])
        _, bounds = median_rate(passes, resamples=300, seed=trial)
        assert bounds is not None
        held += bounds.low <= 10 / np.exp(0.02) <= bounds.high
    assert held >= 50


def test_a_pass_of_one_batch_has_no_interval() -> None:
    assert median_rate([[(4.0, 1.0)], [(4.0, 2.0)]]) == (3.0, None)
