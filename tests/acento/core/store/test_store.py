"""The store in a local folder: what is its own beside the protocol (see test_contract.py)."""

import errno
import os
import socket
import subprocess
import sys
import time

import pytest
from faults import killed_at_every_write, tree
from stores import put

from acento.core.errors import StoreError
from acento.core.store import LocalStore, open_store


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store")


def scratch(store):
    return list((store.root / "tmp").iterdir())


def test_a_file_in_the_place_of_an_artifact_is_not_whole_and_the_next_to_publish_replaces_it(store):
    store.check_writable()
    (store.root / "jobs").mkdir()
    (store.root / "jobs/a").write_text("x")
    assert store.find("jobs/a", verify=True) is None
    assert put(store)
    assert store.find("jobs/a", verify=True) is not None
    assert scratch(LocalStore(store.root)) == []


def test_no_scratch_stays(store):
    with pytest.raises(RuntimeError), store.publish("jobs/a"):
        raise RuntimeError
    put(store)
    put(store)
    store.create_exclusive("locks/one", b"x")
    store.create_exclusive("locks/one", b"y")
    assert scratch(store) == []


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


def test_scratch_of_machines_that_nobody_can_ask_can_be_cleared_away_when_it_is_old(store):
    store.check_writable()
    (store.root / "tmp/another-host~1~abc").mkdir()
    (store.root / "tmp/another-host~1~abc/half").write_text("x")
    assert store.unfinished(time.time() - 60) == []
    assert store.unfinished(time.time() + 60) == ["another-host~1~abc"]
    store.abandon(["another-host~1~abc"])
    assert scratch(store) == []


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
