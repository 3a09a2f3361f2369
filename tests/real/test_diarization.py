"""The embedded diarization with its published weights, on dialogues made of human speech whose speakers are known."""

import csv
import random
import shutil
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch

from acento.core.audio.recording import decode
from acento.core.errors import InputError
from acento.data.demo.dialogue import Dialogue, make_dialogue, speech_in
from acento.data.demo.real import fetch_speech
from acento.data.words import Turn
from acento.diarization.diarizer import Speakers
from acento.diarization.engines.embedded.local import speakers_of
from acento.diarization.engines.embedded.pipeline import EmbeddedDiarizer, load
from acento.diarization.engines.embedded.presets import PRESETS
from acento.diarization.engines.embedded.voices import features_of, load_voices
from acento.diarization.engines.engine import find_engine
from acento.diarization.enrolled import _refuse_company
from acento.diarization.enrollment import name_speakers, speakers_voices, voice_in
from acento.models.base import Audio, DecodeOptions
from acento.scoring.speakers.spoken import Spoken
from acento.scoring.speakers.turns import turn_errors

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

PARTS = {"nl": ("small", "big"), "cs": ("small", "statue", "linuxer1", "linuxer2")}
"""Voices that are unlike each other."""
CLIPS = 20


@pytest.fixture(scope="module", autouse=True)
def _threads() -> Iterator[None]:
    if shutil.which("apt-get") is None:
        pytest.skip("the speech is in Debian's packages, and this machine has no apt-get")
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def voices() -> dict[str, list[Audio]]:
    found = {}
    for language, names in PARTS.items():
        speech = fetch_speech(language)
        with speech.clips.open(encoding="utf-8", newline="") as file:
            rows = sorted(csv.DictReader(file), key=lambda row: row["id"])
        for name in names:
            paths = [speech.folder / row["path"] for row in rows if row["speaker"] == name]
            chosen = random.Random(name).sample(paths, min(CLIPS, len(paths)))
            found[f"{language} {name}"] = [decode(path).astype(np.float32) / 32768 for path in chosen]
    return found


@pytest.fixture(scope="module")
def accurate() -> EmbeddedDiarizer:
    return load(find_engine("accurate"), DecodeOptions())


@pytest.fixture(scope="module")
def fast() -> EmbeddedDiarizer:
    return load(find_engine("fast"), DecodeOptions())


@pytest.fixture(scope="module")
def dialogues(voices: dict[str, list[Audio]]) -> list[Dialogue]:
    chance, made = random.Random(7), []
    for number, speakers in enumerate((2, 3, 4)):
        chosen = chance.sample(sorted(voices), speakers)
        made.append(make_dialogue({name: voices[name] for name in chosen}, 40, 700 + number, overlap=0.15))
    return made


def diarize(diarizer: EmbeddedDiarizer, audio: Audio) -> list[Turn]:
    return diarizer.diarize(iter(np.array_split(audio, 7)), Speakers(), lambda _: None)


def der(diarizer: EmbeddedDiarizer, dialogues: Sequence[Dialogue]) -> float:
    errors = []
    for one in dialogues:
        sides = (one.turns, diarize(diarizer, one.audio))
        errors.append(turn_errors(*([Spoken(turn.start, turn.end, turn.speaker) for turn in side] for side in sides)))
    wrong = sum(one.missed_s + one.false_alarm_s + one.confusion_s for one in errors)
    return wrong / sum(one.total_s for one in errors)


def test_accurate_finds_who_speaks_when(accurate: EmbeddedDiarizer, dialogues: list[Dialogue]) -> None:
    assert der(accurate, dialogues) < 0.29


def test_fast_finds_who_speaks_when(fast: EmbeddedDiarizer, dialogues: list[Dialogue]) -> None:
    assert der(fast, dialogues) < 0.33


