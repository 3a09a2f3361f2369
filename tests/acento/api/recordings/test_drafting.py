"""Recordings without transcripts become a review list, and what a person decided becomes a data set."""

import csv
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from batches import talks, use_fakes
from fake_recognizer import fake_model

import acento
from acento.api.recordings.drafting import Drafted
from acento.core.errors import AcentoError, InputError
from acento.core.settings import settings
from acento.core.store import LocalStore
from acento.core.store.upkeep.garbage import collect, find_garbage
from acento.data.dataset import load_card, read_clips
from acento.data.staging import stage


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_fakes(monkeypatch)
    fake_model(tmp_path / "model")
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    monkeypatch.setattr("acento.api.recordings.drafting.stage", partial(stage, workers=0))
    monkeypatch.chdir(tmp_path)
    settings.cache_clear()


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return talks(tmp_path / "radio", 4, damaged=1)


def draft(*paths: Path, **options: Any) -> Drafted:
    return acento.draft(paths or None, name="radio", **options)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def mark(path: Path, *marks: dict[str, str]) -> None:
    rows = [row | cells for row, cells in zip(rows_of(path), marks, strict=True)]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)


def texts(store: LocalStore) -> dict[str, str | None]:
    return {row.utterance.id: row.utterance.text for row in read_clips(store, load_card(store, "radio"))}


KEEP, DROP, NONE = {"action": "keep"}, {"action": "drop"}, dict[str, str]()


def test_a_folder_becomes_a_list_and_nothing_is_staged(store, folder, tmp_path):
    drafted = draft(folder, model=tmp_path / "model", language="es")
    assert drafted.files == {"done": 4, "failed": 1}
    assert [*drafted.failed.values()] == ["The file cannot be decoded."]
    assert (drafted.utterances, drafted.to_review, drafted.staged, drafted.outcomes) == (4, 4, None, {})
    rows = rows_of(tmp_path / "radio-review.csv")
    assert [Path(row["recording"]).name for row in rows] == [f"talk00{n}.wav" for n in range(4)]
    assert {row["language"] for row in rows} == {"es"}
    with pytest.raises(AcentoError):
        load_card(store, "radio")


def test_what_a_person_decided_is_staged_and_every_row_is_accounted_for(store, folder, tmp_path):
    draft(folder, model=tmp_path / "model", language="es")
    mark(tmp_path / "radio-review.csv", KEEP, {"new_text": "la cazuela"}, DROP, NONE)
    done = draft(reviewed="radio-review.csv")
    assert done.outcomes == {"kept": 1, "corrected": 1, "dropped": 1, "accepted": 0, "not_reviewed": 1}
    assert done.staged is not None
    assert (done.staged.found, done.staged.staged_now) == (4, 2)
    assert done.staged.rejected == {"dropped_by_review": 1, "not_reviewed": 1}
    assert sorted(map(str, texts(store).values())) == ["la cazuela", "n3200"]
    again = draft(reviewed="radio-review.csv")
    assert again.staged is not None
    assert (again.staged.new_version, again.staged.already_there) == (False, 2)


def test_a_later_review_adds_mends_and_takes_out(store, folder, tmp_path):
    draft(folder, model=tmp_path / "model", language="es")
    path = tmp_path / "radio-review.csv"
    mark(path, KEEP, KEEP, KEEP, NONE)
    first = draft(reviewed=path)
    mark(path, DROP, {"new_text": "otra cosa"}, KEEP, KEEP)
    second = draft(reviewed=path)
    assert first.staged is not None
    assert second.staged is not None
    assert (first.staged.clips, second.staged.clips) == (3, 3)
    assert second.staged.new_version
    found = texts(store)
    assert "otra cosa" in found.values()
    assert not any(id.startswith("talk000") for id in found)


