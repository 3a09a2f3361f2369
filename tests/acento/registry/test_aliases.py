"""Aliases: they move at once or not at all, one writer at a time, and remember who moved them where and why."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from registered import registered
from tiny_whisper import make_whisper

from acento.core.errors import DamagedError, InputError, ModelError
from acento.core.store import LocalStore
from acento.registry.aliases import aliases, history
from acento.registry.model_version import ModelVersion
from acento.registry.promotion import current, promote, rollback


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whisper(tmp_path_factory.mktemp("model") / "m")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def three(store: LocalStore, model: Path) -> list[ModelVersion]:
    return [registered(store, model, seed) for seed in range(3)]


def test_an_alias_moves_and_keeps_where_it_was(store: LocalStore, three: list[ModelVersion]) -> None:
    assert current(store, "mini-santiago", "best") is None
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    promote(store, three[0], "best", why="the first", now=noon)
    promote(store, three[1], "best", why="better")
    assert current(store, "mini-santiago", "best") == three[1]
    first, second = history(store, "mini-santiago", "best")
    assert (first.number, first.version, first.why, first.when) == (1, three[0].version, "the first", noon.isoformat())
    assert (second.number, second.version, second.forced) == (2, three[1].version, False)
    assert "@" in first.by
    assert aliases(store, "mini-santiago") == {"best": three[1].version}


def test_aliases_are_each_their_own(store: LocalStore, three: list[ModelVersion]) -> None:
    promote(store, three[0], "best")
    promote(store, three[1], "best-so-far")
    assert aliases(store, "mini-santiago") == {"best": three[0].version, "best-so-far": three[1].version}
    assert len(history(store, "mini-santiago", "best")) == 1


def test_where_it_points_already_nothing_is_written(store: LocalStore, three: list[ModelVersion]) -> None:
    first = promote(store, three[0], "best", why="the first")
    assert promote(store, three[0], "best", why="again") == first
    assert len(history(store, "mini-santiago", "best")) == 1


def test_a_rollback_goes_back_and_a_second_one_further(store: LocalStore, three: list[ModelVersion]) -> None:
    for version in three:
        promote(store, version, "best")
    assert rollback(store, "mini-santiago", "best", why="it was worse").version == three[1].version
    assert rollback(store, "mini-santiago", "best").version == three[0].version
    with pytest.raises(InputError, match=rf"points to {three[0].title} and did not point to anything before"):
        rollback(store, "mini-santiago", "best")
    moves = history(store, "mini-santiago", "best")
    assert [move.restores for move in moves] == [None, None, None, 2, 1]
    assert moves[3].why == "it was worse"


def test_a_rollback_undoes_the_promotion_that_followed_a_rollback(store: LocalStore, three: list[ModelVersion]) -> None:
    promote(store, three[0], "best")
    promote(store, three[1], "best")
    rollback(store, "mini-santiago", "best")
    promote(store, three[2], "best")
    assert rollback(store, "mini-santiago", "best").version == three[0].version, "what it had right before"
    with pytest.raises(InputError, match="nothing to roll back to"):
        rollback(store, "mini-santiago", "best")


def test_an_alias_that_was_never_set_cannot_be_rolled_back(store: LocalStore, three: list[ModelVersion]) -> None:
    with pytest.raises(InputError, match="best of model mini-santiago is not set"):
        rollback(store, three[0].name, "best")


@pytest.mark.parametrize("alias", ["latest", "beef", "12", "a/b", "a@b", "", "a b"])
def test_a_name_that_no_alias_can_have_is_refused(store: LocalStore, three: list[ModelVersion], alias: str) -> None:
    with pytest.raises(InputError, match=r"No alias can be called|cannot be an alias"):
        promote(store, three[0], alias)
    assert aliases(store, "mini-santiago") == {}


@pytest.mark.parametrize("harm", ["changed", "cut", "removed"])
def test_a_version_that_is_not_whole_cannot_be_promoted(
    store: LocalStore, three: list[ModelVersion], harm: str
) -> None:
    weights = store.root / three[0].key / "model.safetensors"
    if harm == "removed":
        store.remove(three[0].key)
    elif harm == "cut":
        weights.write_bytes(weights.read_bytes()[:-1])
    else:
        weights.write_bytes(weights.read_bytes()[:-1] + b"\xff")
    with pytest.raises(DamagedError, match="damaged or was removed; no alias can point to it"):
        promote(store, three[0], "best")
    assert aliases(store, "mini-santiago") == {}


def test_a_forced_promotion_needs_a_reason(store: LocalStore, three: list[ModelVersion]) -> None:
    with pytest.raises(InputError, match="A forced promotion needs a reason"):
        promote(store, three[0], forced=True)
    assert aliases(store, "mini-santiago") == {}


def test_a_rollback_to_a_version_that_is_gone_is_refused_and_changes_nothing(
    store: LocalStore, three: list[ModelVersion]
) -> None:
    promote(store, three[0], "best")
    promote(store, three[1], "best")
    store.remove(three[0].key)
    with pytest.raises((ModelError, DamagedError)):
        rollback(store, "mini-santiago", "best")
    assert current(store, "mini-santiago", "best") == three[1]


def test_a_history_that_cannot_be_read_is_said_to_be(store: LocalStore, three: list[ModelVersion]) -> None:
    promote(store, three[0], "best")
    (store.root / "models/mini-santiago/aliases/best@000001.json").write_text("{")
    with pytest.raises(DamagedError, match="cannot be read; remove it to go back to the one before"):
        current(store, "mini-santiago", "best")


def test_the_slower_of_two_writers_is_told_and_nothing_is_lost(
    store: LocalStore, three: list[ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(store, three[0], "best")
    real = store.create_exclusive
    others: list[Callable[[], object]] = [lambda: promote(LocalStore(store.root), three[1], "best", why="faster")]

    def late(key: str, data: bytes) -> bool:
        while others:
            others.pop()()
        return real(key, data)

    monkeypatch.setattr(store, "create_exclusive", late)
    with pytest.raises(InputError, match=rf"was moved to {three[1].version} by .*, and not to {three[2].version}"):
        promote(store, three[2], "best")
    assert [move.version for move in history(store, "mini-santiago", "best")] == [three[0].version, three[1].version]
    assert promote(store, three[2], "best").number == 3, "who decides anew is served"


def test_many_writers_at_once_write_one_history(store: LocalStore, three: list[ModelVersion]) -> None:
    barrier, won, told = threading.Barrier(6), [], []

    def write(number: int) -> None:
        own = LocalStore(store.root)
        barrier.wait()
        try:
            won.append(promote(own, three[number % 3], "best", why=str(number)))
        except InputError as error:
            told.append(str(error))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    moves = history(store, "mini-santiago", "best")
    assert [move.number for move in moves] == list(range(1, len(moves) + 1))
    assert {move.number for move in won} == {move.number for move in moves}, "who was not told otherwise is in it"
    assert all(one.version != other.version for one, other in pairwise(moves))
    assert len(won) + len(told) == 6
