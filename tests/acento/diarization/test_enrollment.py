"""Names from enrolled voices: who is like one gets its name, and what is not clear is said."""

import numpy as np

from acento.data.words import Turn
from acento.diarization.engines.embedded.vectors import unit
from acento.diarization.enrollment import name_speakers, speakers_voices, voice_in

X, Y, Z = np.eye(3, dtype=np.float32)
TURNS = [Turn(0, 2, "SPEAKER_00"), Turn(1.5, 4, "SPEAKER_01"), Turn(5, 6, "SPEAKER_00")]


def test_who_is_like_an_enrolled_voice_gets_its_name() -> None:
    named = name_speakers(TURNS, {"SPEAKER_00": X, "SPEAKER_01": Y}, {"ana": unit(X + 0.3 * Z), "bo": Y})
    assert [turn.speaker for turn in named.turns] == ["ana", "bo", "ana"]
    assert [turn.start for turn in named.turns] == [0, 1.5, 5]
    assert named.notes == []


def test_a_voice_that_nobody_has_is_said_and_others_keep_their_numbers() -> None:
    named = name_speakers(TURNS, {"SPEAKER_00": X, "SPEAKER_01": Y}, {"ana": unit(Z + 0.1 * Y)})
    assert named.turns == TURNS
    assert named.notes == ["Nobody here has the voice of ana (the likest is SPEAKER_01, 0.10 of 0.43 needed)."]


def test_a_speaker_whom_two_names_fit_is_said() -> None:
    named = name_speakers(TURNS, {"SPEAKER_00": X, "SPEAKER_01": Y}, {"ana": unit(X + 0.1 * Z), "bo": X})
    assert named.turns == TURNS
    assert named.notes[0].startswith("SPEAKER_00 is like bo (1.00) and ana (1.00): it keeps its number;")


def test_one_person_taken_for_two_speakers_gets_one_name() -> None:
    named = name_speakers(TURNS, {"SPEAKER_00": X, "SPEAKER_01": unit(X + 0.5 * Y)}, {"ana": X})
    assert {turn.speaker for turn in named.turns} == {"ana"}


def test_where_nobody_speaks_every_voice_is_missed() -> None:
    named = name_speakers([], {}, {"ana": X})
    assert named.turns == []
    assert named.notes == ["Nobody here has the voice of ana."]


def test_a_voice_is_taken_from_where_nobody_else_speaks_the_longest_first() -> None:
    read: list[tuple[float, float]] = []

    def reading(start_s: float, end_s: float) -> np.ndarray:
        read.append((start_s, end_s))
        return np.zeros(round((end_s - start_s) * 16_000), np.float32)

    voices = speakers_voices(TURNS, reading, lambda audio: X if len(audio) else None)
    assert set(voices) == {"SPEAKER_00", "SPEAKER_01"}
    assert read == [(0, 1.5), (5, 6), (2, 4)]


def test_a_minute_is_enough_and_what_is_too_short_has_no_voice() -> None:
    read: list[float] = []

    def reading(start_s: float, end_s: float) -> np.ndarray:
        read.append(end_s - start_s)
        return np.zeros(1, np.float32)

    speakers_voices([Turn(0, 50, "A"), Turn(100, 150, "A"), Turn(200, 250, "A")], reading, lambda _: X)
    assert sum(read) == 60
    assert speakers_voices([Turn(0, 0.2, "A")], reading, lambda _: X) == {}
    assert voice_in([np.zeros(3, np.float32)], lambda _: None) is None
