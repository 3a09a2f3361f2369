"""The doctor hears in which language a clip is spoken, where the base model can tell."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import fake_recognizer
import pytest
import torch
from made_up import good, make_set
from tiny_whisper import LANGUAGES, make_whisper

from acento.core.errors import DamagedError
from acento.core.store import LocalStore
from acento.core.text import normalizer
from acento.data.dataset import Card, read_clips
from acento.inference.benchmark import Transcription
from acento.inference.plan import PlannedClip
from acento.inference.transcribe import ClipReader
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.models.families import FAMILIES
from acento.validation.doctor.examination import plan_examination, spoken_languages
from acento.validation.doctor.findings import diagnose
from acento.validation.doctor.heuristics import Case, TranscribedClip
from acento.validation.doctor.languages import Identify

TEXT = "los vecinos han comprado pescado fresco en el mercado"
RIGHT = TranscribedClip("right", "train", None, "es", 3.0, TEXT, TEXT)
WRONG = TranscribedClip("wrong", "train", None, "es", 3.0, TEXT, "the neighbors have bought fresh fish")


def found(listen: Identify | None, *clips: TranscribedClip) -> dict[str, Case]:
    """Return what the doctor says of clips among fifty with nothing wrong."""
    others = [replace(RIGHT, id=f"c{number:02d}") for number in range(50)]
    return {one.clip.id: one for one in diagnose([*others, *clips], normalizer("basic"), listen)}


def hearing(**likely: float) -> Identify:
    """Return an ear that hears the same in every clip."""
    return lambda clips: {clip.id: likely for clip in clips}


def test_another_spoken_language_is_said_with_its_likelihood() -> None:
    one = found(hearing(es=0.02, en=0.98), WRONG)["wrong"]
    assert "wrong_language" in one.kinds
    assert "It sounds like en (0.98), the data set says es." in one.why


def test_the_region_of_a_language_does_not_matter() -> None:
    chilean = replace(WRONG, language="es-CL")
    assert "wrong_language" not in found(hearing(es=0.98, en=0.02), chilean)["wrong"].kinds
    assert "the data set says es-CL" in found(hearing(es=0.02, en=0.98), chilean)["wrong"].why


@pytest.mark.parametrize(
    ("listen", "language"),
    [
        (None, "es"),
        (lambda _: {}, "es"),
        (hearing(es=0.98, en=0.02), "es"),
        (hearing(es=0.2, en=0.8), "es"),
        (hearing(sv=0.02, en=0.98), "es"),
        (hearing(es=0.02, en=0.98), None),
    ],
    ids=["no ear", "an ear that cannot tell", "the same", "not sure", "es not known", "none is expected"],
)
def test_nothing_is_said_where_it_would_be_a_guess(listen: Identify | None, language: str | None) -> None:
    assert "wrong_language" not in found(listen, replace(WRONG, language=language))["wrong"].kinds


def test_only_clips_in_which_much_was_misheard_are_listened_to_again() -> None:
    asked: list[str] = []

    def listen(clips: Sequence[TranscribedClip]) -> Mapping[str, Mapping[str, float]]:
        asked.extend(clip.id for clip in clips)
        return {}

    found(listen, RIGHT, WRONG)
    assert asked == ["wrong"]
    asked.clear()
    found(lambda _: pytest.fail("nothing is wrong"), RIGHT)


def test_a_clip_with_two_signs_of_one_kind_is_of_that_kind_once() -> None:
    mixed = replace(WRONG, reference="добрый день как вы поживаете сегодня")
    kinds = found(hearing(es=0.02, en=0.98), mixed)["wrong"].kinds
    assert kinds.count("wrong_language") == 1


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    torch.set_num_threads(1)
    return LocalStore(tmp_path / "store")


def planned(
    store: LocalStore, model: Path, language: str | None = None
) -> tuple[Card, Transcription, list[TranscribedClip]]:
    """Return a data set, the plan of its transcription, and its clips as if all had been misheard."""
    card = make_set(store, [good()])
    first = plan_examination(store, card, resolve(str(model)), DecodeOptions(language=language))[0]
    clips = [replace(WRONG, id=row.utterance.id) for row in read_clips(store, card)]
    return card, first, clips


@pytest.mark.slow
def test_a_multilingual_whisper_tells_the_languages_of_clips_whatever_it_was_told(
    store: LocalStore, tmp_path: Path
) -> None:
    model = make_whisper(tmp_path / "model")
    card, first, clips = planned(store, model, language="sv")
    likely = spoken_languages(store, card, first, clips)
    assert likely.keys() == {clip.id for clip in clips}
    for row in read_clips(store, card):
        clip = row.utterance
        one = likely[clip.id]
        assert set(one) == set(LANGUAGES)
        audio = ClipReader(store)(PlannedClip(clip.id, clip.duration_s, clip.audio_sha256, row.part, row.row))
        recognizer = resolve(str(model)).family.load(model, DecodeOptions())
        (alone,) = recognizer.spoken_languages(recognizer.prepare([audio])) or []
        assert alone == pytest.approx(one, abs=1e-4)


@pytest.mark.parametrize("kind", ["english-only whisper", "another family"])
def test_a_model_that_cannot_tell_says_nothing(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setitem(FAMILIES, "fake", fake_recognizer.FAKE)
    folder = tmp_path / "model"
    if kind == "another family":
        fake_recognizer.fake_model(folder)
    else:
        make_whisper(folder, multilingual=False)
    card, first, clips = planned(store, folder, language="en")
    assert spoken_languages(store, card, first, clips) == {}


def test_a_model_that_has_changed_meanwhile_is_refused(store: LocalStore, tmp_path: Path) -> None:
    card, first, clips = planned(store, make_whisper(tmp_path / "model"))
    make_whisper(tmp_path / "model", seed=5)
    with pytest.raises(DamagedError, match="has changed since it transcribed made-up v1"):
        spoken_languages(store, card, first, clips)
