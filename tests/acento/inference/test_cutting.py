"""Windows by voice activity: all speech is in one, none is too long, and only speech without a pause is cut."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.core.errors import InputError
from acento.inference.cutting import FRAME_S, Cutting, Window, window_length, windows

runs = st.lists(
    st.tuples(st.integers(1, 400), st.one_of(st.integers(0, 80), st.integers(90, 127), st.integers(128, 255))),
    min_size=1,
    max_size=30,
)
lengths = st.floats(2.0, 40.0)


def speech_of(drawn: list[tuple[int, int]]) -> np.ndarray:
    return np.repeat(np.array([value for _, value in drawn], np.uint8), [count for count, _ in drawn])


def inside(window: Window, start: float, end: float) -> bool:
    return any(first - 1e-6 <= start and end <= last + 1e-6 for first, last in window.spans)


@settings(deadline=None)
@given(runs, lengths)
def test_every_frame_of_speech_is_in_a_window(drawn: list[tuple[int, int]], window_s: float) -> None:
    speech = speech_of(drawn)
    found = windows(speech, window_s, Cutting(shortest_s=0.0))
    covered = np.zeros(len(speech), bool)
    for one in found:
        for start, end in one.spans:
            covered[round(start / FRAME_S) : round(end / FRAME_S)] = True
    assert covered[speech >= 128].all()


@settings(deadline=None)
@given(runs, lengths)
def test_windows_are_in_order_within_the_recording_and_never_too_long(
    drawn: list[tuple[int, int]], window_s: float
) -> None:
    speech = speech_of(drawn)
    found = windows(speech, window_s)
    assert all(0 <= one.start < one.end <= len(speech) * FRAME_S + 1e-6 for one in found)
    assert all(one.duration <= window_s + 1e-3 for one in found)
    assert all(start < end for one in found for start, end in one.spans)
    assert all(before[1] < after[0] for one in found for before, after in pairwise(one.spans))
    assert all(one.start < other.start and one.end < other.end for one, other in pairwise(found))


@settings(deadline=None)
@given(runs, lengths)
def test_windows_overlap_only_within_speech_that_has_no_pause(drawn: list[tuple[int, int]], window_s: float) -> None:
    speech, pause = speech_of(drawn), Cutting().pause_s / FRAME_S
    for one, other in pairwise(windows(speech, window_s)):
        if other.start < one.end:
            around = speech[round(one.start / FRAME_S) : round(other.end / FRAME_S)]
            quiet = "".join("-" if value < 0.35 * 255 else "+" for value in around).strip("-")
            middle = round((other.start + one.end) / 2 / FRAME_S) - round(one.start / FRAME_S)
            assert one.end - other.start <= 2.0 + 1e-6
            assert "-" * int(np.ceil(pause) + 1) not in quiet[max(0, middle - 12) : middle + 12]


words = st.lists(st.tuples(st.integers(3, 30), st.integers(0, 90)), min_size=1, max_size=120)


@settings(deadline=None)
@given(words, st.floats(8.0, 30.0), st.integers(0, 500))
def test_planted_words_are_whole_in_a_window_wherever_they_are_cut(
    planted: list[tuple[int, int]], window_s: float, first: int
) -> None:
    """Words of up to 0.96 s, with and without pauses, at every offset."""
    speech, places = [np.zeros(first, np.uint8)], []
    at = first
    for length, gap in planted:
        places.append((at, at + length))
        speech += [np.full(length, 230, np.uint8), np.full(gap, 5, np.uint8)]
        at += length + gap
    found = windows(np.concatenate(speech), window_s)
    for start, end in places:
        holders = [one for one in found if inside(one, start * FRAME_S, end * FRAME_S)]
        assert holders, (start, end)
        if all(gap >= 7 for _, gap in planted):
            assert len(holders) == 1
            assert sum(one.start < end * FRAME_S and start * FRAME_S < one.end for one in found) == 1


def test_a_window_ends_at_the_widest_pause_near_its_limit() -> None:
    lengths = [(250, 10), (250, 10), (340, 24), (40, 10), (400, 0)]  # 8 s of speech, a short pause, and so on
    speech = np.concatenate([np.repeat(np.array([255, 0], np.uint8), pair) for pair in lengths])
    first, second = windows(speech, 30.0)
    assert first.end == second.start == pytest.approx((250 + 10 + 250 + 10 + 340 + 12) * FRAME_S)
    assert second.end == pytest.approx(len(speech) * FRAME_S)


def test_speech_without_a_pause_is_cut_where_it_is_least_likely_with_overlap_on_both_sides() -> None:
    speech = np.full(1500, 250, np.uint8)
    speech[798:803] = 120
    first, second = windows(speech, 30.0)
    assert (first.end + second.start) / 2 == pytest.approx(800 * FRAME_S, abs=0.1)
    assert first.end - second.start == pytest.approx(2.0, abs=0.1)


def test_speech_that_fits_is_not_cut_for_its_padding() -> None:
    (only,) = windows(np.repeat(np.array([0, 255, 0], np.uint8), [20, 920, 20]), 30.0)
    assert (only.start, only.duration) == (pytest.approx(8 * FRAME_S), pytest.approx(937 * FRAME_S))


def test_a_long_silence_ends_a_window_and_is_in_none() -> None:
    speech = np.repeat(np.array([255, 0, 255], np.uint8), [60, 400, 60])
    first, second = windows(speech, 30.0)
    assert first.end < 3.0
    assert second.start > 13.0
    assert len(windows(speech, 30.0, Cutting(join_s=15.0))) == 1


def test_a_silence_that_is_longer_than_the_padding_is_left_out_of_a_window() -> None:
    lengths = [(50, 20), (50, 200), (50, 0)]  # pauses of 0.6 and 6.4 s
    speech = np.concatenate([np.repeat(np.array([255, 0], np.uint8), pair) for pair in lengths])
    (only,) = windows(speech, 30.0)
    assert [(round(start / FRAME_S), round(end / FRAME_S)) for start, end in only.spans] == [(0, 132), (308, 370)]
    assert only.duration == pytest.approx(sum(end - start for start, end in only.spans))


def test_windows_are_as_full_as_stretches_of_speech_allow() -> None:
    speech = np.tile(np.repeat(np.array([255, 0], np.uint8), [90, 60]), 60)  # 2.9 s of speech, 1.9 s of silence
    found = windows(speech, 30.0)
    assert all(one.duration > 26 for one in found[:-1])
    assert len(found) == 8


@pytest.mark.parametrize("speech", [np.zeros(900, np.uint8), np.zeros(0, np.uint8), np.full(2, 255, np.uint8)])
def test_where_nobody_speaks_there_is_no_window(speech: np.ndarray) -> None:
    assert windows(speech, 30.0) == []


def test_no_window_goes_beyond_the_end_of_a_recording_whose_last_frame_is_filled_up() -> None:
    assert windows(np.full(100, 255, np.uint8), 30.0, end_s=3.19) == [Window(((0.0, 3.19),))]


def test_a_length_that_the_model_does_not_take_is_refused() -> None:
    with pytest.raises(InputError, match="hears 30 s at once"):
        window_length(30.0, 40.0)
    with pytest.raises(InputError, match="would cut words in two"):
        window_length(None, 0.1)
