"""The sign-flip test: equal to listing every choice of signs, at any size, by clip or by group."""

from itertools import product
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acento.scoring.sign_flip import sign_flip_p

DIFFERENCES = st.lists(st.integers(-6, 6), max_size=9)


@given(DIFFERENCES)
def test_it_is_the_share_of_all_choices_of_signs(found: list[int]) -> None:
    reached = [
        abs(sum(sign * one for sign, one in zip(signs, found, strict=True))) >= abs(sum(found))
        for signs in product((1, -1), repeat=len(found))
    ]
    assert sign_flip_p(found, [0] * len(found)) == pytest.approx(sum(reached) / len(reached))


@given(DIFFERENCES, st.lists(st.integers(0, 5), min_size=9, max_size=9))
def test_neither_the_order_nor_the_side_nor_clips_that_do_not_differ_matter(found: list[int], other: list[int]) -> None:
    base = other[: len(found)]
    p_value = sign_flip_p([one + two for one, two in zip(found, base, strict=True)], base)
    assert sign_flip_p([*reversed(found), 0, 0], [0] * (len(found) + 2)) == pytest.approx(p_value)
    assert sign_flip_p([0] * len(found), found) == pytest.approx(p_value)


@pytest.mark.parametrize("differing", [1, 4, 5])
def test_fewer_than_six_differences_never_reach_5_percent(differing: int) -> None:
    found = sign_flip_p([0] * 50, [9] * differing + [0] * (50 - differing))
    assert found == pytest.approx(2 / 2**differing)
    assert found > 0.05


def test_whole_groups_are_flipped() -> None:
    errors, nothing = [1, 1, 1, 1, 1, 1], [0] * 6
    assert sign_flip_p(errors, nothing) == pytest.approx(2 / 64)
    assert sign_flip_p(errors, nothing, ["ana", "ana", "ana", "eva", "eva", "eva"]) == pytest.approx(2 / 4)
    assert sign_flip_p(errors, nothing, ["ana", "ana", None, None, "eva", "eva"]) == pytest.approx(2 / 16)


def test_with_many_clips_it_is_what_the_normal_distribution_says() -> None:
    found = np.random.default_rng(0).integers(-3, 4, 40_000)
    normal = 2 * NormalDist().cdf(-abs(float(found.sum())) / float((found**2).sum()) ** 0.5)
    assert sign_flip_p(found, np.zeros_like(found)) == pytest.approx(normal, abs=0.005)


def test_nothing_that_differs_is_no_difference() -> None:
    assert sign_flip_p([], []) == sign_flip_p([1, 2], [1, 2]) == sign_flip_p([1, 0], [0, 1]) == 1
    assert 0 < sign_flip_p([0] * 5000, [1] * 5000) < 1e-12
