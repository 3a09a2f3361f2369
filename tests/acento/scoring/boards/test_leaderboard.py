"""The leaderboard ranks what was measured on the same clips, says where the clips cannot decide, and hides nothing."""

import io
import random
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from rich.console import Console

from acento.core.text import normalizer
from acento.scoring.boards.leaderboard import Board, Leaderboard, LeaderboardRow, rank
from acento.scoring.boards.overview import overview
from acento.scoring.boards.side_by_side import side_by_side
from acento.scoring.entry import Conditions, Entry, Speed
from acento.scoring.errors.summary import BatchCheck
from acento.scoring.score import UtteranceResult, score_utterances, summarize
from acento.scoring.table import TextTable, rich_table

WORDS = "uno dos tres cuatro cinco seis siete ocho"
START = datetime(2026, 11, 1, tzinfo=UTC)
CPU = Conditions(device="cpu", dtype="float32", threads=2, batch_size=8, backend="inline", placements=1)


class Runs:
    """Entries with made-up hypotheses and their tables, as a store would give them."""

    def __init__(self) -> None:
        self.tables: dict[str, pa.Table] = {}

    def entry(
        self,
        model: str = "small",
        *,
        wer: float = 0.1,
        seed: int = 0,
        clips: int = 100,
        failed: int = 0,
        rule: str = "chilean-leaderboard",
        reference: str | None = WORDS,
        **changes: object,
    ) -> Entry:
        noise = random.Random(seed)
        results = [
            UtteranceResult(
                id=f"clip-{index:03d}",
                reference=reference,
                hypothesis=None
                if index < failed
                else " ".join("po" if noise.random() < wer else word for word in WORDS.split()),
                error="out_of_memory" if index < failed else None,
                split="test",
                speaker=None,
                accent=("chilean", "neutral")[index % 2],
                duration_s=3.0,
            )
            for index in range(clips)
        ]
        table = score_utterances(results, normalizer(rule))
        run = f"run-{len(self.tables)}"
        self.tables[run] = table
        fields: dict[str, object] = {
            "model": model,
            "revision": None,
            "model_hash": f"hash-of-{model}",
            "dataset": "santiago v2",
            "dataset_fingerprint": "f" * 64,
            "split": "test",
            "limit": None,
            "score": summarize(table, normalizer(rule), resamples=200),
            "speed": speed(CPU),
            "run": run,
            "when": START + timedelta(minutes=len(self.tables)),
        }
        return Entry.model_validate(fields | changes)

    def table(self, entry: Entry) -> pa.Table:
        return self.tables[entry.run]


def speed(conditions: Conditions) -> Speed:
    return Speed(rtfx=50.0, low=45.0, high=55.0, inference_s=3.0, conditions=conditions)


@pytest.fixture
def runs() -> Runs:
    return Runs()


def only(boards: tuple[Board, ...]) -> tuple[LeaderboardRow, ...]:
    (board,) = boards
    return board.rows


def cells(board: Board, column: str) -> list[str]:
    grid = board.grid()
    return [row[grid.columns.index(column)] for row in grid.rows]


def terminal(grid: TextTable, width: int) -> str:
    console = Console(width=width, file=io.StringIO())
    with console.capture() as capture:
        console.print(rich_table(grid))
    return capture.get()


def test_the_lowest_corpus_wer_comes_first(runs: Runs) -> None:
    entries = [runs.entry("bad", wer=0.5), runs.entry("good", wer=0.05), runs.entry("fair", wer=0.2)]
    rows = only(rank(entries, runs.table).boards)
    assert [(row.rank, row.label, row.tied) for row in rows] == [
        (1, "good", None),
        (2, "fair", False),
        (3, "bad", False),
    ]


@pytest.mark.parametrize(
    "change",
    [{"dataset_fingerprint": "0" * 64}, {"split": "dev"}, {"limit": 100}],
    ids=["fingerprint", "split", "limit"],
)
def test_runs_on_other_clips_stand_on_another_board(runs: Runs, change: dict[str, object]) -> None:
    assert len(rank([runs.entry("a"), runs.entry("b", **change)]).boards) == 2  # type: ignore[arg-type]


