"""Recordings of voices that will not do are refused in a sentence, before anything is named by them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from stored_recordings import put_recording

from acento.core.errors import InputError
from acento.core.store import LocalStore
from acento.data.recordings.recording import FRAME
from acento.data.words import Turn
from acento.diarization import enrolled as enrolled_module
from acento.diarization.enrolled import enrolled_voice
from acento.diarization.job import EnrolledVoice
from acento.models.base import Audio, DecodeOptions

RATE = 16_000
VOICE = np.float32([1, 0])


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


class Heard:
    """What the networks would hear: turns, and a voice in everything."""

    def __init__(self) -> None:
        self.turns = [Turn(0, 99, "SPEAKER_00")]
        self.seconds: list[float] = []

    def diarize(self, *_: object) -> list[Turn]:
        return self.turns

    def __call__(self, audio: Audio) -> np.ndarray:
        self.seconds.append(len(audio) / RATE)
        return VOICE


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    heard = Heard()
    monkeypatch.setattr(enrolled_module, "load_engine", lambda *_: heard)
    monkeypatch.setattr(enrolled_module, "load_voices", lambda _: heard)
    monkeypatch.setattr(enrolled_module, "_kept", {})
    return heard


def enroll(store: LocalStore, *spoken: tuple[float, float], seconds: float = 20, noise: float = 30.0) -> np.ndarray:
    """Enroll a recording with speech from one second to another, over noise."""
    random = np.random.default_rng(0)
    audio = random.standard_normal(round(seconds * RATE)) * noise
    speech = np.zeros(round(seconds * RATE / FRAME), np.uint8)
    for start, end in spoken:
        place = slice(round(start * RATE), round(end * RATE))
        audio[place] += random.standard_normal(place.stop - place.start) * 1000
        speech[round(start * RATE / FRAME) : round(end * RATE / FRAME)] = 255
    recording = put_recording(store, audio.astype(np.int16), speech[:, None])
    return enrolled_voice(store, EnrolledVoice(name="ana", recording=recording.key), DecodeOptions())


def test_a_voice_is_that_of_the_speech_alone_and_is_heard_once(store: LocalStore, networks: Heard) -> None:
    assert enroll(store, (1, 5), (8, 12)) is VOICE
    assert enroll(store, (1, 5), (8, 12)) is VOICE
    assert networks.seconds == [pytest.approx(8, abs=0.1)]


def test_two_minutes_are_enough(store: LocalStore, networks: Heard) -> None:
    enroll(store, (20, 145), seconds=150)
    assert networks.seconds == [120]


@pytest.mark.parametrize(
    ("spoken", "noise", "sentence"),
    [
        ([], 30, "Nobody speaks in the recording of the voice 'ana': enroll one with some 10 s of speech"),
        ([(1, 2.5)], 30, r"are 1\.5 s of speech: enroll at least 3 s, better 10 s"),
        ([(1, 9)], 1000, r"speech is 0 dB above the noise, too little .*: enroll a clearer one"),
    ],
)
def test_silence_a_word_and_noise_are_refused(
    store: LocalStore, networks: Heard, spoken: list[tuple[float, float]], noise: float, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        enroll(store, *spoken, noise=noise)
    assert not networks.seconds


def test_two_people_are_refused_and_a_stray_second_is_not(store: LocalStore, networks: Heard) -> None:
    networks.turns = [Turn(0, 6, "SPEAKER_00"), Turn(6, 9, "SPEAKER_01")]
    with pytest.raises(InputError, match="2 people seem to speak, one of them for 3 s: enroll speech of one person"):
        enroll(store, (0, 9))
    networks.turns = [Turn(0, 8, "SPEAKER_00"), Turn(8, 9, "SPEAKER_01")]
    assert enroll(store, (0, 9)) is VOICE
