"""cpWER, tcpWER and ORC-WER: what each of them counts and what not."""

import logging

import pytest

from acento.scoring.counting.counts import ErrorCounts
from acento.scoring.speakers import words as module
from acento.scoring.speakers.spoken import Spoken
from acento.scoring.speakers.words import word_errors

SAID = [Spoken(0, 3, "ana", "uno dos tres"), Spoken(3, 6, "luis", "cuatro cinco seis")]


@pytest.mark.meeteval
def test_names_of_speakers_do_not_matter() -> None:
    found = word_errors(SAID, [Spoken(0, 3, "2", "uno dos tres"), Spoken(3, 6, "1", "cuatro cinco seis")], str.split)
    assert found.cp == found.tcp == found.orc == ErrorCounts(hits=6)


@pytest.mark.meeteval
def test_an_utterance_of_the_wrong_speaker_is_an_error_of_cp_alone() -> None:
    said = [*SAID, Spoken(6, 8, "ana", "siete ocho")]
    heard = [*SAID, Spoken(6, 8, "luis", "siete ocho")]
    found = word_errors(said, heard, str.split)
    assert found.cp.errors == found.tcp.errors == 4  # two words too few of one, two too many of the other
    assert found.orc.errors == 0


@pytest.mark.meeteval
def test_words_far_from_their_time_are_errors_of_tcp_alone() -> None:
    late = [Spoken(one.start + 20, one.end + 20, one.speaker, one.text) for one in SAID]
    found = word_errors(SAID, late, str.split, collar_s=5)
    assert found.cp.errors == 0
    assert found.tcp.errors == 12
    assert word_errors(SAID, late, str.split, collar_s=30).tcp.errors == 0


@pytest.mark.meeteval
def test_texts_are_compared_as_they_are_normalized() -> None:
    heard = [Spoken(0, 3, "1", "¡Uno, dos, tres!"), Spoken(3, 6, "2", "CUATRO cinco seis.")]
    found = word_errors(SAID, heard, lambda text: text.lower().translate(dict.fromkeys(map(ord, "¡!,."))).split())
    assert found.cp.errors == 0


@pytest.mark.meeteval
def test_a_side_without_words_has_only_insertions_or_deletions() -> None:
    assert word_errors(SAID, [], str.split).cp == ErrorCounts(deletions=6)
    assert word_errors([], SAID, str.split).orc == ErrorCounts(insertions=6)
    assert word_errors([], [], str.split).tcp == ErrorCounts()
    assert (
        word_errors(SAID, [Spoken(0, 1, "1", "…")], lambda text: [w for w in text.split() if w != "…"]).cp.errors == 6
    )


@pytest.mark.meeteval
def test_a_long_recording_is_searched_greedily_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = [Spoken(0, 3, "1", "uno dos"), Spoken(3, 6, "2", "cuatro cinco seis siete")]
    exact = word_errors(SAID, heard, str.split)
    monkeypatch.setattr(module, "_EXACT", 0)
    greedy = word_errors(SAID, heard, str.split)
    assert (exact.orc_exact, greedy.orc_exact) == (True, False)
    assert greedy.orc.errors >= exact.orc.errors == 2


@pytest.mark.meeteval
def test_people_who_talk_over_themselves_fill_no_log(caplog: pytest.LogCaptureFixture) -> None:
    said = [Spoken(0, 4, "a", "uno dos tres cuatro"), Spoken(0.5, 1, "a", "cinco"), Spoken(0.7, 0.9, "a", "seis")]
    with caplog.at_level(logging.DEBUG):
        word_errors(said, said, str.split)
    assert not [one for one in caplog.records if one.levelno > logging.DEBUG]
