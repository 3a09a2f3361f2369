"""Folders of recordings with references: what is read of them, and what a benchmark of models and diarizers makes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from acento.api.recordings import speaker_benchmark
from acento.api.recordings.speaker_benchmark import Measured, publish_speaker_run, recordings_in, run_speaker_benchmark
from acento.core.errors import InputError, ModelError
from acento.core.store import LocalStore
from acento.data.document import Document, Passage
from acento.data.words import Turn, Word
from acento.registry.runs.records import run_leaderboard
from acento.requests import BenchmarkRequest
from acento.transcription.batch import Row

STM = "m1 1 ana 0.0 2.0 hola qué tal\nm1 1 luis 2.0 4.0 muy bien\n"
RTTM = "SPEAKER m1 1 0.0 2.0 <NA> <NA> ana <NA> <NA>\nSPEAKER m1 1 2.0 2.0 <NA> <NA> luis <NA> <NA>\n"


@pytest.fixture
def meetings(tmp_path: Path) -> Path:
    folder = tmp_path / "meetings"
    folder.mkdir()
    for name in ("m1", "m2"):
        soundfile.write(folder / f"{name}.wav", np.zeros(64000), 16000)
    (folder / "refs.stm").write_text(STM, encoding="utf-8")
    return folder


def document(speakers: str = "xxxyy") -> Document:
    words = tuple(
        Word(text, at * 0.8, at * 0.8 + 0.7, 0.9, speaker)
        for at, (text, speaker) in enumerate(zip(["hola", "qué", "tal", "muy", "bien"], speakers, strict=True))
    )
    turns = (Turn(0, 2.4, "x"), Turn(2.4, 4, "y"))
    return Document("m1.wav", 4.0, (Passage(0, 4, "hola qué tal muy bien", words),), language="es", turns=turns)


def request(folder: Path, **options: Any) -> BenchmarkRequest:
    return BenchmarkRequest.of(models=["demo:whisper-mini"], datasets=[str(folder)], diarize=True, **options)


def published(
    store: LocalStore, folder: Path, monkeypatch: pytest.MonkeyPatch, *found: tuple[str, Document | None]
) -> Any:
    """Publish what models made of m1; None: it failed."""
    made = dict(found)
    monkeypatch.setattr(speaker_benchmark, "document_of_row", lambda _, batch, __: made[batch])
    measured = []
    for name, one in found:
        state = {"state": "done"} if one else {"state": "failed", "sentence": "It is too short."}
        rows = (Row(file=str(folder / "m1.wav"), seconds=4.0, inference_s=2.0, **state),)  # type: ignore[arg-type]
        done = SimpleNamespace(batch=name, ledger=rows)
        measured.append(Measured.model_construct(folder=str(folder), name=name, done=done))
    return publish_speaker_run(store, request(folder, job_id="run"), measured, {})


def test_only_recordings_that_the_references_name_are_taken_and_those_that_lack_are_named(
    meetings: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (meetings / "refs.stm").write_text(STM + STM.replace("m1", "m7"), encoding="utf-8")
    assert [Path(one).name for one in recordings_in(str(meetings))] == ["m1.wav"]
    assert "has no recording of m7, which its references name" in caplog.text


@pytest.mark.meeteval
def test_words_and_speakers_are_scored_and_kept(
    meetings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path / "store")
    published(store, meetings, monkeypatch, ("good", document()), ("mixed", document("xxxxy")))
    (board,) = run_leaderboard(store, "run").boards
    assert (board.dataset, board.normalizer) == ("meetings", "spanish-1")
    good, mixed = sorted((row.entry for row in board.rows), key=lambda entry: entry.model)
    assert good.speakers is not None
    assert good.speakers.cpwer is not None
    assert mixed.speakers is not None
    assert mixed.speakers.cpwer is not None
    assert (good.score.overall.wer.value, good.speakers.cpwer.value) == (0, 0)
    assert mixed.speakers.cpwer.value == pytest.approx(2 / 5)
    assert good.speakers.der.value == pytest.approx(0.4 / 4)  # of turns, not of words
    assert good.speed is not None
    assert good.speed.rtfx == 2
    assert good.score.overall.audio_s == 4


@pytest.mark.meeteval
def test_rttm_beside_stm_says_when_and_stm_what(
    meetings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (meetings / "refs.rttm").write_text(RTTM.replace("2.0 2.0", "2.4 1.6").replace("0.0 2.0", "0.0 2.4"))
    published(LocalStore(tmp_path / "store"), meetings, monkeypatch, ("good", document()))
    (board,) = run_leaderboard(LocalStore(tmp_path / "store"), "run").boards
    score = board.rows[0].entry.speakers
    assert score is not None
    assert score.der.value == 0
    assert score.cpwer is not None


@pytest.mark.meeteval
def test_a_recording_that_failed_is_listed_and_not_scored(
    meetings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (meetings / "refs.stm").write_text(STM + STM.replace("m1", "m2"), encoding="utf-8")
    store = LocalStore(tmp_path / "store")
    rows = [
        Row(file="m1.wav", state="done", seconds=4.0),
        Row(file="m2.wav", state="failed", sentence="It is no audio."),
    ]
    monkeypatch.setattr(speaker_benchmark, "document_of_row", lambda *_: document())
    done = SimpleNamespace(batch=None, ledger=rows)
    one = Measured.model_construct(folder=str(meetings), name="m", done=done)
    score = publish_speaker_run(store, request(meetings), [one], {}).leaderboard.boards[0].rows[0].entry.score
    assert (score.overall.scored, score.overall.failed) == (1, 1)
    assert score.failures[0].reason == "It is no audio."


def test_every_model_is_run_with_every_diarizer_and_one_that_fails_is_left_out(
    meetings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def run(wanted: Any, _: Any) -> Any:
        asked.append((wanted.model, wanted.diarizer, wanted.beam_size, [Path(one).name for one in wanted.paths]))
        if wanted.model == "bad":
            raise ModelError("There is no model bad.")
        return SimpleNamespace()

    monkeypatch.setattr(speaker_benchmark, "run_steps", run)
    monkeypatch.setattr(speaker_benchmark, "Measured", SimpleNamespace)
    wanted = BenchmarkRequest.of(
        models=["a", "bad"], datasets=[str(meetings)], diarize=True, diarizers=["accurate", "fast"], beam_size=2
    )
    _, measured, left_out = run_speaker_benchmark(wanted, lambda _, *args: args)  # type: ignore[arg-type, misc]
    assert [one.name for one in measured] == ["a (accurate)", "a (fast)"]
    assert left_out == {f"bad ({one})": "There is no model bad." for one in ("accurate", "fast")}
    assert asked[1] == ("a", "fast", 2, ["m1.wav"])
    with pytest.raises(ModelError, match="There is no model bad"):
        run_speaker_benchmark(wanted.model_copy(update={"models": ["bad"]}), lambda _, *args: args)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("refs.stm", "", r"refs.stm has no utterance"),
        ("refs.stm", STM.replace("m1", "m9"), r"references in .* are of m9, its recordings are m1, m2"),
        ("refs.rttm", "SPEAKER m1 1 x 1 <NA> <NA> ana\n", r"refs.rttm: Line 1 has 7 fields|is no time|Line 1"),
    ],
)
def test_references_that_are_of_no_use_are_named(meetings: Path, name: str, text: str, says: str) -> None:
    (meetings / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=says):
        recordings_in(str(meetings))


def test_a_folder_without_references_and_what_is_no_folder_are_refused(meetings: Path) -> None:
    (meetings / "refs.stm").unlink()
    with pytest.raises(InputError, match=r"has no references: put an .stm or .rttm"):
        recordings_in(str(meetings))
    with pytest.raises(InputError, match=r"nowhere is no folder: with --diarize"):
        recordings_in("nowhere")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"diarize": True, "repeats": 2}, "--repeats is for data sets of clips"),
        ({"diarize": True, "dry_run": True}, "--dry-run is for data sets of clips"),
        ({"diarize": True, "engine": "auto"}, "The fastest engine is found on clips"),
        ({"diarizers": ["fast"]}, "--diarizer is for telling speakers apart: add --diarize"),
    ],
)
def test_what_does_not_go_together_is_said(options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        BenchmarkRequest.of(models=["m"], datasets=["d"], **options)
