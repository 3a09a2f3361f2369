"""A store is tried out with something small, which is taken away again."""

from acento.core.errors import StoreError
from acento.core.store.upkeep.checking import check_store


def test_a_store_that_works_passes_everything_and_is_left_as_it_was(place, store):
    done = list(check_store(store))
    assert [one.sentence for one in done] == [None] * 6
    assert place.names() == []


def test_the_first_thing_that_fails_is_said_and_cleaned_up_after(place, store, monkeypatch):
    monkeypatch.setattr(store, "create_exclusive", lambda *_: True)
    done = list(check_store(store))
    assert done[-1].what == "create a file once"
    assert "lets two writers create the same file" in done[-1].sentence
    assert place.names() == []


def test_a_store_that_refuses_to_be_written_is_tried_no_further(store, monkeypatch):
    def refuse():
        raise StoreError("It cannot be written.")

    monkeypatch.setattr(store, "check_writable", refuse)
    (done,) = check_store(store)
    assert done.sentence == "It cannot be written."