def test_nothing_is_staged_without_a_mark_unless_the_model_is_sure_enough(store, folder, tmp_path):
    draft(folder, model=tmp_path / "model", language="es")
    with pytest.raises(InputError, match=r"Nothing could be staged from .*4 × not_reviewed"):
        draft(reviewed="radio-review.csv")
    with pytest.raises(InputError, match="4 × not_reviewed"):
        draft(reviewed="radio-review.csv", accept_above=0.9)  # the fake model does not say how sure it is
    with pytest.raises(AcentoError):
        load_card(store, "radio")


def test_a_second_draft_lists_what_is_new_and_keeps_the_marks(folder, tmp_path):
    path = tmp_path / "radio-review.csv"
    draft(folder, model=tmp_path / "model", language="es")
    mark(path, KEEP, NONE, NONE, DROP)
    draft(reviewed=path)
    talks(folder, 1, first=9)
    drafted = draft(folder, model=tmp_path / "model", language="es")
    assert (drafted.utterances, drafted.to_review) == (5, 4)
    assert [row["action"] for row in rows_of(path)] == ["", "", "drop", ""]
    mark(path, KEEP, KEEP, DROP, KEEP)
    done = draft(reviewed=path)
    assert done.staged is not None
    assert done.staged.clips == 4


def test_the_source_of_a_clip_is_its_recording_with_the_times(store, folder, tmp_path):
    draft(folder, model=tmp_path / "model", language="es")
    mark(tmp_path / "radio-review.csv", KEEP, NONE, NONE, NONE)
    draft(reviewed="radio-review.csv")
    [clip] = read_clips(store, load_card(store, "radio"))
    assert clip.utterance.source == "talk000.wav#t=0,0.2"
    assert clip.utterance.duration_s == pytest.approx(0.2)


def test_what_is_drafted_outlives_the_files_and_a_clean_up(store, folder, tmp_path):
    draft(folder, model=tmp_path / "model", language="es")
    shutil.rmtree(folder)
    shutil.rmtree(tmp_path / "store" / "batches", ignore_errors=True)
    collect(store, find_garbage(store, grace_s=0.0), grace_s=0.0)
    mark(tmp_path / "radio-review.csv", KEEP, KEEP, NONE, NONE)
    done = draft(reviewed="radio-review.csv")
    assert done.staged is not None
    assert done.staged.clips == 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "Name recordings to transcribe, or with --reviewed the list"),
        ({"paths": ["radio"], "reviewed": "x.csv"}, "not both"),
        ({"reviewed": "x.csv", "out": "y.csv"}, "--out is for a new review list"),
        ({"reviewed": "none.csv"}, "none.csv"),
        ({"paths": ["nowhere"]}, "nowhere"),
        ({"paths": ["radio"], "accept_above": 90}, "accept_above"),
        ({"paths": ["radio"], "out": "radio"}, "radio is a folder: name a file"),
        ({"paths": ["radio"], "name": "a/b"}, "cannot name a data set"),
        ({"paths": ["radio"], "speakers": 2}, "add --diarize"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_done_is_told_before_anything_is(options, sentence):
    with pytest.raises(InputError, match=sentence):
        acento.draft(**{"name": "radio"} | options)


def test_a_list_of_another_data_set_is_refused(folder, tmp_path):
    draft(folder, model=tmp_path / "model", language="es")
    with pytest.raises(InputError, match="is the review list of data set radio: give --name radio"):
        acento.draft(name="other", reviewed="radio-review.csv")
    with pytest.raises(InputError, match="give --name radio, or name another file with --out"):
        acento.draft(folder, name="other", model=tmp_path / "model", out="radio-review.csv")


def test_a_folder_in_which_nothing_is_heard_makes_no_list(tmp_path):
    with pytest.raises(InputError, match=r"Nothing was heard in the 2 files.* failed\. The file cannot be decoded"):
        draft(talks(tmp_path / "bad", 0, damaged=2), model=tmp_path / "model")
    assert not (tmp_path / "radio-review.csv").exists()
