"""The board as a person looks through it: sorted, with cost and coverage; and data sets side by side."""

import shutil
from pathlib import Path

import pytest
from scored_runs import L40S, listed_run

from acento.core.prices import shipped_prices
from acento.core.store import LocalStore
from acento.registry.runs.leaderboards import RunFilter, leaderboard
from acento.scoring.boards.overview import in_order, overview
from acento.scoring.boards.side_by_side import side_by_side


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = LocalStore(tmp_path_factory.mktemp("listed") / "store")
    listed_run(store, "a", "org/a", wer=0.4, seed=1, rtfx=300, minutes=3, failed=3)
    listed_run(store, "b", "org/B", wer=0.05, seed=2, rtfx=20, minutes=1)
    cpu = L40S.model_copy(update={"device": "Intel(R) Xeon(R) Gold CPU @ 2.00GHz", "backend": "inline"})
    listed_run(store, "c", "org/c", wer=0.2, seed=3, rtfx=2, minutes=2, conditions=cpu)
    return store.root


@pytest.fixture
def store(made: Path, tmp_path: Path) -> LocalStore:
    """Copy it, so that each test has a store of its own."""
    return LocalStore(shutil.copytree(made, tmp_path / "store"))


def column(grid, name: str) -> list[str]:
    place = grid.columns.index(name)
    return [row[place] for row in grid.rows]


@pytest.mark.parametrize(
    ("sort", "order"),
    [("wer", "Bca"), ("cer", "Bca"), ("rtfx", "aBc"), ("cost", "aBc"), ("date", "acB"), ("model", "aBc")],
)
def test_rows_are_sorted_and_keep_their_ranks(store: LocalStore, sort: str, order: str) -> None:
    board = in_order(leaderboard(store, prices=shipped_prices()), sort).boards[0]
    assert [row.entry.model[-1] for row in board.rows] == [*order]
    assert {row.entry.model[-1]: row.rank for row in board.rows} == {"B": 1, "c": 2, "a": 3}


def test_the_overview_shows_device_cost_coverage_and_date(store: LocalStore) -> None:
    grid = overview(leaderboard(store, prices=shipped_prices()).boards[0])
    assert column(grid, "device") == ["L40S", "Intel Xeon Gold", "L40S"]
    assert column(grid, "$/h") == ["$0.098", "–", "$0.0065"]
    assert column(grid, "coverage") == ["100 %", "100 %", "90 % (3 failed) *"]
    assert column(grid, "date") == ["2026-11-01"] * 3
    assert any("https://modal.com/pricing" in note for note in grid.notes)


def test_flat_rows_have_the_new_columns_behind_the_old_ones(store: LocalStore) -> None:
    rows = leaderboard(store, prices=shipped_prices()).to_rows()
    names = [*rows[0]]
    assert names[names.index("when") + 1 :][:8] == [
        "cost_usd",
        "usd_per_audio_hour",
        "usd_per_hour",
        "device_type",
        "price_source",
        "repeats",
        "changed_texts",
        "coverage",
    ]
    assert [row["coverage"] for row in rows] == [100, 100, 90]
    assert [row["usd_per_audio_hour"] for row in rows] == [0.09756, None, 0.006504]


def test_a_median_and_changed_texts_are_said(store: LocalStore) -> None:
    board = leaderboard(store).boards[0]
    for row in board.rows:
        object.__setattr__(row.entry, "speed", row.entry.speed.model_copy(update={"repeats": 5}))
    assert "RTFx (median of 5)" in overview(board).columns
    assert "RTFx (median of 5)" in board.grid().columns
    first = board.rows[0].entry
    object.__setattr__(first, "speed", first.speed.model_copy(update={"repeats": 3, "changed": 2}))
    grid = board.grid()
    assert "RTFx (median of 3 to 5)" in grid.columns
    assert column(grid, "RTFx (median of 3 to 5)")[0].endswith("!")
    assert any("2 texts were others" in note for note in grid.notes)


