"""What is said of a data set, and what changed between two of its versions."""

import csv
import shutil
from pathlib import Path

import pytest
from recordings import put

from acento.core.errors import InputError
from acento.core.store import LocalStore
from acento.data.dataset import load_card
from acento.data.facts import FIELDS, compare_versions, describe
from acento.data.staging import stage

HEADER = "uid,file_name,text,speaker,accent,language\n"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make four clips of known length by two speakers, one clip of nobody's, and two inputs that are no good."""
    folder = tmp_path / "recordings"
    for number, seconds in enumerate((0.5, 1.0, 0.25, 0.25, 2.0)):
        put(folder, f"c{number}", number, seconds=seconds)
    (folder / "train_files.csv").write_text(
        HEADER + "c0,c0.wav,uno,anna,chilean,es\nc1,c1.wav,dos,berta,chilean,es\nc2,c2.wav,tres,anna,,es\n"
    )
    (folder / "test_files.csv").write_text(HEADER + "c3,c3.wav,cuatro,carla,andean,qu\n")
    for name in ("broken", "torn"):
        (folder / f"{name}.wav").write_bytes(b"x")
        (folder / f"{name}.txt").write_text("Hola.")
    put(folder, "mute", 40, text=None)
    return folder


def staged(store: LocalStore, folder: Path) -> None:
    stage(store, str(folder), "demo", workers=0)


def test_hours_speakers_accents_languages_and_splits_add_up(store: LocalStore, folder: Path) -> None:
    staged(store, folder)
    facts = describe(store, load_card(store, "demo"))
    assert (facts.total.clips, facts.total.seconds) == (5, pytest.approx(4.0))
    assert facts.total.speakers == {"anna", "berta", "carla"}
    assert {name: (one.clips, one.seconds) for name, one in facts.accents.items()} == {
        None: (2, 2.25),
        "chilean": (2, 1.5),
        "andean": (1, 0.25),
    }
    assert list(facts.accents) == [None, "chilean", "andean"], "the most audio first"
    assert {name: one.clips for name, one in facts.languages.items()} == {None: 1, "es": 3, "qu": 1}
    assert facts.splits["test"].speakers == {"carla"} or facts.splits["test"].clips == 2
    assert sum(one.clips for one in facts.splits.values()) == 5
    assert {split: one.clips for split, one in facts.splits.items()} == facts.card.splits


def test_what_was_left_out_stands_by_reason_with_examples(store: LocalStore, folder: Path) -> None:
    staged(store, folder)
    first, second = describe(store, load_card(store, "demo"), examples=1).left_out
    assert (first.reason, first.count, [source for source, _ in first.examples]) == ("unreadable", 2, ["broken.wav"])
    assert (second.reason, second.count) == ("no_transcript", 1)
    assert second.examples[0][1].endswith(".")


def test_each_version_says_what_it_added(store: LocalStore, folder: Path) -> None:
    staged(store, folder)
    put(folder, "new", 50)
    (folder / "c4.txt").write_text("corrected")
    staged(store, folder)
    first, second = describe(store, load_card(store, "demo")).versions
    assert [(one.number, one.clips, one.added, one.rejected) for one in (first, second)] == [(1, 5, 5, 3), (2, 6, 1, 3)]
    assert second.fingerprint == load_card(store, "demo").fingerprint
    assert second.source == str(folder)
    store.remove("datasets/demo/000001")
    (only,) = describe(store, load_card(store, "demo")).versions
    assert only.added is None, "nobody can tell any more"


def test_a_difference_names_what_came_and_what_was_corrected_in_what(store: LocalStore, folder: Path) -> None:
    staged(store, folder)
    put(folder, "new", 50)
    put(folder, "c0", 60, text=None)
    (folder / "train_files.csv").write_text(
        HEADER + "c0,c0.wav,uno,anna,chilean,es\nc1,c1.wav,zwei,berta,andean,es\nc2,c2.wav,tres,anna,,es\n"
    )
    staged(store, folder)
    found = compare_versions(store, load_card(store, "demo@1"), load_card(store, "demo@2"))
    assert [clip.id for clip in found.came] == ["new"]
    assert {one.after.id: one.what for one in found.corrected} == {"c0": ("audio",), "c1": ("text", "accent")}
    assert found.went == ()
    assert list(found.rows())[2] == ("corrected", "c1", "text", "dos", "zwei")
    back = compare_versions(store, found.after, found.before)
    assert (back.came, [clip.id for clip in back.went]) == ((), ["new"])


def test_a_recording_encoded_anew_is_another_file_and_the_same_audio(store: LocalStore, folder: Path) -> None:
    import soundfile

    staged(store, folder)
    samples, rate = soundfile.read(folder / "c4.wav", dtype="int16")
    soundfile.write(folder / "c4.flac", samples, rate)
    shutil.move(folder / "c4.flac", folder / "c4.wav")
    staged(store, folder)
    (only,) = compare_versions(store, load_card(store, "demo@1"), load_card(store, "demo@2")).corrected
    assert only.what == ("file",)


def test_parts_that_both_versions_have_are_not_opened(store: LocalStore, folder: Path) -> None:
    staged(store, folder)
    put(folder, "new", 50)
    staged(store, folder)
    before, after = load_card(store, "demo@1"), load_card(store, "demo@2")
    for part in before.parts:
        store.remove(part.key)
    assert [clip.id for clip in compare_versions(store, before, after).came] == ["new"]


def test_every_change_can_be_written_as_csv(store: LocalStore, folder: Path, tmp_path: Path) -> None:
    staged(store, folder)
    put(folder, "new", 50, text='He said "dos, tres"\nand left')
    (folder / "c4.txt").write_text("ñandú")
    staged(store, folder)
    found = compare_versions(store, load_card(store, "demo@1"), load_card(store, "demo@2"))
    found.write_csv(tmp_path / "changes.csv")
    with (tmp_path / "changes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["change", "id", "what", "before", "after"]
    assert rows[1:] == [list(row) for row in found.rows()]
    assert rows[1][4] == 'He said "dos, tres" and left'
    with pytest.raises(InputError, match="cannot be written"):
        found.write_csv(tmp_path / "nowhere" / "changes.csv")


def test_a_version_beside_itself_has_no_difference(store: LocalStore, folder: Path) -> None:
    staged(store, folder)
    card = load_card(store, "demo")
    assert list(compare_versions(store, card, card).rows()) == []
    assert "text" in FIELDS
