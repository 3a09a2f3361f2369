"""The store's protocol, for the local folder: whole or absent, first wins, damage is seen."""

import errno
import multiprocessing
import os
import socket
import subprocess
import sys

import pytest
from faults import killed_at_every_write, tree

from acento.errors import DamagedError, InputError, StoreError
from acento.store import MARKER, LocalStore, open_store


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store")


def put(store, key="jobs/a", text="hello", **info):
    with store.publish(key) as draft:
        (draft.folder / "text.txt").write_text(text)
        draft.info.update(info)
    return draft.published


def scratch(store):
    return list((store.root / "tmp").iterdir())


def test_what_is_published_can_be_found_and_read(store):
    assert put(store, clips=3)
    artifact = store.find("jobs/a", verify=True)
    assert artifact.info == {"clips": 3}
    assert set(artifact.files) == {"text.txt"}
    assert store.read_bytes("jobs/a", "text.txt") == b"hello"
    assert scratch(store) == []


def test_nothing_appears_before_the_block_ends_and_nothing_at_all_if_it_raises(store):
    with pytest.raises(RuntimeError), store.publish("jobs/a") as draft:  # noqa: PT012
        (draft.folder / "text.txt").write_text("half")
        assert store.find("jobs/a") is None
        raise RuntimeError
    assert store.find("jobs/a") is None
    assert list(store.list("jobs")) == []
    assert scratch(store) == []


def test_the_first_to_publish_wins(store):
    with store.publish("jobs/a") as draft:
        assert put(store, text="first")
        (draft.folder / "text.txt").write_text("second")
    assert not draft.published
    assert store.read_bytes("jobs/a", "text.txt") == b"first"


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone", "marker cut", "marker gone", "a file in its place"])
def test_a_damaged_artifact_is_not_whole_and_the_next_to_publish_replaces_it(store, damage):
    put(store)
    folder = store.root / "jobs/a"
    if damage == "cut":
        (folder / "text.txt").write_text("hell")
    elif damage == "flipped":
        (folder / "text.txt").write_text("hullo")
    elif damage == "gone":
        (folder / "text.txt").unlink()
    elif damage == "marker cut":
        (folder / MARKER).write_text('{"files": {')
    elif damage == "marker gone":
        (folder / MARKER).unlink()
    else:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        folder.write_text("x")
    assert store.find("jobs/a", verify=True) is None
    assert put(store)
    assert store.find("jobs/a", verify=True) is not None
    assert scratch(LocalStore(store.root)) == []


def test_reading_checks_the_bytes(store):
    put(store)
    (store.root / "jobs/a/text.txt").write_text("hullo")
    with pytest.raises(DamagedError, match="damaged"):
        store.local_path("jobs/a", "text.txt")


def test_reading_what_is_not_there_is_one_sentence(store):
    with pytest.raises(StoreError, match="not in the store"):
        store.read_bytes("jobs/a", "text.txt")
    put(store)
    with pytest.raises(StoreError, match="not in the store"):
        store.read_bytes("jobs/a", "other.txt")


def test_the_folder_of_an_artifact_is_found_whatever_its_files_are_called(store):
    put(store)
    assert store.local_folder("jobs/a") == store.local_path("jobs/a", "text.txt").parent
    with pytest.raises(StoreError, match="jobs/b is not in the store"):
        store.local_folder("jobs/b")


def test_listing_gives_whole_artifacts_sorted(store):
    for key in ("runs/b/1", "runs/a", "other/c"):
        put(store, key)
    (store.root / "runs/half").mkdir()
    assert list(store.list("runs")) == ["runs/a", "runs/b/1"]
    assert list(store.list("nothing")) == []


def test_a_small_file_is_created_by_one_writer_only(store):
    assert store.create_exclusive("aliases/x/1", b"one")
    assert not store.create_exclusive("aliases/x/1", b"two")
    assert store.read_file("aliases/x/1") == b"one"
    assert list(store.list_files("aliases/x")) == ["aliases/x/1"]
    assert store.read_file("aliases/x/2") is None
    assert scratch(store) == []


def _race(root, number, results):
    results.put(LocalStore(root).create_exclusive("locks/one", str(number).encode()))


def test_of_many_processes_one_creates_the_file(store):
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    racers = [context.Process(target=_race, args=(store.root, number, results)) for number in range(8)]
    for racer in racers:
        racer.start()
    wins = [results.get(timeout=60) for _ in racers]
    for racer in racers:
        racer.join()
    assert wins.count(True) == 1


def test_what_is_removed_is_gone_and_can_be_published_again(store):
    put(store)
    store.local_path("jobs/a", "text.txt")
    store.create_exclusive("locks/one", b"x")
    store.remove("jobs/a")
    store.remove("locks/one")
    assert store.find("jobs/a") is None
    with pytest.raises(StoreError):
        store.local_path("jobs/a", "text.txt")
    assert put(store)
    assert store.create_exclusive("locks/one", b"y")


@pytest.mark.parametrize("key", ["", "/etc", "a//b", "../a", "a/..", "a/.hidden", "a b", "a\nb", "a\0b", "a\\b"])
def test_a_key_cannot_leave_the_store_or_hide(store, key):
    for use in (store.find, store.read_file, lambda key: put(store, key), store.remove):
        with pytest.raises(InputError):
            use(key)


def test_equal_artifacts_have_equal_bytes(tmp_path):
    trees = []
    for name in ("one", "two"):
        store = LocalStore(tmp_path / name)
        put(store, b=1, a=2)
        trees.append(tree(store.root))
    assert trees[0] == trees[1]


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_store_that_cannot_be_made_is_one_sentence(tmp_path, below):
    file = tmp_path / "file"
    file.write_text("not a folder")
    with pytest.raises(StoreError, match=r"cannot be written.*ACENTO_STORE"):
        open_store(str(file / below)).check_writable()


def test_looking_into_a_store_makes_none(tmp_path):
    store = open_store(str(tmp_path / "store"))
    assert list(store.list("runs")) == []
    assert store.find("runs/x") is None
    assert not store.root.exists()


def test_a_store_that_became_unwritable_is_one_sentence(store):
    store.check_writable()
    (store.root / "jobs").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be written"):
        put(store)


def test_a_full_disk_is_a_store_error_even_when_a_library_meets_it(store):
    with pytest.raises(StoreError, match="No space left"), store.publish("jobs/a"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_an_unknown_scheme_is_one_sentence():
    with pytest.raises(InputError, match="ftp://"):
        open_store("ftp://somewhere/else")


def test_the_first_write_sweeps_the_scratch_of_dead_processes_and_no_others(store):
    store.check_writable()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = socket.gethostname()
    names = {
        f"{host}~{dead.pid}~abc": False,
        f"{host}~{os.getpid()}~abc": True,
        f"another-host~{dead.pid}~abc": True,
    }
    for name in names:
        (store.root / "tmp" / name).mkdir()
        (store.root / "tmp" / name / "half").write_text("x")
    LocalStore(store.root).check_writable()
    assert {path.name for path in scratch(store)} == {name for name, stays in names.items() if stays}


@pytest.mark.slow
def test_killed_at_any_write_and_run_again_the_store_is_as_if_never_killed(tmp_path):
    def action(root):
        store = LocalStore(root)
        put(store, "jobs/a", "one" * 100)
        store.create_exclusive("aliases/one", b"jobs/a")
        put(store, "jobs/b/deep", "two" * 100)

    roots = iter(range(10**6))
    action(tmp_path / "whole")
    for point, root in killed_at_every_write(action, lambda: tmp_path / str(next(roots))):
        assert tree(root) == tree(tmp_path / "whole"), point
