"""``acento benchmark`` beside a real Prefect server: what it prints, leaves and does not do twice; and bad input."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import acento, api, command, newest_run
from servers import PrefectServer, wait_until
from staged import staged, staged_splits
from tiny_whisper import make_whisper

from acento.core.store import LocalStore

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with two models and a store with a staged data set."""
    root = tmp_path_factory.mktemp("benchmark")
    make_whisper(root / "models" / "one", seed=4)
    make_whisper(root / "models" / "two", seed=5)
    staged(LocalStore(root / "store"), root / "clips", 12)
    return root


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    """Copy it, so that each test has a store of its own."""
    return shutil.copytree(prepared, tmp_path / "work")


def imports_of(server: PrefectServer, folder: Path, *arguments: str) -> Any:
    """Run the command and let Python say what it imports."""
    started = command(server, folder, *arguments)
    started["args"].insert(1, "-Ximporttime")
    return subprocess.run(**started, capture_output=True, timeout=300, check=False)


def run_json(folder: Path, run: str) -> Any:
    return json.loads((folder / "store" / "runs" / run / "run.json").read_text())


BENCHMARK = ("benchmark", "-m", "models/one", "-m", "models/two", "-d", "demo", "--normalizer", "none")


def test_it_prints_a_leaderboard_and_leaves_a_run_with_its_origin(prefect_server: PrefectServer, folder: Path) -> None:
    done = acento(prefect_server, folder, *BENCHMARK, "--job-id", "first", "--num-requests", "2", "--by", "speaker")
    assert done.returncode == 0, done.stderr
    assert "demo v1, test, normalizer none-1" in done.stdout
    assert "models/one" in done.stdout
    assert "WER % by speaker" in done.stdout
    assert str(folder / "store" / "runs" / "first") in done.stdout.replace("\n", "")

    record = run_json(folder, "first")
    assert {"acento", "libraries", "machine", "request", "began", "finished", "wall_s"} <= set(record)
    result = record["results"][0]
    assert result["dataset"]["clips"] == 12
    assert result["decoding"]["language"] == "es"
    assert result["normalizer"] == "none-1"
    assert result["measured"]["devices"]
    assert result["measured"]["inference_s"] > 0

    with (folder / "store/runs/first/results_summaries/results_summary_first.csv").open(newline="") as file:
        summaries = list(csv.DictReader(file))
    assert [row["num_samples"] for row in summaries] == ["12", "12"]
    assert list(summaries[0])[:5] == ["num_samples", "wer", "rtfx", "total_time", "total_audio_length"]
    with (folder / "store/runs/first/results/results_first.csv").open(newline="") as file:
        details = list(csv.DictReader(file))
    assert len(details) == 24
    assert {"transcriptions", "original_text", "dataset", "split"} <= set(details[0])


def test_what_prefect_shows_can_be_read_by_a_person(prefect_server: PrefectServer, folder: Path) -> None:
    acento(prefect_server, folder, *BENCHMARK, "--job-id", "shown")
    run = newest_run(prefect_server, "benchmark")
    assert "benchmark" in run["tags"]
    assert run["name"] == "benchmark one, two on demo/test (shown)"
    tasks = api(prefect_server, "task_runs", flow_runs={"id": {"any_": [run["id"]]}})
    assert {task["name"] for task in tasks} == {
        "plan one, two on demo/test",
        "transcribe one on demo v1/test",
        "transcribe two on demo v1/test",
        "score one on demo v1/test",
        "score two on demo v1/test",
        "publish shown",
    }
    ids, waits = ({task["name"]: task[key] for task in tasks} for key in ("id", "task_inputs"))
    awaited = [link["id"] for link in waits["score two on demo v1/test"]["transcribed"] if "id" in link]
    assert awaited == [ids["transcribe two on demo v1/test"]], "the page of the run draws what waited for what"
    artifacts = {a["key"]: a for a in api(prefect_server, "artifacts", flow_runs={"id": {"any_": [run["id"]]}})}
    assert "| model |" in artifacts["leaderboard-demo-test"]["data"]
    assert artifacts["transcribe-one-on-demo-v1-test"]["data"] == 100


def test_the_same_again_infers_nothing_imports_no_torch_and_says_cached(
    prefect_server: PrefectServer, folder: Path
) -> None:
    first = acento(prefect_server, folder, *BENCHMARK, "--job-id", "a")
    again = imports_of(prefect_server, folder, *BENCHMARK, "--job-id", "b")
    assert (first.returncode, again.returncode) == (0, 0), again.stderr[-2000:]
    imported = {line.rpartition("|")[2].strip() for line in again.stderr.splitlines() if line.startswith("import time")}
    assert "prefect" in imported
    assert not imported & {"torch", "transformers"}
    run = newest_run(prefect_server, "benchmark")
    assert run["parameters"]["job_id"] == "b"
    states = {
        task["name"].partition(" ")[0]: task["state_name"]
        for task in api(prefect_server, "task_runs", flow_runs={"id": {"any_": [run["id"]]}})
    }
    assert states == {"plan": "Completed", "transcribe": "Cached", "score": "Cached", "publish": "Completed"}
    texts = [[result["texts_sha256"] for result in run_json(folder, name)["results"]] for name in ("a", "b")]
    assert texts[0] == texts[1]
    assert len(list((folder / "store/measurements").rglob("*.json"))) == 2


