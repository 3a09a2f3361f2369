"""Windows' speakers become turns: planted turns come back whatever each window calls its speakers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.data.words import Turn
from acento.diarization.activity import Grid, Smoothing, stitched, turns_of

FRAMES, HOP = 20, 5
GRID = Grid(step=8000, width=8000, frames=FRAMES, hop=HOP)
"""Frames of half a second: votes are averaged over no more than one."""
NEAR = Grid(step=160, width=160, frames=FRAMES, hop=HOP)


def at_once(windows: list[np.ndarray]) -> list[np.ndarray]:
    """Return that exactly those speak who are active."""
    return [(np.stack([window.sum(1) >= n for n in (1, 2, 3)], axis=1) * 255).astype(np.uint8) for window in windows]


@settings(max_examples=50, deadline=None)
@given(data=st.data(), windows=st.integers(1, 8), seed=st.integers(0, 1000))
def test_planted_speech_comes_back_whatever_windows_call_their_speakers(
    data: st.DataObject, windows: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    total = (windows - 1) * HOP + FRAMES
    planted = np.repeat(random.random((total // 4 + 1, 3)) < 0.4, 4, axis=0)[:total]
    cut, who = [], {}
    for number in range(windows):
        order = data.draw(st.permutations(range(3)))
        cut.append(planted[number * HOP : number * HOP + FRAMES][:, order])
        who |= {(number, own): speaker for own, speaker in enumerate(order)}
    assert (stitched(cut, at_once(cut), who, 3, GRID) == planted).all()


def test_most_windows_decide() -> None:
    right, wrong = np.zeros((FRAMES, 2), bool), np.zeros((FRAMES, 2), bool)
    right[:, 0] = wrong[:, 1] = True
    who = {(number, own): own for number in range(3) for own in range(2)}
    cut = [right, wrong, right]
    found = stitched(cut, at_once(cut), who, 2, Grid(8000, 8000, FRAMES, 1))
    assert found[2:FRAMES, 0].all()
    assert not found[2:FRAMES, 1].any()


def test_two_at_once_are_two() -> None:
    both = np.ones((FRAMES, 2), bool)
    assert stitched([both], at_once([both]), {(0, 0): 0, (0, 1): 1}, 2, GRID).all()


def test_of_two_speakers_of_a_window_that_are_one_there_is_one() -> None:
    both = np.ones((FRAMES, 2), bool)
    assert stitched([both], at_once([both]), {(0, 0): 0, (0, 1): 0}, 1, GRID).all()


def test_who_is_not_known_is_nobody() -> None:
    alone = [np.ones((FRAMES, 1), bool)]
    assert not stitched(alone, at_once(alone), {}, 2, GRID).any()
    assert stitched([], [], {}, 2, GRID).shape == (0, 2)


def test_as_many_speak_as_is_likelier_than_not() -> None:
    both = np.ones((FRAMES, 2), bool)
    likely = np.repeat(np.array([[200, 120]], np.uint8), FRAMES, axis=0)
    assert stitched([both], [likely], {(0, 0): 0, (0, 1): 1}, 2, GRID).sum() == FRAMES
    assert not stitched([both], [likely // 2], {(0, 0): 0, (0, 1): 1}, 2, GRID).any()


def test_a_speaker_who_is_heard_for_a_moment_in_anothers_turn_is_none() -> None:
    window = np.zeros((100, 2), bool)
    window[:, 0] = True
    window[40:50] = False, True
    found = stitched([window], at_once([window]), {(0, 0): 0, (0, 1): 1}, 2, Grid(160, 160, 100, 100))
    assert found.sum(0).tolist() == [100, 0]


def frames(*spans: tuple[int, int], speakers: int = 1, of: int = 0) -> np.ndarray:
    active = np.zeros((100, speakers), bool)
    for start, end in spans:
        active[start:end, of] = True
    return active


@pytest.mark.parametrize(
    ("smoothing", "expected"),
    [
        (Smoothing(), [(0.1, 0.2), (0.25, 0.4), (0.8, 0.82)]),
        (Smoothing(pause_s=0.05), [(0.1, 0.4), (0.8, 0.82)]),
        (Smoothing(pause_s=0.05, turn_s=0.1), [(0.1, 0.4)]),
    ],
)
def test_pauses_are_filled_and_then_short_turns_dropped(smoothing: Smoothing, expected: list) -> None:
    turns = turns_of(frames((10, 20), (25, 40), (80, 82)), NEAR, 1.0, smoothing)
    assert [(turn.start, turn.end) for turn in turns] == expected


def test_turns_end_with_the_recording_and_the_first_speaker_is_number_0() -> None:
    active = frames((50, 100), speakers=2, of=0) | frames((0, 60), speakers=2, of=1)
    assert turns_of(active, NEAR, 0.75, Smoothing()) == [
        Turn(0.0, 0.6, "SPEAKER_00"),
        Turn(0.5, 0.75, "SPEAKER_01"),
    ]


def test_frames_wider_than_their_step_lie_around_their_middles() -> None:
    grid = Grid(step=160, width=480, frames=FRAMES, hop=HOP)
    assert grid.seconds(0) == 0
    assert grid.seconds(1) == pytest.approx(0.02)
