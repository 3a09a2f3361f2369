"""The store's protocol, the same for every kind of store: whole or absent, first wins, damage is seen."""

import multiprocessing
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from stores import forget_copies, put

from acento.core.errors import DamagedError, InputError, StoreError
from acento.core.store import MARKER, open_store


def test_what_is_published_can_be_found_and_read(place, store):
    assert put(store, clips=3)
    artifact = place.open().find("jobs/a", verify=True)
    assert artifact.info == {"clips": 3}
    assert set(artifact.files) == {"text.txt"}
    assert artifact.files["text.txt"].size == 5
    assert place.open().read_bytes("jobs/a", "text.txt") == b"hello"


def test_nothing_appears_before_the_block_ends_and_nothing_at_all_if_it_raises(place, store):
    with pytest.raises(RuntimeError), store.publish("jobs/a") as draft:  # noqa: PT012
        (draft.folder / "text.txt").write_text("half")
        assert place.names() == []
        raise RuntimeError
    assert store.find("jobs/a") is None
    assert place.names() == []
    assert not draft.folder.exists()


def test_the_first_to_publish_wins_and_nothing_of_the_second_stays(place, store):
    with store.publish("jobs/a") as draft:
        assert put(place.open(), text="first")
        (draft.folder / "text.txt").write_text("second")
    assert not draft.published
    assert store.read_bytes("jobs/a", "text.txt") == b"first"
    assert len(place.names()) == 2


def test_writers_of_the_same_artifact_at_once_end_with_one_whole_result(place):
    texts = [f"text of writer {number} " * 500 for number in range(6)]
    with ThreadPoolExecutor(6) as threads:
        won = [*threads.map(lambda text: put(place.open(), text=text), texts)]
    assert won.count(True) == 1
    reader = place.open()
    forget_copies(reader)
    assert reader.find("jobs/a", verify=True) is not None
    assert reader.read_bytes("jobs/a", "text.txt").decode() == texts[won.index(True)]
    assert len(place.names()) == 2


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone", "marker cut", "marker gone"])
def test_a_damaged_artifact_is_not_whole_and_the_next_to_publish_replaces_it(place, store, damage):
    put(store)
    place.damage("jobs/a", damage)
    assert place.open().find("jobs/a", verify=True) is None
    assert put(place.open())
    forget_copies(store)
    assert place.open().find("jobs/a", verify=True) is not None
    assert place.open().read_bytes("jobs/a", "text.txt") == b"hello"


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_reading_checks_the_bytes(place, store, damage):
    put(store)
    place.damage("jobs/a", damage)
    forget_copies(store)
    reader = place.open()
    with pytest.raises((DamagedError, StoreError), match=r"damaged|not in the store"):
        reader.local_path("jobs/a", "text.txt")


def test_reading_what_is_not_there_is_one_sentence(store):
    with pytest.raises(StoreError, match="not in the store"):
        store.read_bytes("jobs/a", "text.txt")
    put(store)
    with pytest.raises(StoreError, match="not in the store"):
        store.read_bytes("jobs/a", "other.txt")


def test_the_folder_of_an_artifact_has_all_its_files(place, store):
    with store.publish("jobs/a") as draft:
        (draft.folder / "inside/deeper").mkdir(parents=True)
        (draft.folder / "inside/deeper/one.txt").write_text("one")
        (draft.folder / "two.txt").write_text("two")
    forget_copies(store)
    folder = place.open().local_folder("jobs/a")
    assert (folder / "inside/deeper/one.txt").read_text() == "one"
    assert (folder / "two.txt").read_text() == "two"
    with pytest.raises(StoreError, match="jobs/b is not in the store"):
        store.local_folder("jobs/b")


def test_listing_gives_whole_artifacts_sorted_as_folders_are(place, store):
    for key in ("runs/b/1", "runs/a-b", "runs/a", "other/c"):
        put(store, key)
    put(store, "runs/half")
    place.delete(f"runs/half/{MARKER}")
    assert list(store.list("runs")) == ["runs/a", "runs/a-b", "runs/b/1"]
    assert list(store.list("nothing")) == []