def test_a_whisper_on_ctranslate2_stands_beside_itself(prefect_server: PrefectServer, folder: Path) -> None:
    asked = ("benchmark", "-m", "models/one", "-d", "demo", "--normalizer", "none")
    plain = acento(prefect_server, folder, *asked, "--job-id", "plain")
    exact = acento(
        prefect_server, folder, *asked, "--engine", "ctranslate2", "--quantization", "float32", "--job-id", "exact"
    )
    assert (plain.returncode, exact.returncode) == (0, 0), exact.stderr
    assert "models/one:ctranslate2-float32" in exact.stdout
    texts = [run_json(folder, name)["results"][0]["texts_sha256"] for name in ("plain", "exact")]
    assert texts[0] == texts[1]
    board = acento(prefect_server, folder, "leaderboard").stdout
    assert board.count("models/one") == 2
    refused = acento(prefect_server, folder, *asked, "--engine", "onnx")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "engine" in refused.stderr


def test_killed_in_the_middle_and_run_again_it_ends_with_the_same_texts(
    prefect_server: PrefectServer, folder: Path
) -> None:
    whole = acento(prefect_server, folder, *BENCHMARK, "--job-id", "whole")
    assert whole.returncode == 0
    shutil.rmtree(folder / "store" / "scores")
    shutil.rmtree(folder / "store" / "jobs")
    environment = {**prefect_server.environment, "ACENTO_STORE": str(folder / "store")}
    command = [sys.executable, "-m", "flows.cli", *BENCHMARK, "--job-id", "killed"]
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    # one model's part is done, the other's is not
    wait_until(lambda: len(list((folder / "store/jobs").glob("*/attempt-1/_complete.json"))) == 1, "a first part", 120)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (folder / "store/runs/killed").exists()
    assert "not finished" in acento(prefect_server, folder, "runs").stdout
    again = acento(prefect_server, folder, *BENCHMARK, "--job-id", "killed")
    assert again.returncode == 0, again.stderr
    texts = [[result["texts_sha256"] for result in run_json(folder, name)["results"]] for name in ("whole", "killed")]
    assert texts[0] == texts[1]


