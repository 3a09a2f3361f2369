"""Scores of speakers over recordings: sums, not means; intervals; tables; and files that keep them."""

from pathlib import Path

import pytest

from acento.core.errors import InputError
from acento.core.text import normalizer
from acento.scoring.speakers.score import SpeakerOptions, SpeakerScore, speaker_score
from acento.scoring.speakers.spoken import Conversations, Side, Spoken, matched
from acento.scoring.speakers.stored import SPEAKERS, SPOKEN, read_speakers, read_spoken, write_speakers
from acento.scoring.speakers.table import speaker_columns, speakers_table

SAID = Side("ref.stm", {"long": [Spoken(0, 90, "a", "uno " * 90)], "short": [Spoken(0, 10, "a", "dos " * 10)]})
HEARD = Side("hyp.stm", {"long": [Spoken(0, 90, "x", "uno " * 90)], "short": [Spoken(0, 5, "x", "dos " * 5)]})


def scored(said: Side = SAID, heard: Side = HEARD, rule: str = "basic", **options: float) -> SpeakerScore:
    return speaker_score(matched(said, heard), normalizer(rule), SpeakerOptions(**options))


@pytest.mark.meeteval
def test_recordings_add_and_rates_are_of_the_sums() -> None:
    found = scored()
    assert found.der.value == found.missed.value == pytest.approx(5 / 100)
    assert found.cpwer is not None
    assert found.cpwer.value == pytest.approx(5 / 100)
    assert found.jer.value == pytest.approx((0 + 0.5) / 2)
    assert found.der.low is not None
    assert found.der.low < 0.05 < (found.der.high or 0)
    assert [one.name for one in found.recordings] == ["long", "short"]


def test_turns_without_texts_have_no_word_errors() -> None:
    bare = Side("ref.rttm", {"long": [Spoken(0, 90, "a")], "short": [Spoken(0, 10, "a")]})
    found = scored(said=bare)
    assert found.cpwer is found.tcpwer is found.orcwer is None
    assert found.der.value == pytest.approx(0.05)


@pytest.mark.meeteval
def test_a_script_without_spaces_is_counted_in_characters() -> None:
    said = Side("ref", {"r": [Spoken(0, 2, "a", "今日は良い天気です")]})
    heard = Side("hyp", {"r": [Spoken(0, 2, "x", "今日は 悪い天気です")]})
    found = scored(said, heard, "unicode-ja")
    assert found.characters
    assert found.cpwer is not None
    assert found.cpwer.value == pytest.approx(1 / 9)
    table = speakers_table({"m": found})
    assert table is not None
    assert "cpCER % [95%]" in table.columns


@pytest.mark.meeteval
def test_the_table_says_how_it_was_scored() -> None:
    table = speakers_table({"model": scored(collar=0.25, skip_overlap=True, word_collar=3), "none": None})
    assert table is not None
    assert [row[0] for row in table.rows] == ["model"]
    assert "collar 0.25 s, what several speak at once left out" in table.notes[0]
    assert "over 3 s off" in table.notes[1]
    assert speakers_table({"none": None}) is None


@pytest.mark.meeteval
def test_columns_are_the_same_whether_there_is_a_score_or_not() -> None:
    assert speaker_columns(None).keys() == speaker_columns(scored()).keys()
    assert speaker_columns(scored())["der"] == 5.0
    assert set(speaker_columns(None).values()) == {None}


@pytest.mark.meeteval
def test_a_score_is_read_back_with_all_that_it_was_made_of(tmp_path: Path) -> None:
    both = matched(SAID, HEARD)
    write_speakers(tmp_path, both, normalizer("basic"), SpeakerOptions(collar=0.5))
    found = read_speakers((tmp_path / SPEAKERS).read_bytes())
    assert found == speaker_score(both, normalizer("basic"), SpeakerOptions(collar=0.5))
    again, options = read_spoken((tmp_path / SPOKEN).read_bytes())
    assert speaker_score(again, normalizer("basic"), options) == found


def test_recordings_that_do_not_match_are_named_on_both_sides() -> None:
    other = Side("hyp.rttm", {"meeting9": [Spoken(0, 1, "x")]})
    with pytest.raises(InputError, match=r"ref.stm and hyp.rttm are of different recordings: .*'long'.*'meeting9'"):
        matched(SAID, other)


def test_a_recording_that_is_missing_is_refused_empty_or_dropped() -> None:
    part = Side("hyp.stm", {"long": HEARD.recordings["long"]})
    with pytest.raises(InputError, match=r"hyp.stm lacks 'short' of ref.stm"):
        matched(SAID, part)
    assert matched(SAID, part, missing="empty").hypothesis.recordings["short"] == ()
    assert list(matched(SAID, part, missing="drop").reference.recordings) == ["long"]
    with pytest.raises(InputError, match=r"hyp.stm lacks 'short' of ref.stm. --extra"):
        matched(part, SAID)
    assert isinstance(matched(part, SAID, extra="drop"), Conversations)