def test_the_mean_is_over_data_sets_and_only_of_models_that_have_all(store: LocalStore) -> None:
    listed_run(store, "d", "org/a", dataset="theirs v1", wer=0.1, seed=4, clips=300, rtfx=100)
    listed_run(store, "e", "org/B", dataset="theirs v1", wer=0.9, seed=5, clips=300, rtfx=100)
    (table,) = side_by_side(leaderboard(store, prices=shipped_prices()))
    assert table.grid().columns == ("#", "model", "mean", "mine v1", "theirs v1", "CER %", "RTFx", "$/h")
    assert [(row.label, row.rank) for row in table.rows] == [("org/a", 1), ("org/B", 2), ("org/c", None)]
    first = table.rows[0]
    wers = [cell.entry.score.overall.wer.value for cell in first.cells]
    assert first.wer == pytest.approx(sum(wers) / 2), "each set counts alike, however many clips it has"
    audio = [cell.entry.score.overall.audio_s for cell in first.cells]
    assert first.rtfx == pytest.approx(sum(audio) / (audio[0] / 300 + audio[1] / 100))
    assert table.grid().rows[2][2:5] == ("–", table.grid().rows[2][3], "–")
    assert table.to_rows()[0]["wer theirs v1"] == pytest.approx(100 * wers[1], abs=0.01)
    assert [row.label for row in side_by_side(leaderboard(store), "model")[0].rows] == ["org/a", "org/B", "org/c"]


def test_equal_means_share_a_rank(store: LocalStore) -> None:
    listed_run(store, "x", "org/x", wer=0.05, seed=2)
    (table,) = side_by_side(leaderboard(store))
    assert [row.rank for row in table.rows] == [1, 1, 3, 4]


def test_the_same_clips_under_two_normalizers_are_no_two_data_sets(store: LocalStore) -> None:
    listed_run(store, "n", "org/B", rule="none", wer=0.05, seed=2)
    tables = side_by_side(leaderboard(store))
    assert [[board.normalizer for board in table.boards] for table in tables] == [["basic-1"], ["none-1"]]
    other = listed_run(store, "o", "org/B", dataset="other v1", rule="none")
    chosen = leaderboard(store, RunFilter(normalizer="none"))
    assert [len(table.boards) for table in side_by_side(chosen)] == [2]
    assert other.score.normalizer == "none-1"


def test_models_of_one_name_are_told_apart_side_by_side(store: LocalStore) -> None:
    board = leaderboard(store)
    twin = board.boards[0].rows[0].entry.model_copy(update={"model": "org/c"})
    object.__setattr__(board.boards[0].rows[0], "entry", twin)
    labels = [row.label for row in side_by_side(board)[0].rows]
    assert len(set(labels)) == 3
    assert sum(label.startswith("org/c (") for label in labels) == 2


def test_a_script_without_spaces_is_ranked_and_averaged_by_its_characters(store: LocalStore) -> None:
    listed_run(store, "d", "org/a", dataset="kanji v1", wer=0.3, seed=4)
    board = leaderboard(store)
    for one in board.boards[:1]:
        assert one.dataset == "kanji v1"
        for row in one.rows:
            score = row.entry.score.model_copy(update={"headline": "character"})
            object.__setattr__(row.entry, "score", score)
    assert overview(board.boards[0]).columns[2:4] == ("CER % [95%]", "WER %")
    (table,) = side_by_side(board)
    assert table.grid().columns[2:5] == ("mean", "kanji v1 CER", "mine v1 WER")
    (first,) = [row for row in table.rows if row.rank is not None]
    rates = [cell.entry.score.overall for cell in first.cells]
    assert first.rate == pytest.approx((rates[0].cer.value + rates[1].wer.value) / 2)


def test_a_runs_own_board_shows_costs_only_where_there_are_any(store: LocalStore) -> None:
    assert "$/h" not in leaderboard(store).boards[0].grid().columns
    grid = leaderboard(store, prices=shipped_prices()).boards[0].grid()
    assert column(grid, "$/h") == ["$0.098", "–", "$0.0065"]
    assert any(
        note.startswith("RTFx of the first row with a cost: NVIDIA L40S, bfloat16, batch 16") for note in grid.notes
    )
