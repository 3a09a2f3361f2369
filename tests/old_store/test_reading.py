"""A store that the version before wrote is read: what it holds is whole, found, and shown with the same numbers."""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acento.core.store import MARKER, LocalStore
from acento.registry.runs.records import entries_of

pytestmark = pytest.mark.slow

Look = Callable[..., str]
ALL_VERSIONS = ("santiago@1", "santiago@2", "santiago@3", "guard", "hurried", "weekly")


def figures(text: str) -> list[list[str]]:
    """Return the numbers and digests of each line, in their order: what must not change where words may.

    Lines that name a place on this disk are left out.
    """
    kept = (line for line in text.splitlines() if "/" not in line.replace("S/D/I", "").replace("/0", ""))
    found = (re.findall(r"(?<![\w.])[+-]?\d[\d.]*%?(?![\w])|\b[0-9a-f]{12,64}\b", line) for line in kept)
    return [numbers for numbers in found if numbers]


def rows(table: str) -> list[tuple[str, ...]]:
    """Return model, WER with its interval, CER and RTFx of each row of Markdown boards, in their order.

    Ranks are not of the store: they are told anew from its texts.
    """
    found, columns = [], list[str]()
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == "#":
            columns = cells
        elif line.startswith("|") and any(word in cells[1] for word in ("models/", "registry:")):
            row = dict(zip(columns, cells, strict=True))
            found.append(tuple(row[name] for name in ("model", "WER % [95%]", "CER %", "RTFx")))
    return found


def artifacts(folder: Path) -> list[str]:
    """Return the keys of everything that was published."""
    return sorted(path.parent.relative_to(folder).as_posix() for path in folder.rglob(MARKER))


def test_every_artifact_is_whole_and_the_store_can_be_used(world: Path, look: Look) -> None:
    store = LocalStore(world / "store")
    keys = artifacts(world / "store")
    assert len(keys) > 80
    assert [key for key in keys if store.find(key, verify=True) is None] == []
    assert "failed" not in look("store", "check")


def test_no_folder_of_it_is_unknown(look: Look, expected: Any) -> None:
    shown = look("store", "du")
    assert "not of Acento's making" not in shown
    before, now = ({line.split()[0] for line in text.splitlines()[1:-2]} for text in (expected["usage"], shown))
    assert now == before


@pytest.mark.parametrize("name", ALL_VERSIONS)
def test_a_data_set_is_shown_with_the_same_numbers(look: Look, expected: Any, name: str) -> None:
    assert figures(look("datasets", "show", name)) == figures(expected["datasets"][name])


def test_versions_differ_by_what_came_in_was_corrected_and_was_dropped(look: Look) -> None:
    assert "bad cab jb" in look("datasets", "diff", "santiago", "1", "2")
    reviewed = look("datasets", "diff", "santiago", "2", "3")
    assert "bad cab fig" in reviewed
    assert "c01" in reviewed
    assert "mute" in look("datasets", "show", "santiago@1")


