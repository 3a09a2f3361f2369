"""The leaderboard of all runs: read through an index that nothing can spoil, filtered, priced, ranked once."""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from scored_runs import L40S, START, listed_run

from acento.core.errors import InputError
from acento.core.prices import load_prices, shipped_prices
from acento.core.store import LocalStore
from acento.registry.runs import index as run_index
from acento.registry.runs import leaderboards
from acento.registry.runs.index import index
from acento.registry.runs.leaderboards import RunFilter, leaderboard, priced
from acento.scoring.boards.leaderboard import rank


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = LocalStore(tmp_path_factory.mktemp("listed") / "store")
    for number in range(4):
        listed_run(found, f"run-{number}", f"org/model-{number}", wer=0.05 + 0.1 * number, seed=number, minutes=number)
    return found.root


@pytest.fixture
def store(made: Path, tmp_path: Path) -> LocalStore:
    """Copy it, so that each test has a store of its own."""
    return LocalStore(shutil.copytree(made, tmp_path / "store"))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Note which runs are read, and which boards are ranked."""
    noted: list[str] = []
    read, ranked = run_index.entries_of, leaderboards.rank

    def entries_of(store: LocalStore, key: str):
        noted.append(key)
        return read(store, key)

    def ranking(*given):
        noted.append("rank")
        return ranked(*given)

    monkeypatch.setattr(run_index, "entries_of", entries_of)
    monkeypatch.setattr(leaderboards, "rank", ranking)
    return noted


def fresh(store: LocalStore) -> LocalStore:
    """Return the store as another process opens it."""
    return LocalStore(store.root)


def models(store: LocalStore, chosen: RunFilter | None = None) -> list[str]:
    return [row.entry.model for board in leaderboard(store, chosen).boards for row in board.rows]


def test_the_index_is_made_once_and_only_new_runs_are_read(store: LocalStore, reads: list[str]) -> None:
    before = leaderboard(store)
    assert sorted(reads) == ["rank", *(f"runs/run-{number}" for number in range(4))]
    reads.clear()
    assert leaderboard(fresh(store)) == before
    assert reads == []
    listed_run(store, "run-4", "org/model-4", wer=0.5, minutes=9)
    assert len(models(fresh(store))) == 5
    assert sorted(reads) == ["rank", "runs/run-4"]
    assert len([*store.list("indexes/entries")]) == 1, "older indexes go"
    assert len([*store.list("indexes/ranks")]) == 1


def test_ranks_from_the_store_are_those_that_were_tested(store: LocalStore) -> None:
    entries = [row.entry for row in index(store)[0]]
    tested = leaderboard(store)
    kept = leaderboard(fresh(store))
    assert kept == tested
    assert [row.against_first for row in kept.boards[0].rows][1:] != [None] * 3
    assert [row.rank for row in rank(entries).boards[0].rows] == [1, 2, 3, 4], "without tables there are only places"


def test_a_run_that_is_gone_is_gone_and_one_that_was_made_again_is_read_again(store: LocalStore) -> None:
    leaderboard(store)
    shutil.rmtree(store.root / "runs" / "run-0")
    assert "org/model-0" not in models(fresh(store))
    shutil.rmtree(store.root / "runs" / "run-1")
    shutil.rmtree(store.root / "scores")
    for number in range(1, 4):
        shutil.rmtree(store.root / f"runs/run-{number}", ignore_errors=True)
        listed_run(store, f"run-{number}", f"org/other-{number}")
    assert sorted(models(fresh(store))) == ["org/other-1", "org/other-2", "org/other-3"]


@pytest.mark.parametrize("spoil", ["cut", "garbage", "marker", "gone", "foreign"])
@pytest.mark.parametrize("which", ["entries", "ranks"])
def test_a_damaged_index_is_made_again(store: LocalStore, spoil: str, which: str) -> None:
    before = leaderboard(store)
    (folder,) = {path.parent for path in (store.root / "indexes" / which).rglob("_complete.json")}
    (file,) = [path for path in folder.glob("*.json") if path.name != "_complete.json"]
    if spoil == "cut":
        file.write_bytes(file.read_bytes()[:-20])
    elif spoil == "garbage":
        file.write_bytes(b"x" * file.stat().st_size)
    elif spoil == "marker":
        (folder / "_complete.json").write_text("{")
    elif spoil == "gone":
        shutil.rmtree(store.root / "indexes")
    else:  # whole by its checksums, and yet not what is expected
        key = folder.relative_to(store.root).as_posix()
        shutil.rmtree(folder)
        with store.publish(key) as draft:
            (draft.folder / file.name).write_text(json.dumps([{"not": "an entry"}]))
    assert leaderboard(fresh(store)) == before
    assert leaderboard(fresh(store)) == before


def test_an_index_of_code_that_knew_other_fields_is_made_again(
    store: LocalStore, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(run_index, "_shape", lambda: "fewer fields")
        leaderboard(store)
    reads.clear()
    leaderboard(fresh(store))
    assert sorted(reads) == [f"runs/run-{number}" for number in range(4)]
    assert len([*store.list("indexes/entries")]) == 1


def test_a_run_that_cannot_be_read_is_left_out_by_name_each_time(store: LocalStore) -> None:
    path = store.root / "runs/run-2/entries.json"
    path.write_bytes(b"[" * path.stat().st_size)
    for _ in range(2):
        board = leaderboard(fresh(store))
        assert [*board.left_out] == ["run-2"]
        assert "damaged" in board.left_out["run-2"]
        assert len(board.boards[0].rows) == 3


def test_a_store_that_cannot_be_written_is_listed_all_the_same(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from acento.core.errors import StoreError

    def refuse(key: str):
        raise StoreError(f"{key} cannot be written.")

    monkeypatch.setattr(store, "publish", refuse)
    assert len(models(store)) == 4
    assert not (store.root / "indexes").exists()


def test_a_writer_that_is_killed_leaves_the_old_index(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    leaderboard(store)
    (old,) = store.list("indexes/entries")
    listed_run(store, "run-4", "org/model-4")
    other = fresh(store)

    def die(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(other, "_move", die)
    with pytest.raises(KeyboardInterrupt):
        leaderboard(other)
    assert [*store.list("indexes/entries")] == [old]
    assert len(models(fresh(store))) == 5


def test_filters_choose_by_data_set_model_normalizer_and_day(store: LocalStore) -> None:
    listed_run(store, "other", "registry:whisper-mini@3", dataset="theirs v2", rule="none", minutes=60)
    assert models(store, RunFilter(["theirs"])) == ["registry:whisper-mini@3"]
    assert models(store, RunFilter(["theirs@2"])) == ["registry:whisper-mini@3"]
    assert models(store, RunFilter(model="WHISPER")) == ["registry:whisper-mini@3"]
    assert models(store, RunFilter(model="whisper-*")) == ["registry:whisper-mini@3"]
    assert models(store, RunFilter(model="org/model-[12]")) == ["org/model-1", "org/model-2"]
    assert models(store, RunFilter(model="model-1*")) == ["org/model-1"]
    assert len(models(store, RunFilter(normalizer="basic"))) == 4
    assert models(store, RunFilter(normalizer="none-1")) == ["registry:whisper-mini@3"]
    assert models(store, RunFilter(since=START + timedelta(minutes=30))) == ["registry:whisper-mini@3"]
    with pytest.raises(InputError, match="scored data set 'nope'"):
        leaderboard(store, RunFilter(["mine", "nope"]))
    with pytest.raises(InputError, match="--model"):
        leaderboard(store, RunFilter(model="nope"))


def test_a_chosen_part_of_a_board_leaves_the_ranks_of_the_whole_in_the_store(
    store: LocalStore, reads: list[str]
) -> None:
    leaderboard(store)
    models(store, RunFilter(model="model-1"))
    reads.clear()
    leaderboard(fresh(store))
    assert reads == []


def test_groups_come_with_the_scores_where_they_are_asked_for(store: LocalStore) -> None:
    assert leaderboard(store).boards[0].breakdown("accent") is None
    assert leaderboard(store, groups=True).boards[0].breakdown("accent") is not None


def test_rows_are_priced_by_one_table_and_old_ones_too(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text("[L40S]\nusd_per_hour = 50\n")
    cost = leaderboard(store, prices=load_prices(tmp_path / "prices.toml")).boards[0].rows[0].entry.cost
    assert cost is not None
    assert cost.per_audio_hour == pytest.approx(50 / 100)
    assert (cost.device_type, cost.source) == ("L40S", str(tmp_path / "prices.toml"))


def test_what_has_no_price_keeps_what_was_written_down(store: LocalStore) -> None:
    entry = listed_run(store, "cpu", conditions=L40S.model_copy(update={"device": "My CPU", "backend": "inline"}))
    assert priced(entry, shipped_prices()) is None
    dear = priced(listed_run(store, "gpu"), shipped_prices())
    assert priced(entry.model_copy(update={"cost": dear}), shipped_prices()) == dear
    assert priced(listed_run(store, "none", conditions=None), shipped_prices()) is None


def test_an_empty_store_has_an_empty_leaderboard(tmp_path: Path) -> None:
    assert leaderboard(LocalStore(tmp_path / "empty")).boards == ()
    assert not (tmp_path / "empty" / "indexes").exists(), "looking writes nothing"


def test_writers_at_the_same_time_do_no_harm(store: LocalStore) -> None:
    for number in range(2):
        listed_run(store, f"more-{number}", f"org/more-{number}", seed=number)
        with ThreadPoolExecutor(6) as threads:
            boards = [*threads.map(lambda _: leaderboard(fresh(store)), range(6))]
        assert all(board == boards[0] for board in boards)
        assert len(boards[0].boards[0].rows) == 5 + number
    assert len([*store.list("indexes/entries")]) == 1
