"""DER and JER: known numbers by hand, collars, overlaps, and what has no speech at all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.scoring.speakers.spoken import Spoken
from acento.scoring.speakers.turns import turn_errors

TURNS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 20), st.sampled_from("ab")).map(
        lambda one: Spoken(one[0] / 4, (one[0] + one[1]) / 4, one[2])
    ),
    max_size=6,
)


def test_each_kind_of_error_is_counted_in_seconds() -> None:
    said = [Spoken(0, 10, "ana"), Spoken(10, 20, "luis")]
    heard = [Spoken(1, 12, "1"), Spoken(12, 21, "2")]  # 1 s missed, 2 s of the wrong one, 1 s where nobody speaks
    found = turn_errors(said, heard)
    assert (found.total_s, found.missed_s, found.confusion_s, found.false_alarm_s) == (20, 1, 2, 1)
    # ana: 9 of 12 s agree; luis: 8 of 11
    assert found.jaccard == pytest.approx(3 / 12 + 3 / 11)
    assert found.speakers == 2


def test_people_who_speak_at_once_count_twice_unless_overlap_is_skipped() -> None:
    said = [Spoken(0, 4, "ana"), Spoken(2, 6, "luis")]
    heard = [Spoken(0, 4, "1"), Spoken(4, 6, "2")]
    assert turn_errors(said, heard).total_s == 8
    assert turn_errors(said, heard).missed_s == 2
    skipped = turn_errors(said, heard, skip_overlap=True)
    assert (skipped.total_s, skipped.missed_s) == (4, 0)


def test_the_collar_is_on_each_side_of_an_edge() -> None:
    said, heard = [Spoken(0, 4, "a"), Spoken(4, 8, "b")], [Spoken(0, 4.25, "1"), Spoken(4.25, 8, "2")]
    assert turn_errors(said, heard).confusion_s == 0.25
    assert turn_errors(said, heard, collar_s=0.25).confusion_s == 0
    assert turn_errors(said, heard, collar_s=0.25).total_s == 7  # 0.25 s at both ends, 0.5 s in the middle


def test_turns_of_one_speaker_that_overlap_count_once() -> None:
    twice = [Spoken(0, 4, "a"), Spoken(1, 5, "a")]
    assert turn_errors(twice, [Spoken(0, 5, "x")]) == turn_errors([Spoken(0, 5, "a")], [Spoken(0, 5, "x")])


def test_what_is_ignored_is_not_scored() -> None:
    found = turn_errors([Spoken(0, 4, "a")], [Spoken(0, 6, "x")], ignored=[(3, 5)])
    assert (found.total_s, found.false_alarm_s) == (3, 1)


def test_silence_on_either_side_is_defined() -> None:
    some = [Spoken(0, 2, "a")]
    assert turn_errors([], some).false_alarm_s == turn_errors(some, []).missed_s == 2
    assert turn_errors([], []).total_s == 0


@settings(max_examples=40, deadline=None)
@given(TURNS, TURNS)
def test_every_second_of_speech_is_right_missed_or_confused(said: list[Spoken], heard: list[Spoken]) -> None:
    found = turn_errors(said, heard)
    assert 0 <= found.missed_s + found.confusion_s <= found.total_s + 1e-6
    assert turn_errors(said, said).missed_s + turn_errors(said, said).confusion_s == 0
    assert 0 <= found.jaccard <= found.speakers
