"""One speaker a channel: turns are each channel's speech, and an echo of the other channel is none."""

import numpy as np
import pytest

from acento.diarization.channels import CrossTalk, channel_turns, levels_of, without_cross_talk

FRAME = 512
PER_S = 16_000 / FRAME


def envelope(seed: int, seconds: float = 10) -> np.ndarray:
    """Return levels in decibels that rise and fall as those of speech do, a few times a second."""
    random = np.random.default_rng(seed)
    syllables = np.repeat(random.uniform(-45, -15, round(seconds * 5)), round(PER_S / 5))
    return syllables + random.uniform(-1, 1, len(syllables))


def speech(frames: int, *spans: tuple[float, float]) -> np.ndarray:
    found = np.zeros(frames, np.uint8)
    for start, end in spans:
        found[round(start * PER_S) : round(end * PER_S)] = 255
    return found


def test_each_channel_has_its_own_turns_and_they_may_overlap() -> None:
    levels = np.stack([envelope(1), envelope(2)], axis=1)
    spoken = np.stack([speech(len(levels), (1, 5)), speech(len(levels), (4, 8))], axis=1)
    turns = channel_turns(spoken, levels, FRAME, 10.0)
    assert [(turn.speaker, round(turn.start), round(turn.end)) for turn in turns] == [
        ("SPEAKER_00", 1, 5),
        ("SPEAKER_01", 4, 8),
    ]


@pytest.mark.parametrize("below_db", [10, 15, 30])
def test_the_louder_channel_wins_where_both_carry_the_same_speech(below_db: float) -> None:
    talker = envelope(3)
    levels = np.stack([talker, talker - below_db], axis=1)
    spoken = np.stack([speech(len(levels), (1, 9))] * 2, axis=1)
    turns = channel_turns(spoken, levels, FRAME, 10.0)
    assert {turn.speaker for turn in turns} == {"SPEAKER_00"}


def test_two_who_speak_at_once_are_both_kept_though_one_is_louder() -> None:
    levels = np.stack([envelope(4), envelope(5) - 8], axis=1)
    spoken = np.stack([speech(len(levels), (1, 9))] * 2, axis=1)
    kept = without_cross_talk(spoken >= 128, levels, FRAME, CrossTalk())
    assert kept.sum(0)[1] > 0.8 * spoken.astype(bool).sum(0)[1]


def test_who_speaks_later_keeps_the_number_of_the_channel() -> None:
    levels = np.stack([envelope(1), envelope(2)], axis=1)
    spoken = np.stack([speech(len(levels), (6, 8)), speech(len(levels), (1, 4))], axis=1)
    assert [turn.speaker for turn in channel_turns(spoken, levels, FRAME, 10.0)] == ["SPEAKER_01", "SPEAKER_00"]


def test_nobody_and_a_channel_that_is_cut_short() -> None:
    assert channel_turns(np.zeros((0, 2), np.uint8), np.zeros((0, 2), np.float32), FRAME, 0.0) == []
    assert channel_turns(np.zeros((9, 2), np.uint8), np.zeros((10, 2), np.float32), FRAME, 0.3) == []


def test_levels_are_those_of_frames_whatever_the_blocks() -> None:
    audio = np.concatenate([np.full(FRAME * 2, 0.1), np.full(FRAME + 100, 0.01)]).astype(np.float32)
    told: list[float] = []
    one = levels_of([[audio], [audio * 0]], FRAME, told.append)
    two = levels_of([np.split(audio, [FRAME * 2]), np.split(audio * 0, [FRAME * 2])], FRAME, told.append)
    assert np.allclose(one, two)
    assert one[:, 0].round().tolist()[:3] == [-20, -20, -40]
    assert (one[:, 1] <= -99).all()
    assert sum(told) == pytest.approx(2 * len(audio) / 16_000)
