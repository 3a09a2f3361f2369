"""No text where nobody speaks: with the voice detector, and by the filters alone where every window is decoded."""

from pathlib import Path

import pytest
import soundfile
from non_speech import KINDS, RATE, Sound, sound_of

import acento
from acento.core.settings import settings
from acento.inference.engine import Engine
from acento.inference.plan import PlannedClip
from acento.inference.predictions import Segment
from acento.inference.vad.detect import speech_of
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.transcription.assembly.documents import document_of
from acento.transcription.assembly.heard import heard_in
from acento.transcription.assembly.voiced import voice_of


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    settings.cache_clear()


def heard_by(model: str, folder: Path, minutes: float) -> dict[str, str]:
    """Transcribe so many minutes of each kind of sound, and return its text."""
    files = []
    for kind in KINDS:
        files.append(folder / f"{kind}.flac")
        soundfile.write(files[-1], sound_of(kind, minutes * 60), RATE)
    done = acento.transcribe(files, model, language="es")
    assert done.counts["done"] == len(KINDS)
    return {Path(one.name).stem: one.text for one in done.documents}


@pytest.mark.slow
def test_the_models_of_the_demo_write_nothing_on_minutes_of_it(tmp_path: Path) -> None:
    assert heard_by("demo:whisper-mini", tmp_path, minutes=1) == dict.fromkeys(KINDS, "")


@pytest.mark.real
@pytest.mark.timeout(900)
def test_published_weights_write_nothing_on_ten_minutes_of_it(tmp_path: Path) -> None:
    assert heard_by("demo:whisper-base", tmp_path, minutes=10) == dict.fromkeys(KINDS, "")


@pytest.mark.real
@pytest.mark.timeout(900)
def test_what_published_weights_write_on_ten_minutes_where_every_window_is_decoded_is_taken_out() -> None:
    checkpoint = resolve("demo:whisper-base:ctranslate2-int8")
    recognizer = checkpoint.family.load(checkpoint.folder, DecodeOptions(words=True, threads=2))
    clips = [[PlannedClip(f"{kind}-{place}", 30.0, "", "", place) for place in range(3)] for kind in KINDS]
    sounds = {kind: sound_of(kind, 90.0).reshape(3, -1) for kind in KINDS}

    def read(clip: PlannedClip) -> Sound:
        return sounds[clip.id.partition("-")[0]][clip.row]

    found = Engine(recognizer, batch_size=3).decode(clips, read).predictions
    assert len(found) * 30.0 >= 600
    assert sum(bool(one.text) for one in found) > 5, "it would write something"
    alone, told = {}, {}
    for one in found:
        kind, place = one.id.split("-")
        heard = {None: heard_in(((0.0, 30.0),), one)}
        alone[one.id] = document_of(one.id, 30.0, heard).text
        voices = {None: voice_of(speech_of([sounds[kind][int(place)]]))}
        told[one.id] = document_of(one.id, 30.0, heard, voices=voices).text
    assert {name for name, text in alone.items() if text} <= {"tones-1"}, "a sentence that the model is sure of"
    assert {name for name, text in told.items() if text} == set(), "the detector hears no voice there"


WRITTEN = (
    ("you", -0.45, 0.932),
    ("I am a pho.", -2.54, 0.952),
    ("Nekkei", -2.54, 0.991),
    ("1.5m", -2.20, 0.994),
    ("1.5m de " * 88, -0.12, 0.994),
    ("you", -1.36, 0.980),
    ("...and I'll be back soon.", -1.94, 0.297),
    ("1.5x" + "2.1x" * 110, -0.21, 0.244),
    ("1.5-" + "2.5-" * 110, -0.09, 0.627),
)
"""What whisper-base wrote on 30 s of silence, faint and white and pink noise, hum, tones and music: mean log
probability, and probability of no speech."""


@pytest.mark.parametrize(("text", "logprob", "no_speech"), WRITTEN)
def test_what_published_weights_wrote_on_such_sounds_is_taken_out(text: str, logprob: float, no_speech: float) -> None:
    window = Segment(0, 30, text.strip(), logprob=logprob, no_speech=no_speech)
    document = document_of("a.wav", 30, {None: [window]})
    assert document.text == ""
    assert document.removed