def test_an_export_is_taken_in_by_another_store(
    look: Look, world: Path, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from acento.core.settings import settings

    monkeypatch.setenv("ACENTO_STORE", str(world / "other"))
    settings.cache_clear()
    shown = look("datasets", "import", "guard.tar")
    (fingerprint,) = re.findall(r"\b[0-9a-f]{64}\b", shown)
    assert fingerprint in expected["datasets"]["guard"]


def test_data_that_failed_validation_are_still_refused(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object, **__: object) -> None:
        raise AssertionError("something was started")

    monkeypatch.setattr("flows.runtime.embedded.session", start)
    refused = look("benchmark", "-m", "models/one", "-d", "hurried", code=1)
    assert "hurried" in refused
    assert "valid" in refused


def test_runs_are_listed_and_the_one_that_was_killed_has_not_finished(look: Look, expected: Any) -> None:
    shown = look("runs")
    began = {line.split()[0] for line in expected["runs"].splitlines()[1:]}
    assert {line.split()[0] for line in shown.splitlines()[1:]} == began
    (killed,) = (line for line in shown.splitlines() if "not finished" in line)
    assert killed.startswith("tuesday")


def test_the_files_of_a_run_hold_its_results(look: Look, world: Path, expected: Any) -> None:
    look("results", "monday", "--download", "here")
    with (world / "here/results_summaries/results_summary_monday.csv").open(encoding="utf-8", newline="") as file:
        summaries = list(csv.DictReader(file))
    assert [row["num_samples"] for row in summaries] == [str(one["clips"]) for one in expected["results"]["monday"]]
    assert len(summaries) == 4


def test_the_leaderboard_of_all_runs_has_the_same_numbers(look: Look, expected: Any) -> None:
    board = rows(look("leaderboard", "--markdown"))
    assert len(board) > 6
    assert board == rows(expected["leaderboard"])


def test_models_their_aliases_and_the_evidence_are_shown(look: Look, expected: Any) -> None:
    first, second = expected["tiny"]
    listed = {line.split()[1]: line for line in look("models", "list", "tiny").splitlines()[1:]}
    assert "production" in listed[first]
    assert "staging" in listed[second]
    shown = look("models", "show", "tiny@production")
    assert figures(shown) == figures(expected["models"])
    assert f"registry:tiny@{first}:ctranslate2-float32" in shown
    for why in ("passed the gate in run", "it has to be today", "it was worse", "to be listened to"):
        assert why in shown


def test_aliases_go_on_from_their_history(look: Look, expected: Any) -> None:
    first, second = expected["tiny"]
    assert second in look("models", "promote", f"tiny@{second}", code=1), "the gate has not judged it"
    assert "nothing to roll back to" in look("models", "rollback", "tiny", "--alias", "staging", code=1)
    assert "already" in look("models", "promote", f"tiny@{first}")
    look("models", "promote", f"tiny@{second}", "--force", "--why", "once more")
    assert first in look("models", "rollback", "tiny")
    assert "once more" in look("models", "show", "tiny")


def test_an_export_is_found_and_not_made_again(look: Look, world: Path) -> None:
    before = artifacts(world / "store/models")
    asked = ("models", "export", "tiny@production", "--format", "ctranslate2", "--quantization", "float32")
    shown = look(*asked, "--bound", "100", "--to", "out")
    assert "there already" in shown
    assert artifacts(world / "store/models") == before
    assert (world / "out/model.bin").stat().st_size > 10_000


def test_what_can_go_is_the_same_and_what_is_alive_stays(look: Look, world: Path, expected: Any) -> None:
    things = [re.split(r"\s{2,}", line)[1] for line in expected["garbage"].splitlines()[1:] if "  " in line]
    shown = look("store", "gc")
    assert [re.split(r"\s{2,}", line)[1] for line in shown.splitlines()[1:] if "  " in line] == things
    whole = {key for key in artifacts(world / "store") if key.split("/")[0] in ("datasets", "parts", "runs", "models")}
    look("store", "gc", "--yes")
    assert whole <= set(artifacts(world / "store"))
    assert rows(look("leaderboard", "--markdown")) == rows(expected["leaderboard"])
    assert figures(look("models", "show", "tiny@production")) == figures(expected["models"])


def test_a_run_is_scored_again_by_another_normalizer_and_by_its_own(look: Look, world: Path) -> None:
    printed = look("score", "monday", "--normalizer", "basic", "--normalizer", "none", "--job-id", "anew")
    assert "normalizer none-1" in printed
    store = LocalStore(world / "store")
    before, again = (
        {(one.model, one.score.normalizer): one.score.overall.words for one, _ in entries_of(store, f"runs/{run}")}
        for run in ("monday", "anew")
    )
    assert before.items() < again.items()
    assert len(again) == 2 * len(before)
