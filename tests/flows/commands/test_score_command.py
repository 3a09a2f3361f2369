"""``acento score``: files of any system's texts, and runs, without a model and without Prefect."""

import subprocess
import sys
from pathlib import Path

import pytest
from no_charts import no_charts  # noqa: F401
from typer.testing import CliRunner
from written_texts import written

from flows.cli import app

SAID = {"a": "¿Cachái, po?", "b": "el perro ladra", "c": "uno dos tres"}
HEARD = {"a": "cachái po", "b": "el gato ladra", "c": "uno tres"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working folder with a store of its own and two files."""
    from flows.commands import terminal

    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(terminal.out, "width", 200)
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "said", "csv", SAID)
    written(tmp_path, "heard", "jsonl", HEARD, "pred_text")
    return tmp_path


def score(*arguments: str, code: int = 0) -> str:
    """Run ``acento score`` in this process, and return what it printed, on one line where it is an error."""
    done = CliRunner().invoke(app, ["score", *arguments])
    assert done.exit_code == code, done.output
    return " ".join(done.output.split()) if code else done.output


FILES = ("--references", "said.csv", "--hypotheses", "heard.jsonl", "--language", "es")


def test_files_are_scored_kept_and_found_by_the_other_commands(folder: Path) -> None:
    printed = score(*FILES, "--job-id", "theirs")
    assert "heard" in printed
    assert "25.00" in printed  # 2 errors of 8 words
    for command in (["leaderboard"], ["runs"], ["results", "theirs"]):
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, done.output
        assert "heard" in done.output or "results_theirs.csv" in done.output
    done = CliRunner().invoke(app, ["results", "theirs", "--download", "out"])
    assert done.exit_code == 0
    assert (folder / "out" / "results" / "results_theirs.csv").exists()


def test_a_wrong_breakdown_is_said_before_anything_is_kept(folder: Path) -> None:
    assert "no breakdown by 'weather'" in score(*FILES, "--by", "weather", code=1)
    assert not (folder / "store").exists()


@pytest.mark.slow
def test_several_systems_share_a_board_and_several_normalizers_have_one_each(folder: Path) -> None:
    written(folder, "better", "kaldi", SAID)
    printed = score(*FILES, "--hypotheses", "better.kaldi", "--normalizer", "basic", "--normalizer", "none")
    assert printed.count(" better ") >= 2
    assert printed.count(" heard ") >= 2
    assert "normalizer basic-1" in printed
    assert "normalizer none-1" in printed
    again = score("latest", "--normalizer", "chilean-leaderboard")
    assert "normalizer chilean-leaderboard-1" in again
    assert again.count(" better ") >= 1


def test_what_is_empty_is_said(folder: Path) -> None:
    written(folder, "said", "csv", {"a": "", "b": "el perro ladra", "c": ""})
    assert "2 of 3 references are empty; what was written there counts as insertions." in score(*FILES)
    written(folder, "said", "csv", dict.fromkeys(SAID, ""))
    assert "There is no WER: 3 of 3 references are empty." in " ".join(score(*FILES).split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "There is nothing to score: give --hypotheses FILE, with --references FILE, or the id of a run."),
        (("latest", "--hypotheses", "heard.jsonl"), "A run is scored as it is: --hypotheses is for files."),
        (("latest", "--missing", "empty"), "A run is scored as it is: --missing is for files."),
        (("latest", "--language", "xx"), "'xx' is no known language: give a code"),
        (("latest",), "There is no finished run 'latest'"),
        ((*FILES, "--normalizer", "spanglish"), "There is no normalizer 'spanglish'; there is:"),
        ((*FILES, "--language", "xx"), "'xx' is no known language: give a code"),
        ((*FILES, "--format", "xml"), "--format must be 'jsonl', 'csv'"),
        ((*FILES, "--missing", "perhaps"), "--missing must be 'refuse', 'empty' or 'drop'; got 'perhaps'."),
        ((*FILES, "--job-id", "a/b"), "cannot hold a slash"),
        (("--hypotheses", "heard.jsonl"), "heard.jsonl has no references: name the file of the references"),
        (("--references", ".", "--hypotheses", "heard.jsonl"), ". is a folder: name a file of transcripts."),
        (("--references", "none.csv", "--hypotheses", "heard.jsonl"), "none.csv cannot be read"),
        (("--references", "said.csv", "--hypotheses", "said.csv", "--hypotheses", "said.csv"), "is given twice"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_leaves_nothing(
    folder: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    assert sentence in score(*arguments, code=1)
    assert not (folder / "store" / "runs").exists()
    assert not (folder / "store" / "requests").exists()


@pytest.mark.slow
def test_no_model_code_is_imported(folder: Path) -> None:
    code = (
        "import sys, runpy; sys.argv = ['acento', 'score', '--references', 'said.csv', '--hypotheses', 'heard.jsonl']\n"
        "try: runpy.run_module('flows.cli', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'transformers', 'prefect'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_runs_of_others_are_compared_and_reported_as_own_ones_are(folder: Path) -> None:
    written(folder, "better", "kaldi", SAID)
    score(*FILES, "--job-id", "one")
    score("--references", "said.csv", "--hypotheses", "better.kaldi", "--language", "es", "--job-id", "two")
    score("one", "--normalizer", "none", "--job-id", "three")
    for other, said in (("two", "B: better"), ("three", "Scored by two normalizers, spanish-1 and none-1")):
        done = CliRunner().invoke(app, ["compare", "one", other])
        assert done.exit_code == 0, done.output
        assert said in " ".join(done.output.split())
    done = CliRunner().invoke(app, ["report", "three", "--output", "page.html"])
    assert done.exit_code == 0, done.output
    assert "heard.jsonl" in (folder / "page.html").read_text(encoding="utf-8")


def test_python_scores_files_and_runs_as_the_command_does(folder: Path) -> None:
    import acento

    first = acento.score(references=folder / "said.csv", hypotheses="heard.jsonl", normalizer="basic", job_id="one")
    assert first.boards[0].rows[0].entry.score.overall.words.errors == 2
    again = acento.score("one", normalizer=["basic", "none"])
    assert [board.normalizer for board in again.boards] == ["basic-1", "none-1"]
    with pytest.raises(acento.AcentoError, match="There is no parameter 'normaliser'"):
        acento.score("one", normaliser="basic")
    with pytest.raises(acento.AcentoError, match="missing must be 'refuse', 'empty' or 'drop'; got 'x'"):
        acento.score(references="said.csv", hypotheses="heard.jsonl", missing="x")
