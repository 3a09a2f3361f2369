"""The command ``acento``: quick to answer, and every failure one sentence and its own exit code."""

import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from recordings import put
from rich.console import Console
from servers import BIN, PrefectServer, wait_until
from typer.testing import CliRunner, Result

import acento
from acento.core import progress
from acento.core.errors import DataError
from flows.cli import app
from flows.commands import datasets, terminal


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a store of the test's own."""
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))


def call(*arguments: str) -> Result:
    """Run ``acento`` in this process."""
    return CliRunner().invoke(app, list(arguments))


def acento_command(*arguments: str, home: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``acento`` as a person does, with a Prefect home of its own."""
    environment = {**os.environ, **({"PREFECT_HOME": str(home)} if home else {}), **variables}
    return subprocess.run(
        [str(BIN / "acento"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Make a folder of three clips."""
    for number in range(3):
        put(tmp_path / "my recordings", f"clip-{number}", seed=number)
    return tmp_path / "my recordings"


def test_nothing_heavy_is_imported_before_a_verb_asks_for_it() -> None:
    script = "import sys, flows.cli; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    for heavy in ("prefect", "torch", "transformers", "pyarrow", "numpy", "datasets", "pydantic", "av"):
        assert f"'{heavy}'" not in modules


def test_help_lists_the_verbs() -> None:
    shown = call("--help")
    assert shown.exit_code == 0
    for verb in ("stage", "datasets", "info"):
        assert verb in shown.stdout


def test_the_version_is_printed() -> None:
    assert call("--version").stdout == f"acento {acento.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [("stage",), ("stage", "x"), ("nothing",), ("stage", "x", "--name", "y", "--seed", "seven"), ("--wrong",)],
)
def test_a_command_line_that_is_not_understood_ends_with_2(arguments: tuple[str, ...]) -> None:
    assert call(*arguments).exit_code == 2


def test_an_error_is_one_sentence_on_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACENTO_STORE", "gopher://cellar")
    shown = call("datasets")
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert re.fullmatch(r"Error: ACENTO_STORE='gopher://cellar'[^\n]*\n", shown.stderr)


def test_brackets_in_an_error_are_not_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    _fail(monkeypatch, DataError("There is no [bold] 'a[0].wav'."))
    assert call("datasets").stderr == "Error: There is no [bold] 'a[0].wav'.\n"


def test_a_bug_is_said_shortly_and_its_traceback_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    _fail(monkeypatch, KeyError("surprise"))
    shown = call("datasets")
    assert shown.exit_code == terminal.BUG
    match = re.fullmatch(
        r"Error: unexpected KeyError: 'surprise' \(traceback in (\S+); or run again with -v\)\n", shown.stderr
    )
    assert match
    log = Path(match[1])
    assert "Traceback (most recent call last)" in log.read_text(encoding="utf-8")
    log.unlink()


def test_a_bug_is_said_in_full_when_verbose(monkeypatch: pytest.MonkeyPatch) -> None:
    _fail(monkeypatch, KeyError("surprise"))
    assert "Traceback (most recent call last)" in call("-v", "datasets").stderr


def test_an_interrupt_ends_with_130_and_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    _fail(monkeypatch, KeyboardInterrupt())
    shown = call("datasets")
    assert shown.exit_code == 130
    assert re.fullmatch(r"Interrupted[^\n]*\n", shown.stderr)


def test_no_data_set_yet_is_no_error() -> None:
    shown = call("datasets")
    assert shown.exit_code == 0
    assert "acento stage SOURCE --name NAME" in shown.stdout


def test_info_says_what_there_is(tmp_path: Path) -> None:
    shown = call("info")
    assert shown.exit_code == 0
    for what in (acento.__version__, "torch", "cpu", "cuda", "mps", str(tmp_path / "store"), "ephemeral", "moonshine"):
        assert what in shown.stdout


