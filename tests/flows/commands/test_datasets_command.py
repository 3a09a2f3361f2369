"""The verbs ``acento datasets …``: what a person sees of them, without Prefect."""

import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from recordings import put
from typer.testing import CliRunner, Result

from acento.core.store import LocalStore
from acento.data.dataset import dataset_names, load_card
from acento.data.staging import stage
from acento.registry.runs.records import begin
from acento.requests import BenchmarkRequest
from flows.cli import app
from flows.commands import terminal


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    """Make the store of the settings, with two versions of a data set."""
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(terminal.out, "width", 400)  # however long the name of this folder is
    store = LocalStore(tmp_path / "store")
    folder = tmp_path / "recordings"
    for number in range(4):
        put(folder, f"c{number}", number)
    put(folder, "mute", 40, text=None)
    stage(store, str(folder), "santiago", language="es", workers=0)
    put(folder, "new", 10)
    (folder / "c0.txt").write_text("[bold]corrected")
    stage(store, str(folder), "santiago", workers=0)
    return store


def call(*arguments: str, answer: str | None = None) -> Result:
    """Run ``acento datasets`` in this process."""
    return CliRunner().invoke(app, ["datasets", *arguments], input=answer)


def facts(shown: Result) -> dict[str, str]:
    """Return the names and values at the top of what was printed."""
    lines = shown.stdout.split("\n\n")[0].splitlines()
    return dict(re.split(r"\s{2,}", line, maxsplit=1) for line in lines)  # type: ignore[misc]


def refused(shown: Result) -> str:
    """Return the one sentence with which a command ended."""
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert re.fullmatch(r"Error: [^\n]*\n", shown.stderr)
    return shown.stderr


@pytest.mark.usefixtures("store")
def test_without_a_verb_the_data_sets_are_listed() -> None:
    header, row = call().stdout.splitlines()
    assert header.split() == ["name", "version", "clips", "hours", "splits", "rejected"]
    assert row.split()[:3] == ["santiago", "2", "5"]


def test_show_tells_what_is_in_it_what_was_left_out_and_its_versions(store: LocalStore) -> None:
    shown = call("show", "santiago")
    assert shown.exit_code == 0
    assert facts(shown)["data set"] == "santiago v2"
    assert facts(shown)["clips"] == "5, 1.5 s"
    assert facts(shown)["languages"] == "es 5 (1.5 s)"
    assert facts(shown)["fingerprint"] == load_card(store, "santiago").fingerprint
    assert "mute.wav: There is no transcript in mute.txt." in shown.stdout
    assert [line.split()[:3] for line in shown.stdout.splitlines()[-2:]] == [["1", "4", "4"], ["2", "5", "1"]]


@pytest.mark.usefixtures("store")
def test_show_of_an_older_version_and_of_none() -> None:
    assert facts(call("show", "santiago@1"))["data set"] == "santiago v1"
    assert "has no version '7'" in refused(call("show", "santiago@7"))
    assert "no data set 'lima'" in refused(call("show", "lima"))


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    "names", [("santiago@1", "santiago@2"), ("santiago", "1", "2"), ("santiago",), ("santiago@1", "santiago")]
)
def test_diff_takes_two_versions_in_any_way_they_are_named(names: tuple[str, ...]) -> None:
    shown = call("diff", *names)
    assert (facts(shown)["came in"], facts(shown)["corrected"], facts(shown)["went"]) == ("1", "1 (text 1)", "0")
    assert "[bold]corrected" in shown.stdout


@pytest.mark.usefixtures("store")
def test_diff_shows_so_many_examples_and_writes_them_all(tmp_path: Path) -> None:
    shown = call("diff", "santiago", "--examples", "0", "--csv", str(tmp_path / "changes.csv"))
    assert "sentence number 10" not in shown.stdout
    assert (tmp_path / "changes.csv").read_text().splitlines()[1] == "came,new,clip,,sentence number 10"


@pytest.mark.usefixtures("store")
def test_diff_of_what_is_not_two_versions_is_one_sentence() -> None:
    assert "does not name two versions" in refused(call("diff", "a", "b", "c", "d"))
    assert "has no version '3'" in refused(call("diff", "santiago", "1", "3"))


@pytest.mark.parametrize("name", ["out", "out.tar"])
def test_what_is_exported_is_imported_by_another_store(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    place = str(tmp_path / name)
    shown = call("export", "santiago", place)
    assert (facts(shown)["exported"], facts(shown)["path"]) == ("santiago v2", place)
    assert "is there already" in refused(call("export", "santiago", place))

    from acento.core.settings import settings

    settings.cache_clear()
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "other"))
    assert facts(call("import", place))["data set"] == "santiago v2"
    assert facts(call("import", place))["data set"] == "santiago v2 (there already)"
    assert facts(call("import", place, "--name", "lima"))["data set"] == "lima v2"
    other = LocalStore(tmp_path / "other")
    assert dataset_names(other) == ["lima", "santiago"]
    assert load_card(other, "santiago") == load_card(store, "santiago")