def test_a_job_id_is_not_given_to_another_request(prefect_server: PrefectServer, folder: Path) -> None:
    acento(prefect_server, folder, *BENCHMARK, "--job-id", "mine", "--limit", "2")
    other = acento(prefect_server, folder, *BENCHMARK, "--job-id", "mine", "--limit", "3")
    assert other.returncode == 1
    assert "Job id mine belongs to another request" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("-m", "models/three", "-d", "demo"), "There is no folder models/three"),
        (("-m", "models", "-d", "demo"), "has no config.json"),
        (("-m", "models/one", "-d", "dmeo"), "There is no data set 'dmeo'"),
        (("-m", "models/one", "-d", "demo@9"), "has no version '9' (it has 1)"),
        (("-m", "models/one", "-d", "demo", "--split", "dev"), "no clips in split 'dev'; it has test (12)"),
        (("-m", "models/one", "-d", "demo", "--gpu-batch-size", "0"), "--gpu-batch-size must be at least 1; got 0."),
        (("-m", "models/one", "-d", "demo", "--num-requests", "0"), "--num-requests must be at least 1; got 0."),
        (("-m", "models/one", "-d", "demo", "--language", "xx"), "'xx' is no known language: give a code"),
        (
            ("-m", "models/one", "-d", "demo", "--language", "eu"),
            "'eu' (Basque); it knows en, es, sv. Name one of these",
        ),
        (("-m", "models/one", "-d", "demo", "--normalizer", "mine"), "There is no normalizer 'mine'"),
        (("-m", "models/one", "-d", "demo", "--job-id", "../x"), "cannot name anything in the store"),
    ],
)
def test_bad_input_is_one_sentence_and_an_exit_code(
    prefect_server: PrefectServer, folder: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    done = acento(prefect_server, folder, "benchmark", *arguments)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr + done.stdout


def test_a_store_that_cannot_be_written_is_said_before_anything_starts(
    prefect_server: PrefectServer, folder: Path
) -> None:
    (folder / "file").write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", *BENCHMARK],
        cwd=folder,
        env={**prefect_server.environment, "ACENTO_STORE": str(folder / "file" / "store")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "ACENTO_STORE" in done.stderr


def test_looking_needs_no_prefect(prefect_server: PrefectServer, folder: Path) -> None:
    acento(prefect_server, folder, *BENCHMARK, "--job-id", "seen")
    for verb, words in (
        (("runs",), "seen"),
        (("results", "seen"), "results_summary_seen.csv"),
        (("results", "--download", "here"), "leaderboard.md"),
        (("leaderboard", "--by", "accent"), "models/two"),
        (("leaderboard", "--markdown"), "| model |"),
        (("datasets",), "demo"),
    ):
        done = imports_of(prefect_server, folder, *verb)
        assert done.returncode == 0, done.stderr
        assert words in done.stdout
        assert "| prefect\n" not in done.stderr
        assert "| torch\n" not in done.stderr
    assert (folder / "here" / "results_summaries" / "results_summary_seen.csv").is_file()
    for verb, sentence in (
        (("results", "nope"), "There is no finished run 'nope'"),
        (("results", "seen", "nope.csv"), "has no file 'nope.csv'"),
        (("leaderboard", "-d", "nope"), "has scored data set 'nope'"),
        (("leaderboard", "--by", "weather"), "no breakdown by 'weather'"),
    ):
        done = acento(prefect_server, folder, *verb)
        assert done.returncode == 1
        assert sentence in done.stderr


def test_of_several_models_and_data_sets_the_bad_ones_are_left_out_by_name_and_the_rest_is_scored(
    prefect_server: PrefectServer, folder: Path
) -> None:
    shutil.copytree(folder / "models" / "two", folder / "models" / "cut")
    weights = folder / "models" / "cut" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    asked = ("-m", "models/one", "-m", "models/cut", "-m", "models/missing/x", "-d", "demo", "-d", "nothere")
    done = acento(prefect_server, folder, "benchmark", *asked, "--job-id", "partly")
    assert done.returncode == 1
    assert "models/missing/x will be left out. There is no model folder" in done.stderr
    left_out = [line.partition(". ")[0] for line in done.stderr.splitlines() if line.startswith("Left out: ")]
    assert left_out == ["Left out: nothere", "Left out: models/missing/x", "Left out: cut on demo v1/test"]
    assert "models/one" in done.stdout
    assert [result["model"]["id"] for result in run_json(folder, "partly")["results"]] == ["models/one"]
    (artifact,) = [
        one
        for one in api(prefect_server, "artifacts", artifacts={"key": {"any_": ["leaderboard-demo-test"]}}, limit=200)
        if "Left out: nothere" in one["data"]
    ]
    assert "Left out: cut on demo v1/test. " in artifact["data"]


def test_a_single_model_that_fails_is_a_plain_error(prefect_server: PrefectServer, folder: Path) -> None:
    weights = folder / "models" / "two" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    done = acento(prefect_server, folder, "benchmark", "-m", "models/two", "-d", "demo")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "Left out" not in done.stderr


def test_what_cannot_work_is_said_before_anything_starts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from acento.core.settings import settings
    from flows.cli import app

    def start(*_: object, **__: object) -> None:
        raise AssertionError("something was started")

    monkeypatch.setenv("ACENTO_STORE", str(folder / "store"))
    settings.cache_clear()
    monkeypatch.setattr("flows.runtime.embedded.session", start)
    for asked in (
        ("benchmark", "-m", "nowhere/x/y", "-d", "demo"),
        ("benchmark", "-m", "demo:whisper-micro", "-d", "nothere"),
        ("benchmark", "-m", "demo:whisper-micro", "-d", "demo", "--split", "tset"),
        ("finetune", "-b", "demo:whisper-micro", "-d", "nothere"),
        ("specialize", "-b", "demo:whisper-micro", "-d", "new", "--source", "x", "--guard", "nothere"),
    ):
        shown = CliRunner().invoke(app, list(asked))
        assert shown.exit_code == 1, asked
        assert shown.stderr.startswith("Error: "), asked


def test_all_splits_are_scored_together_and_the_title_says_so(prefect_server: PrefectServer, folder: Path) -> None:
    staged_splits(LocalStore(folder / "store"), folder / "more", train=3, dev=2, test=2, name="whole")
    asked = ("-m", "models/one", "-d", "whole", "--split", "all", "--job-id", "whole", "--by", "split")
    done = acento(prefect_server, folder, "benchmark", *asked)
    assert done.returncode == 0, done.stderr
    assert "whole v1, all, normalizer" in done.stdout
    assert "WER % by split" in done.stdout
    (result,) = run_json(folder, "whole")["results"]
    assert (result["dataset"]["split"], result["dataset"]["clips"]) == ("all", 7)