def test_numbers_in_a_table_have_two_digits_after_the_point(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_table(["name", "hours"], [("[x]", 1.23456)])
    assert capsys.readouterr().out.split() == ["name", "hours", "[x]", "1.23"]


def test_progress_is_taken_from_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(terminal, "err", Console(file=screen, force_terminal=True, width=160))
    with terminal.progress_bars("starting"):
        progress.report("decode", 1, 3, "clips")
        progress.report("fine-tune mini", 7, 30, "steps", "loss 0.412, dev WER [17.9] %")
    for shown in ("decode", "1/3 clips", "fine-tune mini", "7/30 steps", "left", "loss 0.412, dev WER [17.9] %"):
        assert shown in screen.getvalue()


def test_without_a_terminal_a_step_is_a_line_where_it_begins_now_and_then_and_where_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen, now = io.StringIO(), [1000.0]
    monkeypatch.setattr(terminal, "err", Console(file=screen, width=40))
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with terminal.progress_bars("starting", lines=True):
        for done in range(4):
            progress.report("decode", done, 3, "clips", "loss [0.4]")
            now[0] += 70
    assert screen.getvalue().splitlines() == [
        "decode  0/3 clips  loss [0.4]",
        "decode  2/3 clips  loss [0.4]",
        "decode  3/3 clips  loss [0.4]",
    ]


def test_without_a_terminal_commands_that_are_short_say_nothing_of_their_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(terminal, "err", Console(file=screen, width=40))
    with terminal.progress_bars("starting"):
        progress.report("decode", 1, 3, "clips")
    assert screen.getvalue() == ""


@pytest.mark.server
def test_staging_ends_with_counts_and_the_path(source: Path, prefect_home: Path, tmp_path: Path) -> None:
    first = acento_command("stage", str(source), "--name", "santiago", "--language", "es", home=prefect_home)
    assert (first.returncode, first.stderr) == (0, "")
    facts = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in first.stdout.splitlines())
    assert (facts["data set"], facts["staged now"], facts["rejected"]) == ("santiago v1", "3", "0")
    assert (Path(facts["path"]) / "card.json").exists()
    assert Path(facts["path"]).is_relative_to(tmp_path / "store")

    again = acento_command("stage", str(source), "--name", "santiago", home=prefect_home)
    assert (again.returncode, again.stderr) == (0, "")
    assert "santiago v1 (cached: nothing new)" in again.stdout

    listed = call("datasets").stdout.splitlines()
    assert listed[0].split() == ["name", "version", "clips", "hours", "splits", "rejected"]
    assert listed[1].split()[:3] == ["santiago", "1", "3"]


@pytest.mark.server
def test_what_a_task_says_reaches_the_person_as_one_sentence(prefect_home: Path, tmp_path: Path) -> None:
    (tmp_path / "silent").mkdir()
    shown = acento_command("stage", str(tmp_path / "silent"), "--name", "x", home=prefect_home)
    assert (shown.returncode, shown.stdout) == (1, "")
    assert re.fullmatch(r"Error: [^\n]*silent[^\n]*holds no recordings[^\n]*\n", shown.stderr)


@pytest.mark.server
def test_staging_works_beside_a_running_server(prefect_server: PrefectServer, source: Path) -> None:
    shown = prefect_server.run("acento", "stage", str(source), "--name", "beside", **_this_store())
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "beside v1" in shown.stdout


@pytest.mark.slow
def test_a_server_that_is_not_there_is_said(source: Path) -> None:
    shown = acento_command("stage", str(source), "--name", "x", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert (shown.returncode, shown.stdout) == (1, "")
    assert re.fullmatch(r"Error: No Prefect server answers[^\n]*prefect server start[^\n]*\n", shown.stderr)


@pytest.mark.server
def test_ctrl_c_ends_the_flow_and_the_server(source: Path, prefect_home: Path) -> None:
    command = [str(BIN / "acento"), "stage", str(source), "--name", "x"]
    environment = {**os.environ, "PREFECT_HOME": str(prefect_home)}
    run = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_until((prefect_home / "acento-server.log").exists, "the embedded server's log", 120)
    os.killpg(run.pid, signal.SIGINT)
    out, err = run.communicate(timeout=300)
    assert (run.returncode, out) == (130, "")
    assert re.fullmatch(r"Interrupted[^\n]*\n", err)


def _fail(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make the verb ``datasets`` raise."""

    def fail() -> None:
        raise error

    monkeypatch.setattr("acento.core.store.open_store", fail)
    assert datasets.datasets


def _this_store() -> dict[str, str]:
    return {"ACENTO_STORE": os.environ["ACENTO_STORE"]}