def test_import_of_what_is_no_export_is_one_sentence(store: LocalStore) -> None:
    assert "no exported data set" in refused(call("import", str(store.root)))


def test_remove_asks_first(store: LocalStore) -> None:
    shown = call("remove", "santiago", answer="n\n")
    assert shown.exit_code == 1
    assert f"Remove santiago v1, santiago v2 (5 clips) from {store.url}?" in shown.stdout
    assert dataset_names(store) == ["santiago"]
    assert call("remove", "santiago", answer="").exit_code == 1, "nobody is there to answer"
    assert dataset_names(store) == ["santiago"]
    assert call("remove", "santiago@1", answer="y\n").exit_code == 0
    assert load_card(store, "santiago").version == 2


def test_remove_with_yes_removes(store: LocalStore) -> None:
    shown = call("remove", "santiago", "--yes")
    assert facts(shown)["removed"] == "santiago v1, santiago v2"
    assert dataset_names(store) == []
    assert "no data set 'santiago'" in refused(call("remove", "santiago", "--yes"))


def test_remove_of_what_a_run_refers_to_needs_force(store: LocalStore) -> None:
    card = load_card(store, "santiago")
    request = BenchmarkRequest(models=["x"], datasets=["santiago"])
    begin(store, request, {card.title: card.fingerprint}, "tuesday", datetime.now(UTC))
    assert "1 run refers to" in refused(call("remove", "santiago", "--yes"))
    assert call("remove", "santiago", "--yes", "--force").exit_code == 0
    assert dataset_names(store) == []


def test_remove_again_after_a_kill_finishes_it(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    real = LocalStore.remove

    def remove(self: LocalStore, key: str) -> None:
        if key.startswith("parts"):
            raise KeyboardInterrupt
        real(self, key)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "remove", remove)
        assert call("remove", "santiago", "--yes").exit_code == 130
    assert "Finished a removal that was interrupted" in call("remove", "santiago", "--yes").stdout
    assert list(store.list("parts")) == []


def review(tmp_path: Path, text: str) -> str:
    """Write what came back from a reviewer, and return its path."""
    path = tmp_path / "findings.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_mend_drops_and_corrects_as_a_reviewer_decided(store: LocalStore, tmp_path: Path) -> None:
    decided = review(tmp_path, "id,suggested_action,new_text\nc1,drop,\nc2,mend,una frase nueva\nc3,keep,\n")
    shown = call("mend", "santiago", "--from", decided)
    assert shown.exit_code == 0, shown.output
    told = facts(shown)
    assert (told["data set"], told["dropped"], told["mended"]) == ("santiago v3", "1", "1")
    assert told["fingerprint"] == load_card(store, "santiago").fingerprint
    assert facts(call("diff", "santiago"))["went"] == "1"
    assert "una frase nueva" in call("diff", "santiago").stdout
    assert "c1.wav" in call("show", "santiago").stdout, "the dropped clip is among those left out"
    again = facts(call("mend", "santiago", "--from", review(tmp_path, "id,suggested_action,new_text\nc3,keep,\n")))
    assert again["data set"] == "santiago v3 (nothing to mend)"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("id,action\nc1,drop\n", "lacks the column suggested_action, new_text"),
        ("id,suggested_action,new_text\nc1,delete,\n", "'delete' is no action; use keep, drop, mend"),
        ("id,suggested_action,new_text\nc1,mend,\n", "c1 is marked mend and has no new_text"),
        ("id,suggested_action,new_text\nnobody,drop,\n", "nobody"),
    ],
)
def test_mend_from_a_wrong_file_is_one_sentence_and_changes_nothing(
    store: LocalStore, tmp_path: Path, text: str, sentence: str
) -> None:
    assert sentence in refused(call("mend", "santiago", "--from", review(tmp_path, text)))
    assert load_card(store, "santiago").version == 2


@pytest.mark.usefixtures("store")
def test_mend_without_a_file_or_a_data_set_is_one_sentence(tmp_path: Path) -> None:
    assert "cannot be read (No such file" in refused(call("mend", "santiago", "--from", str(tmp_path / "no.csv")))
    decided = review(tmp_path, "id,suggested_action,new_text\nc1,drop,\n")
    assert "no data set 'lima'" in refused(call("mend", "lima", "--from", decided))
    assert call("mend", "santiago").exit_code == 2


@pytest.mark.slow
@pytest.mark.usefixtures("store")
def test_none_of_them_needs_prefect(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "prefect", None)
    kept = review(tmp_path, "id,suggested_action,new_text\nc3,keep,\n")
    for verb in (
        (),
        ("show", "santiago"),
        ("diff", "santiago"),
        ("mend", "santiago", "--from", kept),
        ("export", "santiago", str(tmp_path / "out")),
        ("import", str(tmp_path / "out"), "--name", "twin"),
        ("remove", "twin", "--yes"),
    ):
        shown = call(*verb)
        assert shown.exit_code == 0, shown.output