def test_runs_under_another_normalizer_stand_on_another_board(runs: Runs) -> None:
    boards = rank([runs.entry("a"), runs.entry("b", rule="basic")]).boards
    assert [board.normalizer for board in boards] == ["basic-1", "chilean-leaderboard-1"]


def test_models_that_the_clips_cannot_tell_apart_share_a_rank(runs: Runs) -> None:
    entries = [runs.entry("a", wer=0.1, seed=1), runs.entry("b", wer=0.1, seed=2), runs.entry("c", wer=0.5)]
    board = rank(entries, runs.table).boards[0]
    assert [(row.rank, row.tied) for row in board.rows] == [(1, None), (1, True), (3, False)]
    assert cells(board, "#") == ["1", "1 =", "3"]
    assert any("not distinguishable" in note for note in board.grid().notes)


def test_each_row_says_what_it_was_tested_against(runs: Runs) -> None:
    rows = only(rank([runs.entry("good", wer=0.05), runs.entry("bad", wer=0.5)], runs.table).boards)
    comparison = rows[1].against_first
    assert rows[0].against_first is None
    assert comparison is not None
    assert comparison.difference is not None
    assert comparison.clips == 100
    assert comparison.difference.delta > 0.3


def test_without_tables_of_utterances_ties_are_not_known(runs: Runs) -> None:
    rows = only(rank([runs.entry("a", seed=1), runs.entry("b", seed=2)]).boards)
    assert [(row.rank, row.tied) for row in rows] == [(1, None), (2, None)]


def test_of_the_same_model_measured_twice_the_latest_stands(runs: Runs) -> None:
    first, second = runs.entry("a", wer=0.1), runs.entry("a", wer=0.3)
    assert [row.entry.run for row in only(rank([second, first]).boards)] == [second.run]


def test_the_same_name_with_other_weights_is_another_model(runs: Runs) -> None:
    entries = [runs.entry("a", model_hash="1" * 64, revision="abcdef0123"), runs.entry("a", model_hash="2" * 64)]
    assert {row.label for row in only(rank(entries).boards)} == {"a @abcdef01 (11111111)", "a (22222222)"}


def test_a_row_with_failed_clips_is_marked(runs: Runs) -> None:
    board = rank([runs.entry("whole"), runs.entry("torn", failed=3, wer=0.3)]).boards[0]
    assert cells(board, "clips") == ["100", "97, 3 failed *"]
    assert any("failed" in note for note in board.grid().notes)


def test_nothing_speaks_of_failure_when_nothing_failed(runs: Runs) -> None:
    grid = rank([runs.entry("whole")]).boards[0].grid()
    assert not any("failed" in cell for row in grid.rows for cell in row)
    assert grid.notes == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("device", "NVIDIA L40S"),
        ("dtype", "bfloat16"),
        ("threads", 4),
        ("batch_size", 16),
        ("backend", "modal"),
        ("placements", 2),
    ],
)
def test_a_speed_measured_under_other_conditions_is_flagged(runs: Runs, field: str, value: object) -> None:
    other = CPU.model_copy(update={field: value})
    board = rank([runs.entry("a", wer=0.05), runs.entry("b", wer=0.5, speed=speed(other))]).boards[0]
    assert [row.rtfx_comparable for row in board.rows] == [True, False]
    assert cells(board, "RTFx") == ["50 [45, 55]", "50 [45, 55] ~"]
    assert any("other conditions" in note for note in board.grid().notes)


@pytest.mark.parametrize(
    ("rtfx", "bounds", "shown"),
    [
        (2.984, (2.5, 3.456), "2.98 [2.50, 3.46]"),
        (9.8, (9.1, 10.6), "9.80 [9.10, 11]"),
        (0.051, (None, None), "0.05"),
        (9.999, (None, None), "10"),
    ],
)
def test_a_speed_below_ten_has_two_decimals(
    runs: Runs, rtfx: float, bounds: tuple[float | None, float | None], shown: str
) -> None:
    slow = Speed(rtfx=rtfx, low=bounds[0], high=bounds[1], inference_s=3.0, conditions=CPU)
    board = rank([runs.entry("a", wer=0.05, speed=slow)]).boards[0]
    assert cells(board, "RTFx") == [shown]


