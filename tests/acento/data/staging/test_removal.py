"""Removing data sets: nothing that others need, nothing while runs refer to it, and no harm by a kill."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from faults import killed_at_every_write, tree
from recordings import put

from acento.core.errors import DataError, InputError
from acento.core.store import LocalStore
from acento.data.dataset import dataset_names, load_card, read_clips, versions
from acento.data.staging import stage
from acento.data.staging.removal import chosen_versions, finish_removals, remove_versions
from acento.registry.runs.records import begin
from acento.requests import BenchmarkRequest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("acento.data.staging.chunk.CHUNK_CLIPS", 2)
    for number in range(4):
        put(tmp_path / "recordings", f"c{number}", number)
    return tmp_path / "recordings"


@pytest.fixture
def store(tmp_path: Path, folder: Path) -> LocalStore:
    """Make a store with two versions of one data set, the second with one clip more and one corrected."""
    store = LocalStore(tmp_path / "store")
    stage(store, str(folder), "demo", workers=0)
    put(folder, "new", 10)
    (folder / "c0.txt").write_text("corrected")
    stage(store, str(folder), "demo", workers=0)
    return store


def parts(store: LocalStore) -> set[str]:
    return set(store.list("parts"))


def remove(store: LocalStore, name: str, **options: bool) -> None:
    remove_versions(store, chosen_versions(store, name), **options)


def test_a_data_set_goes_with_all_its_versions_and_parts(store: LocalStore) -> None:
    before = parts(store)
    removed = remove_versions(store, chosen_versions(store, "demo"))
    assert removed.versions == ("demo v1", "demo v2")
    assert (removed.parts, removed.kept) == (len(before), 0)
    assert removed.size > 0
    assert not [path for path in store.root.rglob("*") if path.is_file()]
    with pytest.raises(DataError, match="no data set 'demo'"):
        chosen_versions(store, "demo")


@pytest.mark.parametrize(("gone", "left"), [(1, 2), (2, 1)])
def test_one_version_goes_and_the_other_keeps_every_part_it_needs(store: LocalStore, gone: int, left: int) -> None:
    card = load_card(store, f"demo@{left}")
    remove(store, f"demo@{gone}")
    assert versions(store, "demo") == [left]
    assert parts(store) == {part.key for part in card.parts}
    assert len(list(read_clips(LocalStore(store.root), card))) == card.clips


def test_parts_of_another_data_set_stay(store: LocalStore, folder: Path) -> None:
    stage(store, str(folder), "twin", workers=0)
    twin = load_card(store, "twin")
    shared = {part.key for part in twin.parts} & {part.key for part in load_card(store, "demo@2").parts}
    assert remove_versions(store, chosen_versions(store, "demo")).kept == len(shared)
    assert parts(store) == {part.key for part in twin.parts}
    assert dataset_names(store) == ["twin"]


def test_a_run_that_refers_to_it_keeps_it_unless_forced(store: LocalStore) -> None:
    card = load_card(store, "demo@1")
    request = BenchmarkRequest(models=["x"], datasets=["demo@1"])
    begin(store, request, {card.title: card.fingerprint}, "tuesday", datetime.now(UTC))
    before = tree(store.root)
    with pytest.raises(InputError, match=r"1 run refers to demo v1, demo v2 \(tuesday\).*--force"):
        remove(store, "demo")
    assert tree(store.root) == before
    remove(store, "demo@2")
    with pytest.raises(InputError, match="1 run refers to demo v1 "):
        remove(store, "demo@1")
    remove(store, "demo@1", force=True)
    assert dataset_names(store) == []


def test_a_run_on_a_data_set_of_the_same_name_with_another_content_keeps_nothing(store: LocalStore) -> None:
    request = BenchmarkRequest(models=["x"], datasets=["demo"])
    begin(store, request, {"demo v1": "another fingerprint"}, "long-ago", datetime.now(UTC))
    remove(store, "demo")


def test_what_was_removed_can_be_staged_again(store: LocalStore, folder: Path) -> None:
    fingerprint = load_card(store, "demo@2").fingerprint
    remove(store, "demo")
    again = stage(store, str(folder), "demo", workers=0).card
    assert (again.version, again.fingerprint) == (1, fingerprint)


class KilledError(BaseException):
    """Stands for a kill: nothing catches it."""


def test_killed_at_any_deletion_no_card_is_without_its_parts_and_the_next_removal_finishes_it(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.rmtree
    unlink = Path.unlink
    deletions = 0

    def step() -> None:
        nonlocal deletions
        deletions += 1
        if deletions > limit:
            raise KilledError

    def rmtree(path: Path, **options: bool) -> None:
        step()
        real(path, **options)

    def unlinked(path: Path, **options: bool) -> None:
        step()
        unlink(path, **options)

    monkeypatch.setattr("acento.core.store.local.write_synced", lambda path, data: path.write_bytes(data))
    limit, done = 0, False
    while not done:
        root = shutil.copytree(store.root, tmp_path / f"trial{limit}")
        deletions = 0
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "rmtree", rmtree)
            patch.setattr(Path, "unlink", unlinked)
            try:
                remove(LocalStore(root), "demo")
                done = True
            except KilledError:
                pass
        survived = LocalStore(root)
        for number in versions(survived, "demo"):
            card = load_card(survived, f"demo@{number}")
            assert len(list(read_clips(survived, card))) == card.clips
        finish_removals(survived)
        if versions(survived, "demo"):
            remove(survived, "demo")
        assert not [path for path in root.rglob("*") if path.is_file() and "tmp" not in path.parts], limit
        limit += 1
    assert limit > 8


@pytest.mark.slow
def test_killed_at_any_write_of_its_note(store: LocalStore, tmp_path: Path) -> None:
    roots = iter(range(10**6))

    def action(root: Path) -> None:
        trial = LocalStore(root)
        finish_removals(trial)
        if versions(trial, "demo"):
            remove(trial, "demo")

    for point, root in killed_at_every_write(action, lambda: shutil.copytree(store.root, tmp_path / str(next(roots)))):
        assert not [path for path in root.rglob("*") if path.is_file() and "tmp" not in path.parts], point


def test_a_data_set_staged_again_after_a_killed_removal_is_not_taken_away(
    store: LocalStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = LocalStore.remove

    def remove_cards_only(self: LocalStore, key: str) -> None:
        if key.startswith("parts"):
            raise KilledError
        real(self, key)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "remove", remove_cards_only)
        with pytest.raises(KilledError):
            remove(store, "demo")
    card = stage(store, str(folder), "demo", workers=0).card
    finish_removals(store)
    assert load_card(store, "demo") == card
    assert parts(store) == {part.key for part in card.parts}
    assert len(list(read_clips(LocalStore(store.root), card))) == card.clips