def test_two_people_that_the_segmentation_takes_for_one_are_two(voices: dict[str, list[Audio]]) -> None:
    def said(name: str) -> Audio:
        spans = ((clip, speech_in(clip)) for clip in voices[name])
        return np.concatenate([clip[int(a * 16_000) : int(b * 16_000)] for clip, some in spans for a, b in some])

    window = np.concatenate([said(name)[: 5 * 16_000] for name in ("nl big", "cs linuxer1")])
    spoken = np.zeros((589, 3), bool)
    spoken[:, 0] = True
    who, found = speakers_of(0, features_of(window), spoken, load_voices("cpu"), 0.5, PRESETS["fast"].division)
    assert [one.own for one in found] == [0, 3]
    assert np.flatnonzero(who[:, 3])[0] == pytest.approx(295, abs=60)


def test_loudness_does_not_matter(fast: EmbeddedDiarizer, dialogues: list[Dialogue]) -> None:
    loud = diarize(fast, dialogues[0].audio)
    quiet = diarize(fast, dialogues[0].audio / 300)
    assert {turn.speaker for turn in quiet} == {turn.speaker for turn in loud}
    heard, before = (sum(turn.end - turn.start for turn in turns) for turns in (quiet, loud))
    assert heard == pytest.approx(before, rel=0.03)


def test_a_number_of_speakers_that_is_given_is_found(fast: EmbeddedDiarizer, dialogues: list[Dialogue]) -> None:
    heard = fast.hear(iter([dialogues[2].audio]), lambda _: None)
    for wanted in (1, 2, 4):
        turns = fast.turns(heard, Speakers(count=wanted), PRESETS["fast"].rules)
        assert len({turn.speaker for turn in turns}) == wanted


def test_where_nobody_speaks_there_are_no_turns(fast: EmbeddedDiarizer) -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, 30 * 16_000).astype(np.float32)
    assert diarize(fast, noise) == []
    assert diarize(fast, np.zeros(30 * 16_000, np.float32)) == []
    assert diarize(fast, np.zeros(0, np.float32)) == []


def test_one_person_is_one_speaker_also_in_less_than_a_window(
    accurate: EmbeddedDiarizer, voices: dict[str, list[Audio]]
) -> None:
    clip = max(voices["nl big"], key=len)
    turns = diarize(accurate, clip)
    assert {turn.speaker for turn in turns} == {"SPEAKER_00"}
    spoken = sum(end - start for start, end in speech_in(clip))
    assert sum(turn.end - turn.start for turn in turns) == pytest.approx(spoken, rel=0.3)
    assert turns[-1].end <= len(clip) / 16_000
    alone = make_dialogue({"ana": voices["nl small"]}, 30, 3)
    assert len({turn.speaker for turn in diarize(accurate, alone.audio)}) == 1


def test_enrolled_voices_name_the_speakers(fast: EmbeddedDiarizer, voices: dict[str, list[Audio]]) -> None:
    listen = load_voices("cpu")
    names = {"ana": "nl small", "bo": "nl big"}
    made = make_dialogue({name: voices[part][10:] for name, part in names.items()}, 40, 5, overlap=0.0)
    turns = diarize(fast, made.audio)

    def read(start_s: float, end_s: float) -> Audio:
        return made.audio[round(start_s * 16_000) : round(end_s * 16_000)]

    enrolled = {name: voice_in([np.concatenate(voices[part][:10])], listen) for name, part in names.items()}
    known = {name: voice for name, voice in enrolled.items() if voice is not None}
    assert set(known) == {"ana", "bo"}
    named = name_speakers(turns, speakers_voices(turns, read, listen), known)
    assert named.notes == []
    assert {turn.speaker for turn in named.turns} == {"ana", "bo"}
    sides = (made.turns, named.turns)
    wrong = turn_errors(*([Spoken(turn.start, turn.end, turn.speaker) for turn in side] for side in sides))
    assert wrong.confusion_s < 0.1 * wrong.total_s
    with pytest.raises(InputError, match="2 people seem to speak"):
        _refuse_company(made.audio, DecodeOptions(), "it")
    _refuse_company(np.concatenate(voices["nl big"][:6]), DecodeOptions(), "it")
    stranger = voice_in(voices["cs statue"][:5], listen)
    assert stranger is not None
    said = name_speakers(turns, speakers_voices(turns, read, listen), {"cy": stranger}).notes
    assert [note.partition(" (")[0] for note in said] == ["Nobody here has the voice of cy"]
