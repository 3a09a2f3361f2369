"""The verbs ``report`` and ``compare``: what a person sees of them, without Prefect."""

import json
from pathlib import Path

import pytest
from html_page import HtmlPage
from scored_runs import clip, heard, scored_run
from typer.testing import CliRunner, Result

from acento.core.store import LocalStore
from flows.cli import app
from flows.commands import terminal

CLIPS = [clip(f"c{n}", "uno dos tres", speaker=f"s{n % 2}", accent=("a", "b")[n % 2]) for n in range(8)]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    """Make the store of the settings, with two runs."""
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(terminal.out, "width", 200)
    made = LocalStore(tmp_path / "store")
    scored_run(made, "first", {"mini": heard(CLIPS, {"c0": "uno [bold]tos tres", "c2": "uno"})})
    scored_run(made, "second", {"mini": CLIPS}, after=1)
    return made


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def refused(*arguments: str) -> str:
    shown = call(*arguments)
    assert (shown.exit_code, shown.stdout) == (1, "")
    return str(shown.stderr)


@pytest.mark.usefixtures("store")
def test_a_report_is_written_beside_the_reader(tmp_path: Path) -> None:
    shown = call("report")
    assert shown.stdout == "report  second.html\n"
    assert "Run second" in HtmlPage((tmp_path / "second.html").read_text()).text
    assert call("report", "first", "-o", "deep/er/page.html").exit_code == 0
    assert "dos" in (tmp_path / "deep/er/page.html").read_text()


@pytest.mark.usefixtures("store")
def test_a_report_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot be written" in refused("report", "-o", "file/page.html")
    assert "no finished run 'nowhere'" in refused("report", "nowhere")


@pytest.mark.usefixtures("store")
def test_a_comparison_tells_what_changed(tmp_path: Path) -> None:
    shown = call("compare", "first", "second", "--report", "page.html")
    assert shown.exit_code == 0
    assert "more in 2, as many in 6" in shown.stdout
    assert "uno [dos→tos] tres" in shown.stdout
    assert "Clips that changed most" in HtmlPage((tmp_path / "page.html").read_text()).text
    assert shown.stdout.endswith("report  page.html\n")


@pytest.mark.usefixtures("store")
def test_for_a_program_it_is_json_and_nothing_else() -> None:
    said = json.loads(
        call("compare", "first", "second", "--format", "json", "--by", "accent", "--report", "p.html").stdout
    )
    assert (said["a"]["run"], said["more"], said["changed_clips"][0]["id"]) == ("first", 2, "c2")
    assert [row["group"] for row in said["differences"]] == ["all", "a", "b"]


@pytest.mark.usefixtures("store")
def test_it_is_markdown() -> None:
    assert call("compare", "first", "second", "--format", "md").stdout.startswith("## mini (first) less mini (second)")


@pytest.mark.usefixtures("store")
def test_what_is_wrong_is_said_in_a_sentence() -> None:
    assert "There is no breakdown by 'split'" in refused("compare", "first", "second", "--by", "split")
    assert "no finished run 'x'" in refused("compare", "first", "x")
    assert "compared with itself" in refused("compare", "first", "first")