def test_a_run_that_measured_no_speed_shows_none(runs: Runs) -> None:
    board = rank([runs.entry("a", wer=0.05, speed=None), runs.entry("b", wer=0.5)]).boards[0]
    assert cells(board, "RTFx") == ["–", "50 [45, 55]"]


def test_without_any_reference_there_is_no_rank(runs: Runs) -> None:
    board = rank([runs.entry("a", reference=None), runs.entry("b", reference=None)], runs.table).boards[0]
    assert [(row.rank, row.tied) for row in board.rows] == [(None, None), (None, None)]
    assert cells(board, "WER % [95%]") == ["–", "–"]
    assert board.grid().notes == ("Clips without a reference are transcribed, not scored: 100.",)


def test_no_entries_make_no_boards() -> None:
    assert rank([]).boards == ()
    assert rank([]).to_markdown() == ""
    assert rank([]).to_rows() == []


def test_the_order_of_entries_does_not_matter(runs: Runs) -> None:
    entries = [runs.entry(name, seed=seed) for seed, name in enumerate("abcd")]
    assert rank(entries, runs.table) == rank(entries[::-1], runs.table)


def test_errors_besides_words_stand_under_the_board_where_there_are_some(runs: Runs) -> None:
    (board,) = rank([runs.entry("quiet")]).boards
    assert [table.title for table in board.tables()] == [board.title, "Errors besides words"]
    assert board.tables()[1].columns == ("model", "gap by accent")
    checked = runs.entry("checked", batch_check=BatchCheck(batch_size=8, clips=20, changed=3))
    found = rank([checked, runs.entry("quiet")])
    for text in (str(found), found.to_markdown(), found._repr_html_()):
        assert "Errors besides words" in text
        assert "3 of 20" in text
    assert [row["batch_check_changed"] for row in found.to_rows()] == [3, None]
    (alone,) = rank([runs.entry("shy", clips=10)]).boards  # five clips of each accent: no gap
    assert len(alone.tables()) == 1


def test_a_person_reads_percent_with_the_interval(runs: Runs) -> None:
    entry = runs.entry("a", wer=0.25)
    wer = entry.score.overall.wer
    assert wer.value is not None
    assert wer.low is not None
    assert wer.high is not None
    markdown = rank([entry]).to_markdown()
    assert f"| {100 * wer.value:.2f} [{100 * wer.low:.1f}, {100 * wer.high:.1f}] |" in markdown
    assert markdown.startswith("### santiago v2, test, normalizer chilean-leaderboard-1\n")


def test_the_substitutions_deletions_and_insertions_are_shown(runs: Runs) -> None:
    entry = runs.entry("a", wer=0.25)
    assert cells(rank([entry]).boards[0], "S/D/I") == [f"{entry.score.overall.words.errors}/0/0"]


def test_a_breakdown_has_a_column_for_each_model(runs: Runs) -> None:
    board = rank([runs.entry("a", wer=0.05), runs.entry("b", wer=0.5)]).boards[0]
    grid = board.breakdown("accent")
    assert grid is not None
    assert grid.columns == ("accent", "clips", "a", "b")
    assert [row[:2] for row in grid.rows] == [("chilean", "50"), ("neutral", "50")]
    assert board.breakdown("speaker") is None


def test_flat_rows_carry_percent_counts_and_origin(runs: Runs) -> None:
    entry = runs.entry("a", wer=0.25, failed=2)
    (row,) = rank([entry]).to_rows()
    overall = entry.score.overall
    assert overall.wer.value is not None
    assert row["wer"] == round(100 * overall.wer.value, 2)
    assert (row["substitutions"], row["failed"], row["device"]) == (overall.words.substitutions, 2, "cpu")
    assert (row["rank"], row["model_id"], row["run"]) == (1, "a", entry.run)


def test_an_entry_survives_json(runs: Runs) -> None:
    entry = runs.entry("a")
    assert Entry.model_validate_json(entry.model_dump_json()) == entry