def test_a_small_file_is_created_by_one_writer_only(place, store):
    assert store.create_exclusive("aliases/x/1", b"one")
    assert not place.open().create_exclusive("aliases/x/1", b"two")
    assert store.read_file("aliases/x/1") == b"one"
    assert list(store.list_files("aliases/x")) == ["aliases/x/1"]
    assert list(store.list_files("aliases")) == []
    assert store.read_file("aliases/x/2") is None
    assert place.names() == ["aliases/x/1"]


def _race(url, number, results):
    results.put(open_store(url).create_exclusive("locks/one", str(number).encode()))


@pytest.mark.slow
def test_of_many_processes_one_creates_the_file(place):
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    racers = [context.Process(target=_race, args=(place.url, number, results)) for number in range(8)]
    for racer in racers:
        racer.start()
    wins = [results.get(timeout=60) for _ in racers]
    for racer in racers:
        racer.join()
    assert wins.count(True) == 1


def _read_in_child(store, results):
    results.put(store.read_bytes("jobs/a", "text.txt"))


def test_a_store_that_was_used_works_in_a_process_that_was_forked(place, store):
    put(store)
    assert place.open().find("jobs/a") is not None
    forget_copies(store)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    children = [context.Process(target=_read_in_child, args=(store, results)) for _ in range(2)]
    for child in children:
        child.start()
    assert [results.get(timeout=60) for _ in children] == [b"hello", b"hello"]
    for child in children:
        child.join()
    assert store.find("jobs/a", verify=True) is not None


def test_several_threads_use_one_store(place, store):
    def work(number):
        put(store, f"jobs/{number:02d}", f"text {number}")
        return store.read_bytes(f"jobs/{number:02d}", "text.txt").decode()

    with ThreadPoolExecutor(6) as threads:
        assert [*threads.map(work, range(18))] == [f"text {number}" for number in range(18)]
    assert len(list(place.open().list("jobs"))) == 18


def test_what_is_removed_is_gone_and_can_be_published_again(place, store):
    put(store)
    store.local_path("jobs/a", "text.txt")
    store.create_exclusive("locks/one", b"x")
    store.remove("jobs/a")
    store.remove("locks/one")
    store.remove("locks/never-was")
    assert place.names() == []
    assert store.find("jobs/a") is None
    with pytest.raises(StoreError):
        store.local_path("jobs/a", "text.txt")
    assert put(store, text="again")
    assert store.read_bytes("jobs/a", "text.txt") == b"again"
    assert store.create_exclusive("locks/one", b"y")


def test_every_file_of_the_store_can_be_walked_over(place, store):
    put(store)
    store.create_exclusive("locks/one", b"xyz")
    found = {each.key: each for each in store.walk()}
    assert sorted(found) == place.names()
    assert found["locks/one"].size == 3
    assert found["locks/one"].modified > 1.7e9
    assert {each.key for each in store.walk("jobs")} == {key for key in found if key.startswith("jobs/")}
    assert list(store.walk("nothing")) == []


def test_a_large_file_comes_back_as_it_was(place, store):
    data = random.Random(0).randbytes(20 << 20)
    with store.publish("jobs/large") as draft:
        (draft.folder / "data.bin").write_bytes(data)
    forget_copies(store)
    assert place.open().find("jobs/large", verify=True).files["data.bin"].size == len(data)
    assert place.open().read_bytes("jobs/large", "data.bin") == data


def test_a_store_that_can_be_written_is_left_as_it_was(place, store):
    store.check_writable()
    assert place.names() == []


@pytest.mark.parametrize("key", ["", "/etc", "a//b", "../a", "a/..", "a/.hidden", "a b", "a\nb", "a\0b", "a\\b"])
def test_a_key_cannot_leave_the_store_or_hide(store, key):
    for use in (store.find, store.read_file, lambda key: put(store, key), store.remove, store.local_folder):
        with pytest.raises(InputError):
            use(key)


def test_a_marker_cannot_name_files_outside_its_artifact(place, store):
    put(store)
    marker = f"jobs/a/{MARKER}"
    place.write(
        marker,
        store.objects.get(marker).replace(b"text.txt", b"../x")
        if hasattr(store, "objects")
        else b"""
        {"files": {"../x": {"size": 1, "sha256": "0"}}, "info": {}}""",
    )
    assert place.open().find("jobs/a") is None
