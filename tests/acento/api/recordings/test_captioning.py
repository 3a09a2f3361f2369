"""Captions of what is transcribed already: which files are written, and what cannot be done."""

from pathlib import Path

import pytest
from documents import document, spoken

from acento.api.recordings.captioning import caption
from acento.core.errors import InputError
from acento.data.document_json import document_to_json


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    one = document(spoken("Hola, ¿qué tal? Yo muy bien.", speaker="Ana"), spoken("Ya.", start=6.0, speaker="Ben"))
    (tmp_path / "talk.json").write_text(document_to_json(one), encoding="utf-8")
    (tmp_path / "talk.mp4").write_bytes(b"no video")
    (tmp_path / "other.json").write_text("{}")
    return tmp_path


def test_a_transcript_is_written_beside_itself_in_another_style(folder: Path) -> None:
    found = caption(folder / "talk.json", formats="srt,txt", line_length=16, speaker_labels="none")
    assert found == [folder / "talk.srt", folder / "talk.txt"]
    lines = found[0].read_text(encoding="utf-8").splitlines()
    assert lines[2] == "Hola, ¿qué tal?"
    assert lines[3] == "Yo muy bien."


def test_several_go_into_a_folder_under_distinct_names(folder: Path) -> None:
    (folder / "b").mkdir()
    (folder / "b" / "talk.json").write_bytes((folder / "talk.json").read_bytes())
    found = caption([folder / "talk.json", folder / "b" / "talk.json"], formats=["vtt"], out=folder / "out")
    assert len({one.name for one in found}) == 2
    assert all(one.parent == folder / "out" and one.is_file() for one in found)


def test_a_corrected_file_is_kept_unless_it_is_to_be_overwritten(folder: Path) -> None:
    (path,) = caption(folder / "talk.json")
    path.write_text("corrected")
    with pytest.raises(InputError, match="is there with another content"):
        caption(folder / "talk.json")
    caption(folder / "talk.json", overwrite=True)
    assert path.read_text() != "corrected"


@pytest.mark.parametrize(
    ("names", "options", "says"),
    [
        (["other.json"], {}, "is no document of acento transcribe"),
        (["none.json"], {}, "cannot be read"),
        (["talk.mp4"], {}, "name one video and one file of its captions"),
        (["talk.mp4", "talk.json", "other.json"], {}, "name one video and one file of its captions"),
        (["talk.mp4", "talk.json"], {}, "cannot be read as a video"),
        (["talk.mp4", "talk.json"], {"speaker_labels": "color"}, "A track has no colors"),
        (["talk.json"], {"burn": True}, "in a video: name it, too"),
        (["talk.json"], {"formats": ["doc"]}, "There is no format 'doc'"),
        (["talk.json"], {"lines": 9}, "lines must be at most 4"),
        (["talk.json"], {"min_seconds": 8.0}, "cannot be shown at least longer than at most"),
        (["talk.json"], {"speed": 1}, "There is no parameter 'speed'"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    folder: Path, names: list[str], options: dict[str, object], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        caption([folder / name for name in names], **options)
    assert not list(folder.glob("*.srt"))


def test_captions_alone_are_no_transcript(folder: Path) -> None:
    (path,) = caption(folder / "talk.json")
    with pytest.raises(InputError, match=r"talk\.srt is no transcript: other formats are written of the \.json"):
        caption(path, formats=["vtt"])