def test_names_with_pipes_brackets_and_newlines_break_no_table() -> None:
    grid = TextTable("[b]t[/b]", ("model",), (("a|b\n[red]c",),), text=frozenset({"model"}))
    assert "| a\\|b [red]c |" in grid.to_markdown()
    shown = terminal(grid, width=14)
    assert "[b]t[/b]" in shown
    assert "[red]c" in shown


def test_a_terminal_shows_every_number(runs: Runs) -> None:
    entries = [runs.entry("openai/whisper-large-v3-turbo", wer=0.25), runs.entry("torn", wer=0.5, failed=3)]
    grid = rank(entries, runs.table).boards[0].grid()
    shown = terminal(grid, width=80).split()
    assert all(word in shown for row in grid.rows for cell in row[2:] for word in cell.split())
    assert "openai/whisp" in " ".join(shown)


def test_models_of_a_script_without_spaces_are_ranked_by_their_characters() -> None:
    rule, said = normalizer("unicode-th"), "สวัสดีครับ"
    entries, tables = [], {}
    # as words every text is wrong, in one of its ten characters or in three
    for model, wrong in (("careless", "สวัสดีคกข"), ("careful", "สวัสดีครัก")):
        results = [UtteranceResult(f"c{n:02d}", said, wrong, None, "test", None, "north", 2.0) for n in range(40)]
        tables[model] = score_utterances(results, rule)
        made = Runs().entry(model, run=model, score=summarize(tables[model], rule, resamples=200))
        entries.append(made)
    (board,) = rank(entries, lambda entry: tables[entry.model]).boards
    assert [(row.entry.model, row.rank) for row in board.rows] == [("careful", 1), ("careless", 2)]
    assert [row.entry.score.overall.wer.value for row in board.rows] == [1.0, 1.0]
    assert board.title.endswith("normalizer unicode-th-1, headline CER: the script has no spaces")
    breakdown = board.breakdown("accent")
    assert breakdown is not None
    assert breakdown.title == "CER % by accent"
    assert breakdown.rows[0][2].startswith("10.00")
    flat = Leaderboard((board,)).to_rows()
    assert [(row["headline"], row["normalizer"]) for row in flat] == [("CER", "unicode-th-1")] * 2


def in_windows(runs: Runs, window: str | None, model: str = "small", runaways: int = 0, **told: object) -> Entry:
    conditions = CPU.model_copy(update={"window": window})
    return runs.entry(model, window=window, runaways=runaways, speed=speed(conditions), **told)  # type: ignore[arg-type]


def test_a_model_stands_once_for_each_window_and_its_latest_run_in_it_counts(runs: Runs) -> None:
    entries = [in_windows(runs, "clip + 1 s", seed=1), in_windows(runs, None), in_windows(runs, "clip + 1 s", seed=2)]
    rows = only(rank(entries).boards)
    assert {row.label for row in rows} == {"small (own)", "small (clip + 1 s)"}
    assert {row.entry.run for row in rows} == {"run-1", "run-2"}
    assert [row.rtfx_comparable for row in rows].count(True) == 1
    (board,) = side_by_side(rank(entries))
    assert {row.label for row in board.rows} == {"small (own)", "small (clip + 1 s)"}


def test_windows_are_a_column_where_one_is_short_and_runaways_a_note(runs: Runs) -> None:
    (plain,) = rank([in_windows(runs, None)]).boards
    for table in (plain.grid(), overview(plain)):
        assert "window" not in table.columns
        assert not any("ran away" in note for note in table.notes)
    (board,) = rank([in_windows(runs, None, "large"), in_windows(runs, "clip + 1 s", runaways=3)]).boards
    for table in (board.grid(), overview(board)):
        place = table.columns.index("window")
        assert {row[table.columns.index("model")]: row[place] for row in table.rows} == {
            "large": "own",
            "small": "clip + 1 s",
        }
        assert (
            "Windows decoded again in the model's own, as their text ran away in a short one: small 3." in table.notes
        )
    assert {
        (row["window"], row["runaways"]) for row in rank([in_windows(runs, "clip + 1 s", runaways=3)]).to_rows()
    } == {("clip + 1 s", 3)}
