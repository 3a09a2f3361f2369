"""Speakers of a window: who sounds like two people is two, and whose voice is one stays one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.diarization.engines.embedded.clustering import Division
from acento.diarization.engines.embedded.local import Local, speakers_of

FRAMES, FEATURES = 589, 998
DIVISION = Division(likeness=0.3, least_s=2.0)
ANA, BO, CY = np.eye(3, dtype=np.float32)


class Means:
    """The voice of a stretch is the mean of its features."""

    def of(self, features: np.ndarray) -> np.ndarray:
        means = features.mean(1)
        return means / np.linalg.norm(means, axis=1, keepdims=True)


def features(*said: tuple[float, float, np.ndarray]) -> np.ndarray:
    """Return the features of a window in which voices are heard from one second to another."""
    found = np.full((FEATURES, 3), 1e-3, np.float32)
    for start, end, voice in said:
        found[round(start * 100) : round(end * 100)] = voice
    return found


def active(*spans: tuple[float, float, int]) -> np.ndarray:
    """Return what the segmentation hears: its speaker from one second to another."""
    found = np.zeros((FRAMES, 3), bool)
    for start, end, own in spans:
        found[round(start * FRAMES / 10) : round(end * FRAMES / 10), own] = True
    return found


def heard(of: np.ndarray, by: np.ndarray, division: Division = DIVISION) -> tuple[np.ndarray, list[Local]]:
    return speakers_of(7, of, by, Means(), 0.5, division)  # type: ignore[arg-type]


def spans(column: np.ndarray) -> tuple[float, float]:
    there = np.flatnonzero(column) * 10 / FRAMES
    return round(float(there[0])), round(float(there[-1]))


def test_two_people_that_the_segmentation_takes_for_one_are_two() -> None:
    who, found = heard(features((0, 3, ANA), (3, 9, BO)), active((0, 9, 1)))
    assert who.shape == (FRAMES, 4)
    assert [(one.window, one.own, round(one.alone_s)) for one in found] == [(7, 1, 3), (7, 3, 6)]
    assert spans(who[:, 1]) == (0, 3)
    assert spans(who[:, 3]) == (3, 9)
    assert found[0].voice @ ANA > 0.95
    assert found[1].voice @ BO > 0.95


def test_who_speaks_again_after_another_is_one_of_the_two() -> None:
    who, found = heard(features((0, 3, ANA), (3, 6, BO), (6, 9, ANA)), active((0, 9, 0)))
    assert len(found) == 2
    assert who[:, 0].sum() > 1.5 * who[:, 3].sum()
    assert not who[:, 0][round(4 * FRAMES / 10) : round(5 * FRAMES / 10)].any()


@pytest.mark.parametrize(
    ("of", "division"),
    [
        (features((0, 9, ANA)), DIVISION),
        (features((0, 8, ANA), (8, 9, BO)), DIVISION),  # too short to be sure of
        (features((0, 4, ANA), (4, 9, ANA + 0.9 * BO)), DIVISION),
        (features((0, 4, ANA), (4, 9, BO)), Division(likeness=-1.0)),
    ],
)
def test_one_voice_stays_one(of: np.ndarray, division: Division) -> None:
    by = active((0, 9, 2))
    who, found = heard(of, by, division)
    assert np.array_equal(who, by)
    assert [one.own for one in found] == [2]


def test_speakers_that_the_segmentation_tells_apart_keep_their_places() -> None:
    by = active((0, 5, 0), (4, 9, 2))
    who, found = heard(features((0, 4.5, ANA), (4.5, 9, CY)), by)
    assert np.array_equal(who, by)
    assert [(one.own, round(one.alone_s)) for one in found] == [(0, 4), (2, 4)]


def test_who_says_nothing_alone_is_heard_with_the_others_and_who_says_next_to_nothing_is_not() -> None:
    both = active((0, 4, 0), (1, 3, 1))
    _, found = heard(features((0, 4, ANA)), both)
    assert [(one.own, one.alone_s > 0) for one in found] == [(0, True), (1, False)]
    assert heard(features((0, 1, ANA)), active((0, 0.1, 0)))[1] == []


@settings(max_examples=30, deadline=None)
@given(
    changes=st.lists(st.floats(0, 9.9), max_size=6).map(sorted),
    voices=st.lists(st.sampled_from((ANA, BO, CY)), min_size=7, max_size=7),
    seed=st.integers(0, 99),
)
def test_nobody_is_lost_and_nobody_added(changes: list[float], voices: list[np.ndarray], seed: int) -> None:
    edges = [0.0, *changes, 9.9]
    of = features(*zip(edges[:-1], edges[1:], voices, strict=False))
    by = np.repeat(np.random.default_rng(seed).random((FRAMES // 19, 3)) < 0.4, 19, axis=0)
    who, found = heard(of, by)
    assert np.array_equal(who.sum(1), by.sum(1))
    assert len({one.own for one in found}) == len(found)
    assert all(who[:, one.own].any() for one in found)
