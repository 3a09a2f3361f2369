"""What a review refused stays refused when the source is staged again, until the source says something else."""

from pathlib import Path

import pytest
from recordings import put

from acento.core.store import LocalStore
from acento.data.dataset import Card, load_card, read_clips, read_rejected
from acento.data.staging import StageResult, stage
from acento.data.staging.corrections import Review, apply_review


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path, store: LocalStore) -> Path:
    """Stage five recordings, drop one and correct another."""
    for number in range(5):
        put(tmp_path / "recordings", f"c{number}", number)
    again(store, tmp_path / "recordings")
    apply_review(store, "set", Review(drop={"c1": "A reviewer dropped it."}, texts={"c2": "the new text"}))
    return tmp_path / "recordings"


def again(store: LocalStore, folder: Path) -> StageResult:
    return stage(store, str(folder), "set", workers=0)


def texts(store: LocalStore, card: Card) -> dict[str, str | None]:
    return {row.utterance.id: row.utterance.text for row in read_clips(store, card)}


def test_staging_the_same_source_again_brings_nothing_back(store: LocalStore, folder: Path) -> None:
    corrected = load_card(store, "set")
    result = again(store, folder)
    assert (result.new_version, result.card) == (False, corrected)
    assert (result.found, result.already_there, result.rejected) == (5, 4, {"dropped_by_review": 1})


def test_new_clips_come_in_and_what_was_refused_stays_out(store: LocalStore, folder: Path) -> None:
    put(folder, "c5", 5)
    card = again(store, folder).card
    assert card.version == 3
    assert set(texts(store, card)) == {"c0", "c2", "c3", "c4", "c5"}
    assert texts(store, card)["c2"] == "the new text"
    assert [(row["id"], row["reason"]) for row in read_rejected(store, card).to_pylist()] == [
        ("c1", "dropped_by_review")
    ]
    assert again(store, folder).new_version is False


def test_a_source_that_was_corrected_itself_is_listened_to(store: LocalStore, folder: Path) -> None:
    put(folder, "c1", 1, "what is really said")
    put(folder, "c2", 2, "what is really said there")
    card = again(store, folder).card
    assert texts(store, card)["c1"] == "what is really said"
    assert texts(store, card)["c2"] == "what is really said there"
    assert read_rejected(store, card).num_rows == 0


def test_a_clip_that_the_source_no_longer_has_stays_rejected(store: LocalStore, folder: Path) -> None:
    for name in ("c1.wav", "c1.txt"):
        (folder / name).unlink()
    put(folder, "c5", 5)
    assert [row["id"] for row in read_rejected(store, again(store, folder).card).to_pylist()] == ["c1"]


def test_what_was_corrected_can_be_dropped_and_still_does_not_come_back(store: LocalStore, folder: Path) -> None:
    apply_review(store, "set", Review(drop={"c2": "A reviewer dropped it."}, texts={}))
    result = again(store, folder)
    assert (result.new_version, result.rejected) == (False, {"dropped_by_review": 2})
