"""``acento leaderboard`` and ``acento benchmark --dry-run`` and ``--budget``: no server is started for any of them."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from scored_runs import listed_run
from staged import staged
from tiny_whisper import make_whisper
from typer.testing import CliRunner

from acento.core.settings import settings
from acento.core.store import LocalStore
from flows.cli import app
from flows.commands import terminal


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    def start(*_: object, **__: object) -> None:
        raise AssertionError("a server was started")

    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(terminal.out, "width", 160)
    monkeypatch.setattr("flows.runtime.embedded.session", start)
    settings.cache_clear()
    return LocalStore(tmp_path / "store")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = LocalStore(tmp_path_factory.mktemp("listed") / "store")
    listed_run(store, "a", "org/best", wer=0.05, seed=1, rtfx=20)
    listed_run(store, "b", "org/worse", wer=0.5, seed=2, rtfx=200, failed=2, minutes=60 * 24 * 2)
    listed_run(store, "c", "org/best", dataset="theirs v1", wer=0.2, seed=3, rtfx=20)
    return store.root


@pytest.fixture
def listed(store: LocalStore, made: Path) -> LocalStore:
    shutil.copytree(made, store.root)
    return store


def run(*words: str) -> Result:
    return CliRunner().invoke(app, [*words])


def shown(*words: str) -> str:
    done = run("leaderboard", *words)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.usefixtures("listed")
def test_the_table_has_rank_interval_speed_device_cost_coverage_and_date() -> None:
    text = shown("-d", "mine", "--sort", "date")
    first, second = (line.split() for line in text.splitlines() if "org/" in line and "$" in line)
    assert first[:2] == ["2", "org/worse"]
    assert "L40S" in first
    assert first[-6:] == ["93.33", "%", "(2", "failed)", "*", "2026-11-03"]
    assert "$0.098" in second


@pytest.mark.usefixtures("listed")
def test_csv_and_json_hold_the_same_rows() -> None:
    rows = list(csv.DictReader(io.StringIO(shown("--format", "csv", "--sort", "model"))))
    found = json.loads(shown("--format", "json", "--sort", "model"))
    assert [(row["model_id"], row["dataset"]) for row in rows] == [(row["model_id"], row["dataset"]) for row in found]
    assert [float(row["wer"]) for row in rows] == [row["wer"] for row in found]
    assert len(rows) == 3
    beside = json.loads(shown("--format", "json", "--side-by-side"))
    assert [(row["rank"], row["model_id"]) for row in beside] == [(1, "org/best"), (None, "org/worse")]
    assert {"wer mine v1", "wer theirs v1"} <= set(beside[0])


@pytest.mark.usefixtures("listed")
def test_markdown_has_its_old_name_and_its_breakdowns() -> None:
    text = shown("--markdown", "-d", "mine")
    assert text == shown("--format", "md", "-d", "mine")
    assert "| # | model |" in text
    assert "### WER % by accent" in text
    assert "### WER % by speaker" in text
    assert "by speaker" not in shown("--markdown", "--by", "accent")
    assert "| mean |" in shown("--format", "md", "--side-by-side")


@pytest.mark.usefixtures("listed")
def test_filters_and_prices_are_obeyed(tmp_path: Path) -> None:
    assert "org/best" not in shown("-m", "worse")
    assert "org/best" not in shown("--since", "2026-11-02")
    assert "theirs" not in shown("-d", "mine@1", "--normalizer", "basic")
    (tmp_path / "p.toml").write_text("[L40S]\nusd_per_hour = 40\n")
    assert "$2.00" in shown("--prices", str(tmp_path / "p.toml"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("-d", "nope"), "has scored data set 'nope'"),
        (("-m", "nope"), "leave out --model, --normalizer or --since"),
        (("--by", "weather"), "no breakdown by 'weather'"),
        (("--since", "yesterday"), "got 'yesterday'"),
        (("--prices", "nope.toml"), "nope.toml cannot be read"),
    ],
)
@pytest.mark.usefixtures("listed")
def test_what_is_not_there_is_one_sentence(words: tuple[str, ...], sentence: str) -> None:
    done = run("leaderboard", *words)
    assert (done.exit_code, done.stdout) == (1, "")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.usefixtures("listed")
def test_a_typo_in_the_price_file_is_named_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p.toml").write_text("[L40S]\nusd_per_hor = 1\n")
    monkeypatch.setenv("ACENTO_PRICES", str(tmp_path / "p.toml"))
    settings.cache_clear()
    done = run("leaderboard")
    assert done.exit_code == 1
    assert (
        f"{tmp_path / 'p.toml'}, line 2: [L40S] has no field 'usd_per_hor'; did you mean usd_per_hour?" in done.stderr
    )


def test_a_damaged_run_is_left_out_by_name_and_the_exit_code_says_so(listed: LocalStore) -> None:
    path = listed.root / "runs/b/entries.json"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    done = run("leaderboard")
    assert done.exit_code == 1
    assert "org/best" in done.stdout
    assert "Left out: b. The run cannot be read" in done.stderr


@pytest.mark.usefixtures("store")
def test_an_empty_store_says_what_to_do() -> None:
    assert "acento benchmark --model" in shown()
    assert json.loads(shown("--format", "json")) == []


@pytest.fixture
def asked(store: LocalStore, tmp_path: Path) -> tuple[str, ...]:
    staged(store, tmp_path / "clips", 4)
    model = str(make_whisper(tmp_path / "model"))
    return ("benchmark", "-m", model, "-d", "demo", "--compute", "modal", "--gpu-type", "L40S,A100")


def test_a_dry_run_prints_the_work_and_what_it_would_take(store: LocalStore, asked: tuple[str, ...]) -> None:
    before = {one.key: one.modified for one in store.walk()}
    done = run(*asked, "--dry-run", "--repeats", "2")
    assert done.exit_code == 0, done.output
    assert "What there is to do" in done.stdout
    (chosen,) = [line for line in done.stdout.splitlines() if line.lstrip().startswith("→") and "guess" in line]
    assert "L40S" in chosen
    found = json.loads(run(*asked, "--dry-run", "--json").stdout)
    assert (found["work"][0]["clips"], found["expected"][0]["device"]) == (4, "L40S")
    assert {one.key: one.modified for one in store.walk()} == before


def test_a_budget_that_does_not_suffice_is_refused_before_anything_begins(
    store: LocalStore, asked: tuple[str, ...]
) -> None:
    before = {one.key: one.modified for one in store.walk()}
    done = run(*asked, "--budget", "0.000001")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "more than the budget of $0.0000010. Nothing was begun" in done.stderr
    assert {one.key: one.modified for one in store.walk()} == before
    refused = run(*asked, "--budget", "0")
    assert "--budget must be more than 0" in refused.stderr
    assert "--repeats must be at least 1" in run(*asked, "--repeats", "0").stderr
