"""The verb ``captions``: the files that it writes, a line each, and one sentence where something is wrong."""

from pathlib import Path

import pytest
from documents import document, spoken
from typer.testing import CliRunner
from videos import write_video

from acento.data.document_json import document_to_json
from flows.cli import app


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    one = document(spoken("Hola, ¿qué tal?", speaker="Ana"), spoken("Bien.", start=4.0, speaker="Ben"))
    (tmp_path / "talk.json").write_text(document_to_json(one), encoding="utf-8")
    return tmp_path


def captions(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["captions", *arguments])
    return done.exit_code, done.output


def test_each_file_is_a_line(folder: Path) -> None:
    assert captions("talk.json", "-f", "srt,vtt", "--speaker-labels", "prefix") == (0, "talk.srt\ntalk.vtt\n")
    assert "Ana: Hola" in (folder / "talk.srt").read_text(encoding="utf-8")


def test_a_video_gets_its_captions(folder: Path) -> None:
    write_video(folder / "talk.mp4", 1.0)
    assert captions("talk.json", "talk.mp4") == (0, "talk.captioned.mp4\n")
    assert captions("talk.mp4", "talk.json", "--burn", "-o", "burned.mkv") == (0, "burned.mkv\n")


def test_what_is_wrong_is_a_sentence(folder: Path) -> None:
    (folder / "talk.srt").write_text("corrected")
    code, printed = captions("talk.json")
    assert code == 1
    assert (
        "talk.srt is there with another content: overwrite it, remove it, or choose another place."
        in printed.replace("\n", " ")
    )
    assert captions("talk.json", "--lines", "0")[0] == 1
