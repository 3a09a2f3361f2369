"""``acento validate`` beside a real Prefect server: what it prints and shows, and what a failed set may be used for."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from commands import acento, api, newest_run
from made_up import clip, good, make_set
from servers import PrefectServer
from tiny_whisper import make_whisper

from acento.core.store import LocalStore

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a model, and a store with a good data set, a noteworthy one and a bad one."""
    root = tmp_path_factory.mktemp("validate")
    make_whisper(root / "tiny")
    store = LocalStore(root / "store")
    make_set(store, [good()], "good")
    make_set(store, [[clip(n, "test") for n in range(3)]], "benchmark-only")
    make_set(store, [[*good(), clip(20, "test", text="добрый день, как вы поживаете"), clip(21, text=None)]], "bad")
    return root


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    """Copy it, so that each test has a store of its own."""
    return shutil.copytree(prepared, tmp_path / "work")


def last_run(server: PrefectServer, dataset: str) -> tuple[Any, list[Any], list[Any]]:
    """Return the latest flow run that validated a data set, with its task runs and artifacts."""
    run = newest_run(server, "validate")
    assert "validate" in run["tags"]
    assert run["parameters"]["dataset"] == dataset
    mine = {"id": {"any_": [run["id"]]}}
    return run, api(server, "task_runs", flow_runs=mine), api(server, "artifacts", flow_runs=mine)


def test_a_set_that_passes_is_judged_once_and_found_the_second_time(
    prefect_server: PrefectServer, folder: Path
) -> None:
    first = acento(prefect_server, folder, "validate", "good")
    assert first.returncode == 0, first.stderr
    assert re.search(r"^ok +unique-ids", first.stdout, re.MULTILINE)
    assert re.search(r"^verdict +passed$", first.stdout, re.MULTILINE)
    page = re.search(r"^page +(.+)$", first.stdout, re.MULTILINE)
    assert page
    assert "<svg" in Path(page[1]).read_text(encoding="utf-8")
    again = acento(prefect_server, folder, "validate", "good")
    assert (again.returncode, "good v1 (cached" in again.stdout) == (0, True)
    _, tasks, _ = last_run(prefect_server, "good")
    assert [(task["name"], task["state_name"]) for task in tasks] == [("validate good", "Cached")]


def test_warnings_are_shown_and_stop_nothing(prefect_server: PrefectServer, folder: Path) -> None:
    done = acento(prefect_server, folder, "validate", "benchmark-only", "--model", "tiny")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^warning +train-and-dev-splits", done.stdout, re.MULTILINE)
    assert re.search(r"^ok +label-length", done.stdout, re.MULTILINE)
    assert re.search(r"^verdict +passed, 1 warning$", done.stdout, re.MULTILINE)


def test_errors_fail_the_flow_and_name_the_clips_everywhere(prefect_server: PrefectServer, folder: Path) -> None:
    done = acento(prefect_server, folder, "validate", "bad")
    assert done.returncode == 1
    assert re.search(r"^ERROR +script .* 1 +c20 *$", done.stdout, re.MULTILINE)
    assert re.search(r"^ERROR +text .* 1 +c21 *$", done.stdout, re.MULTILINE)
    assert done.stderr.startswith("Error: Data set bad v1 failed validation (text:")
    assert done.stderr.count("\n") == 1
    run, tasks, artifacts = last_run(prefect_server, "bad")
    assert (run["name"], run["state_type"]) == ("validate bad", "FAILED")
    assert "c20" in run["state"]["message"]
    assert tasks[0]["state_type"] == "COMPLETED"
    shown = {artifact["key"]: artifact for artifact in artifacts}
    table = shown["validate-bad-1-verdict"]["data"]
    rows = json.loads(table) if isinstance(table, str) else table
    assert {row["check"]: row["such as"] for row in rows if row["result"] == "ERROR"} == {
        "text": "c21",
        "script": "c20",
    }
    assert "/index.html`" in shown["validate-bad-1"]["data"]


def test_a_failed_set_is_benchmarked_only_when_allowed_and_the_run_says_so(
    prefect_server: PrefectServer, folder: Path
) -> None:
    command = ("benchmark", "-m", "tiny", "-d", "bad", "-d", "good", "--normalizer", "none")
    acento(prefect_server, folder, "validate", "bad")
    refused = acento(prefect_server, folder, *command)
    assert refused.returncode == 1
    assert "Data set bad v1 failed validation" in refused.stderr
    assert "--allow-invalid" in refused.stderr
    used = acento(prefect_server, folder, *command, "--allow-invalid", "--job-id", "used")
    assert used.returncode == 0, used.stderr
    assert "bad@1: failed, used all the same" in used.stdout
    record = json.loads((folder / "store" / "runs" / "used" / "run.json").read_text())
    assert {result["dataset"]["name"]: result["dataset"]["validation"] for result in record["results"]} == {
        "bad@1": "failed, used all the same",
        "good@1": "not validated",
    }


def test_the_suite_can_be_copied_and_changed(prefect_server: PrefectServer, folder: Path) -> None:
    written = acento(prefect_server, folder, "validate", "--write-suite", "my.yaml")
    assert written.returncode == 0, written.stderr
    assert "is there already" in acento(prefect_server, folder, "validate", "--write-suite", "my.yaml").stderr
    assert "snr_db" in acento(prefect_server, folder, "validate", "--columns").stdout
    suite = folder / "my.yaml"
    suite.write_text(suite.read_text(encoding="utf-8").replace("severity: error", "severity: warning"), "utf-8")
    done = acento(prefect_server, folder, "validate", "bad", "--suite", "my.yaml")
    assert done.returncode == 0, done.stderr
    assert "passed, 3 warnings" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ((), 2, "It must be given. A staged data set"),
        (("nope",), 1, "There is no data set 'nope'"),
        (("good", "--suite", "nope.yaml"), 1, "nope.yaml cannot be read (No such file or directory)"),
        (("good", "--model", "nope"), 1, "There is no model folder nope"),
    ],
)
def test_bad_input_is_one_sentence_and_an_exit_code(
    prefect_server: PrefectServer, folder: Path, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    done = acento(prefect_server, folder, "validate", *arguments)
    assert done.returncode == code
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
