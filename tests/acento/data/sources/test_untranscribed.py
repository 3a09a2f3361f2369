"""Recordings without a transcript: refused as ever, or staged with none where somebody asks for it."""

from pathlib import Path

import pytest
from recordings import put

from acento.core.errors import DataError
from acento.core.store import LocalStore
from acento.data.dataset import read_clips
from acento.data.sources import SourceOptions
from acento.data.staging import StageResult, stage

UNTRANSCRIBED = SourceOptions(untranscribed=True)


def staged(store: LocalStore, source: Path, options: SourceOptions = UNTRANSCRIBED) -> StageResult:
    return stage(store, str(source), "calls", language="es", workers=0, source_options=options)


def texts(store: LocalStore, result: StageResult) -> dict[str, str | None]:
    return {row.utterance.id: row.utterance.text for row in read_clips(store, result.card)}


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    folder = tmp_path / "calls"
    for number in range(30):
        put(folder, f"c{number:02d}", number, text=None)
    (folder / "c03.txt").write_text("hola")
    (folder / "c04.txt").write_text(" \n")
    return folder


def test_a_folder_of_recordings_alone_is_staged_and_what_has_a_text_keeps_it(store: LocalStore, calls: Path) -> None:
    result = staged(store, calls)
    assert result.staged_now == 30
    assert result.rejected == {}
    assert texts(store, result) == {f"c{n:02d}": "hola" if n == 3 else None for n in range(30)}


def test_without_the_option_they_are_rejected_by_name(store: LocalStore, calls: Path) -> None:
    result = staged(store, calls, SourceOptions())
    assert (result.staged_now, result.rejected) == (1, {"no_transcript": 29})


def test_clips_of_nobody_known_and_no_text_are_no_one_group(store: LocalStore, calls: Path) -> None:
    assert all(staged(store, calls).card.splits.values()), "a common group would be in one split"


def test_staged_again_nothing_is_new_and_a_text_that_came_is_a_correction(store: LocalStore, calls: Path) -> None:
    first = staged(store, calls)
    again = staged(store, calls)
    assert (again.new_version, again.already_there) == (False, 30)
    (calls / "c07.txt").write_text("qué tal")
    third = staged(store, calls)
    assert (third.card.version, third.staged_now, third.already_there) == (2, 1, 29)
    assert texts(store, third) == texts(store, first) | {"c07": "qué tal"}
    assert third.card.splits == first.card.splits


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("list.csv", ["path,speaker", "c00.wav,ana", "c01.wav,leo"]),
        ("list.tsv", ["path\ttext", "c00.wav\t", "c01.wav\tNaN"]),
        ("list.jsonl", ['{"audio_filepath": "c00.wav"}', '{"audio_filepath": "c01.wav", "text": ""}']),
    ],
)
def test_a_list_needs_no_texts_then(store: LocalStore, calls: Path, name: str, lines: list[str]) -> None:
    (calls / name).write_text("\n".join(lines))
    assert texts(store, staged(store, calls / name)) == {"c00": None, "c01": None}


def test_a_split_list_of_an_audio_folder_needs_none_either(store: LocalStore, calls: Path) -> None:
    (calls / "train_files.csv").write_text("uid,file_name\nuno,c00.wav\n")
    (calls / "dev_files.csv").write_text("uid,file_name,text\ndos,c03.wav,\n")
    found = texts(store, staged(store, calls))
    assert (found["uno"], found["dos"]) == (None, "hola")


def test_a_column_of_texts_that_was_named_must_be_there(store: LocalStore, calls: Path) -> None:
    (calls / "list.csv").write_text("path,words\nc00.wav,hola\n")
    with pytest.raises(DataError, match="has no column 'text'"):
        staged(store, calls / "list.csv", SourceOptions(untranscribed=True, text_column="text"))
