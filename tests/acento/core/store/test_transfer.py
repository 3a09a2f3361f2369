"""Artifacts and small files are carried from one store to another: whole, verified, and only once."""

import pytest
from stores import LocalPlace, forget_copies, put

from acento.core.errors import DamagedError, StoreError
from acento.core.store.transfer import copy_artifacts


@pytest.fixture
def here(tmp_path):
    return LocalPlace(tmp_path / "here")


def test_what_is_carried_there_and_back_is_the_same(here, place, store, tmp_path):
    source = here.open()
    with source.publish("models/m/1/model") as draft:
        (draft.folder / "inside").mkdir()
        (draft.folder / "inside/weights.bin").write_bytes(b"w" * 1000)
        (draft.folder / "config.json").write_text("{}")
        draft.info["name"] = "m"
    source.create_exclusive("models/m/aliases/production@1", b"1")
    copied = copy_artifacts(source, store, ["models/m/1/model"], ["models/m/aliases/production@1"])
    assert (copied.artifacts, copied.files, copied.size) == (1, 1, 1002)
    back = LocalPlace(tmp_path / "back").open()
    forget_copies(store)
    copy_artifacts(place.open(), back, ["models/m/1/model"], ["models/m/aliases/production@1"])
    assert back.find("models/m/1/model", verify=True) == source.find("models/m/1/model")
    assert back.read_file("models/m/aliases/production@1") == b"1"


def test_what_is_there_already_is_not_carried_again(here, store):
    put(here.open())
    assert copy_artifacts(here.open(), store, ["jobs/a", "jobs/a"]).artifacts == 1
    again = copy_artifacts(here.open(), store, ["jobs/a"])
    assert (again.artifacts, again.files, again.size) == (0, 0, 0)


def test_what_was_carried_in_part_is_finished_by_the_same_call(here, store):
    source = here.open()
    for number in range(4):
        put(source, f"jobs/{number}", f"text {number}")
    here.write("jobs/2/text.txt", b"test 2")
    with pytest.raises(DamagedError):
        copy_artifacts(source, store, [f"jobs/{number}" for number in range(4)])
    assert "jobs/2" not in list(store.list("jobs"))
    source.remove("jobs/2")
    put(source, "jobs/2", "text 2")
    copy_artifacts(source, store, [f"jobs/{number}" for number in range(4)])
    assert [store.read_bytes(f"jobs/{number}", "text.txt").decode() for number in range(4)] == [
        f"text {number}" for number in range(4)
    ]


def test_what_the_source_lacks_is_one_sentence(here, store):
    with pytest.raises(StoreError, match="jobs/never is not in the store"):
        copy_artifacts(here.open(), store, ["jobs/never"])
    with pytest.raises(StoreError, match="aliases/never is not in the store"):
        copy_artifacts(here.open(), store, [], ["aliases/never"])
