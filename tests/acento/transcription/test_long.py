"""A recording that is longer than a window, by a loaded model: heard as a batch hears it, with times of passages."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

import acento
from acento.core.audio.recording import decode
from acento.core.errors import DataError
from acento.core.settings import settings
from acento.data.demo import demo_clips, wav_bytes


@pytest.fixture
def talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write four sentences with pauses between them, longer than the window of the demo's models."""
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    settings.cache_clear()
    pause = np.zeros(24_000, np.int16)
    parts = [part for clip in demo_clips()[:4] for part in (pause, decode(wav_bytes(clip)), pause)]
    soundfile.write(tmp_path / "talk.flac", np.concatenate(parts), 16_000)
    return tmp_path / "talk.flac"


@pytest.mark.slow
def test_a_loaded_model_hears_a_long_recording_as_a_batch_does(talk: Path) -> None:
    (document,) = acento.transcribe(talk, "demo:whisper-mini", language="es").documents
    model = acento.load_model("demo:whisper-mini", language="es")
    found = model.transcribe(talk)
    assert found.text == document.text != ""
    assert len(found.segments) >= 4
    assert all(one.end <= other.start for one, other in zip(found.segments, found.segments[1:], strict=False))
    assert not any(segment.words for segment in found.segments), "they were not asked for"
    short = talk.with_name("short.wav")
    short.write_bytes(wav_bytes(demo_clips()[0]))
    several = model.transcribe([talk, short])
    assert [row.text for row in several] == [found.text, model.transcribe(short).text]


@pytest.mark.slow
def test_a_long_recording_that_is_damaged_is_named(talk: Path) -> None:
    talk.write_bytes(talk.read_bytes()[:-30_000])
    with pytest.raises(DataError, match=r"talk\.flac cannot be transcribed"):
        acento.load_model("demo:whisper-mini", language="es").transcribe(talk)
