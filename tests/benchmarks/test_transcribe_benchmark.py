"""The benchmark of long recordings: what it calls lost and doubled, and the recordings that it makes."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOM = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(ROOM))  # as where they run as scripts
try:
    from long_recordings import excerpts, nothing, spoken
    from transcribe import Faults, Ran, faults_of, judge, row, time_error
finally:
    sys.path.remove(str(ROOM))


@pytest.mark.parametrize(
    ("said", "heard", "faults"),
    [
        ("uno dos tres", "Uno, dos, tres.", Faults(0, 3, 0, 0)),
        ("uno dos tres cuatro", "uno", Faults(3, 4, 3, 0)),
        ("uno dos tres", "uno", Faults(2, 3, 0, 0)),  # two words may be misheard
        ("uno dos tres", "uno dos uno dos tres", Faults(2, 3, 0, 2)),
        ("uno dos tres", "uno dos nueve diez tres", Faults(2, 3, 0, 0)),
        ("", "gracias", Faults(1, 0, 0, 0)),
    ],
)
def test_words_are_lost_doubled_or_just_wrong(said: str, heard: str, faults: Faults) -> None:
    assert faults_of(said, heard) == faults


def test_synthesized_speech_has_its_words_in_time(tmp_path: Path) -> None:
    found = spoken(tmp_path, 0.2)
    samples, rate = soundfile.read(found.path)
    assert rate == 16000
    assert len(samples) / rate == found.seconds >= 12
    assert found.text == " ".join(word.text for word in found.words)
    assert all(0 <= word.start < word.end <= found.seconds for word in found.words)
    loud = [np.abs(samples[round(w.start * rate) : round(w.end * rate)]).max() > 0.01 for w in found.words]
    assert sum(loud) >= 0.95 * len(loud)
    exact = [(word.text, word.start, word.end) for word in found.words]
    assert time_error(found, exact) == "0, 0"
    assert time_error(found, []) == "–"


def test_where_nobody_speaks_all_words_are_out_of_nothing(tmp_path: Path) -> None:
    found = nothing(tmp_path, 0.1)
    ran = Ran([{"wall_s": 1.0, "cpu_s": 2.0, "peak_mb": 900.0, "text": "gracias por ver", "words": []}])
    cells = row("acento", ran, found).strip("| ").split(" | ")
    assert cells == ["acento", "6.00", "3.00", "–", "0", "0", "3", "–", "900"]


def test_the_goal_needs_speed_and_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = spoken(tmp_path, 0.05)
    heard = {"wall_s": 10.0, "cpu_s": 10.0, "peak_mb": 1.0, "text": recording.text, "words": []}
    good, slow, wrong = Ran([heard]), Ran([{**heard, "wall_s": 20.0}]), Ran([{**heard, "wall_s": 5.0, "text": "x"}])
    judge({"acento": good, "faster-whisper": slow}, recording)
    assert "2.00 times as fast as faster-whisper (1.00 by CPU seconds); goal 1.2 at no worse WER: reached" in _out(
        capsys
    )
    judge({"acento": wrong, "faster-whisper": good, "whisperx": Ran(why="no module")}, recording)
    assert "2.00 times as fast as faster-whisper (1.00 by CPU seconds); goal 1.2 at no worse WER: NOT" in _out(capsys)


def test_excerpts_are_those_that_an_rttm_names(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / name, np.zeros(160), 16000)
    (tmp_path / "x.rttm").write_text(
        "SPEAKER a 1 0 1 <NA> <NA> ana <NA> <NA>\nSPEAKER c 1 0 1 <NA> <NA> ana <NA> <NA>\n"
    )
    assert [path.name for path, _ in excerpts(tmp_path)] == ["a.wav"]


def test_a_recording_is_written_with_what_is_said_in_it(tmp_path: Path) -> None:
    found = spoken(tmp_path, 0.05)
    told = json.loads(found.path.with_suffix(".json").read_text())
    assert told["text"] == found.text
    assert len(told["words"]) == len(found.words)


def _out(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out
