"""What may be transcribed: each recording is found once, with a path of its own for its outputs."""

import os
from pathlib import Path

import pytest
from recordings import put

from acento.core.errors import InputError
from acento.data.recordings.inputs import find_inputs

SOUND = b"fLaC\0\0\0\x22"


def touch(path: Path, data: bytes = SOUND) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def places(*paths: str | Path) -> list[str]:
    return [one.place for one in find_inputs([str(path) for path in paths])]


def test_a_folder_is_searched_for_what_is_audio_or_video_by_suffix_or_content(tmp_path: Path) -> None:
    for name in ("b.mp3", "a.WAV", "films/c.mkv", "films/deep/d.opus", "no suffix", "odd.dat", "old.aax"):
        touch(tmp_path / name)
    for name in ("notes.txt", "app.ts", "README", "picture.png", "a.srt"):
        touch(tmp_path / name, b"import { x } from 'y'; // and so on, until there is enough")
    for name in (".hidden.wav", ".trash/e.wav", "__MACOSX/f.wav"):
        touch(tmp_path / name)
    found = ["a.WAV", "b.mp3", "no suffix", "odd.dat", "old.aax", "films/c.mkv", "films/deep/d.opus"]
    assert places(tmp_path) == found


def test_a_file_that_is_named_is_taken_whatever_it_is(tmp_path: Path) -> None:
    assert places(touch(tmp_path / "notes.txt", b"hello")) == ["notes.txt"]


def test_a_recording_is_known_by_its_whole_path_and_its_stamp_changes_with_its_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, "a", 1)
    monkeypatch.chdir(tmp_path)
    (before,) = find_inputs(["a.wav"])
    assert before.name == before.location == str(path)
    assert find_inputs([str(path)]) == [before]
    path.write_bytes(path.read_bytes() + b"!")
    assert find_inputs(["a.wav"])[0].stamp != before.stamp


def test_what_is_named_twice_is_found_once(tmp_path: Path) -> None:
    path = touch(tmp_path / "a.wav")
    (tmp_path / "link.wav").symlink_to(path)
    assert places(path, tmp_path, tmp_path / "*.wav", tmp_path / "." / "a.wav") == ["a.wav"]


def test_two_of_one_name_keep_folders_that_tell_them_apart(tmp_path: Path) -> None:
    for name in ("x/mon/talk.wav", "y/mon/talk.wav", "y/mon/TALK.wav", "y/other.wav"):
        touch(tmp_path / name)
    files = [tmp_path / name for name in ("x/mon/talk.wav", "y/mon/talk.wav", "y/other.wav")]
    assert places(*files) == ["x/mon/talk.wav", "y/mon/talk.wav", "other.wav"]
    assert places(tmp_path / "x", tmp_path / "y") == [
        "x/mon/talk.wav",
        "other.wav",
        *sorted(one.relative_to(tmp_path).as_posix() for one in (tmp_path / "y" / "mon").iterdir()),
    ]


def test_patterns_keep_the_path_behind_their_fixed_part(tmp_path: Path) -> None:
    for name in ("2025/jan/a.wav", "2025/feb/b.mp3", "2026/jan/c.wav", "2026/jan/c.txt", "[odd] d.wav", ".e/f.wav"):
        touch(tmp_path / name, b"text" if name.endswith("txt") else SOUND)
    assert places(tmp_path / "*" / "jan" / "*") == ["2025/jan/a.wav", "2026/jan/c.wav"]
    assert places(tmp_path / "**" / "*.wav") == ["2025/jan/a.wav", "2026/jan/c.wav", "[odd] d.wav"]
    assert places(tmp_path / "202?") == ["2025/feb/b.mp3", "2025/jan/a.wav", "2026/jan/c.wav"]
    assert places(tmp_path / "[odd] d.wav") == ["[odd] d.wav"]


def test_a_folder_that_contains_itself_is_entered_once(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "b.wav")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    assert places(tmp_path) == ["a/b.wav"]


def test_a_folder_that_cannot_be_read_is_found_so_that_somebody_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "a.wav")
    touch(tmp_path / "closed" / "b.wav")
    scan = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert [(one.place, bool(one.stamp)) for one in find_inputs([str(tmp_path)])] == [
        ("a.wav", True),
        ("closed", False),
    ]


def test_stdin_and_addresses_are_inputs_whose_bytes_nobody_has_seen() -> None:
    found = find_inputs(["-", "https://ana:secret@example.org/talks/a%20b.mp3?id=7&X-Amz-Signature=0123#t=3"])
    assert [(one.place, one.name, one.stamp) for one in found] == [
        ("stdin", "-", ""),
        ("a b.mp3", "https://example.org/talks/a%20b.mp3?id=7", ""),
    ]
    assert found[1].location.startswith("https://ana:secret@")
    assert places("https://example.org/x/a.mp3", "https://example.org/y/a.mp3") == ["x/a.mp3", "y/a.mp3"]
    assert places("https://example.org", "http://example.org/../..%2F..%2Fetc/passwd") == ["example.org", "passwd"]


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("none.wav", "'none.wav' cannot be transcribed \\(No such file or directory\\): check the path"),
        ("*.wav", "No audio or video matches '\\*.wav'"),
        ("empty", "no audio or video in the folder 'empty'"),
        ("ftp://example.org/a.wav", "is no address of a known kind"),
        ("https://", "names no server"),
        ("s3://", "names no bucket"),
        ("a\0b.wav", "cannot be transcribed"),
        ("loop", "cannot be transcribed"),
        ("", "Nothing was named"),
    ],
)
def test_what_names_nothing_is_refused(
    path: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match=sentence):
        find_inputs([path])


def test_five_thousand_files_are_listed_without_reading_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5_000):
        folder = tmp_path / f"{number % 50:02d}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number // 50:03d}.mp3").touch()
    monkeypatch.setattr(Path, "open", None)
    found = find_inputs([str(tmp_path)])
    assert len({one.place for one in found}) == 5_000
