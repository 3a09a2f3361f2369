"""The sign-flip test: the share of all choices of signs, however it is computed."""

from itertools import product
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.scoring.statistics import sign_flip
from acento.scoring.statistics.sign_flip import sign_flip_test

DIFFERENCES = st.lists(st.integers(-6, 6), max_size=9)


def p_of(found: list[int] | np.ndarray, resamples: int = 2000) -> float:
    return sign_flip_test(np.array(found, dtype=float), resamples, np.random.default_rng(0))[0]


@given(DIFFERENCES)
def test_it_is_the_share_of_all_choices_of_signs(found: list[int]) -> None:
    reached = [
        abs(sum(sign * one for sign, one in zip(signs, found, strict=True))) >= abs(sum(found))
        for signs in product((1, -1), repeat=len(found))
    ]
    assert p_of(found) == pytest.approx(sum(reached) / len(reached))


@settings(deadline=None)
@given(DIFFERENCES)
def test_neither_the_order_nor_the_side_nor_what_does_not_differ_matters(found: list[int]) -> None:
    assert p_of([*reversed(found), 0, 0]) == p_of([-one for one in found]) == p_of(found)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(-6, 6), min_size=1, max_size=12))
def test_listing_and_transforming_agree(found: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sign_flip, "_LISTED", 0)
        transformed = p_of(found)
    assert transformed == pytest.approx(p_of(found), abs=1e-9)


def test_drawing_signs_agrees_with_the_exact_answer() -> None:
    found = np.random.default_rng(0).integers(-3, 5, 60)
    exact = p_of(found)
    assert 0.001 < exact < 0.5
    assert p_of(found / 7, resamples=40_000) == pytest.approx(exact, abs=0.01)


def test_with_many_clips_it_is_what_the_normal_distribution_says() -> None:
    found = np.random.default_rng(0).integers(-3, 4, 40_000)
    normal = 2 * NormalDist().cdf(-abs(float(found.sum())) / float((found**2).sum()) ** 0.5)
    assert p_of(found) == pytest.approx(normal, abs=0.005)


def test_what_ends_before_the_answer_says_so() -> None:
    rng = np.random.default_rng(0)
    assert sign_flip_test(np.full(50, 0.1), 999, rng) == (0.001, True)
    assert sign_flip_test(np.ones(500), 999, rng) == (1e-12, True)
    assert sign_flip_test(np.ones(10), 999, rng) == (2 / 2**10, False)


def test_nothing_that_differs_is_no_difference() -> None:
    assert sign_flip_test(np.zeros(5), 10, np.random.default_rng(0)) == (1.0, False)
    assert sign_flip_test(np.array([]), 10, np.random.default_rng(0)) == (1.0, False)
