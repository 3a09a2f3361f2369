"""``acento search`` beside a real server: what it leaves, a kill half-way, trials side by side, bad input."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from commands import acento, api, command, is_one_sentence, newest_run
from servers import PrefectServer, wait_until
from staged import staged_splits
from tiny_whisper import make_whisper

from acento.core.store import LocalStore
from acento.registry.versions import versions
from acento.training.recipe import read_recipe, recipe_for

pytestmark = pytest.mark.server

SPACE = """\
learning_rate: {low: 1e-4, high: 1e-2, log: true}
strategy: [encoder, full, lora]
lora_rank: [2, 4]
"""
SHORT = ("--set", "max_steps=4", "--set", "eval_every=1", "--set", "batch_size=2", "--set", "checkpoint_every=1")
SEARCH = ("search", "-d", "small", "-b", "base", "--space", "space.yaml", "--sampler", "random", "--threads", "1")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a base model, a space file, and a store with a small data set."""
    root = tmp_path_factory.mktemp("search")
    make_whisper(root / "base", seed=4, window_s=2)
    staged_splits(LocalStore(root / "store"), root / "clips", train=4, dev=2, test=2)
    (root / "space.yaml").write_text(SPACE)
    return root


def trained(folder: Path) -> set[str]:
    """Return the jobs of trials that have ended."""
    return {path.parent.parent.name for path in (folder / "store/jobs").glob("*/unpublished/_complete.json")}


def logged(folder: Path, jobs: set[str]) -> dict[str, list[tuple[str, int]]]:
    """Return the log files of jobs, which grow with every step and evaluation."""
    logs = folder / "store/logs/base-small-search"
    return {
        job: sorted((path.name, path.stat().st_size) for path in (logs / job[:12]).glob("events.*")) for job in jobs
    }


def table(folder: Path) -> list[list[str]]:
    lines = (folder / "store/searches/base-small/trials.csv").read_text().splitlines()
    return [line.split(",") for line in lines[1:]]


def test_killed_after_the_third_trial_it_ends_with_eight_and_trains_none_twice(
    prefect_server: PrefectServer, folder: Path
) -> None:
    asked = (*SEARCH, *SHORT, "--trials", "8", "--pruner", "none")
    process = subprocess.Popen(
        **command(prefect_server, folder, *asked),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_until(lambda: len(trained(folder)) >= 3 or process.poll() is not None, "three trials", 120)
    assert process.poll() is None, process.communicate()
    os.kill(process.pid, signal.SIGKILL)
    _, said = process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL, said
    before = trained(folder)
    assert 3 <= len(before) < 8, "it was to be killed half-way"
    logs = logged(folder, before)
    assert all(logs.values())

    done = acento(prefect_server, folder, *asked)
    assert done.returncode == 0, done.stderr
    assert "All 8 trials are done." in done.stdout
    rows = table(folder)
    assert [int(row[0]) for row in rows] == list(range(8))
    assert {row[1] for row in rows} == {"finished"}
    assert {row[5] for row in rows} == {"2"}, "the pruner is told of every evaluation"
    assert len(trained(folder)) == 8
    assert logged(folder, before) == logs, "what had ended was trained again"

    store = LocalStore(folder / "store")
    (version,) = versions(store)  # of all trials, the best one alone is a model
    best = min(rows, key=lambda row: (float(row[2]), int(row[0])))
    assert version.name == "base-small"
    kept = {path.parents[1].name for path in (folder / "store/jobs").glob("*/checkpoints/*")}
    assert kept == {version.about.job.rpartition("/")[2]}, "of the trials that lost, nothing but numbers is kept"
    assert version.about.job.rpartition("/")[2] in trained(folder)
    assert version.about.dev_wer == pytest.approx(float(best[2]), abs=1e-5)
    assert version.id in done.stdout
    results = folder / "store/searches/base-small"
    recipe = recipe_for(4, "cpu", read_recipe(results / "best.yaml"))
    assert recipe.model_dump(mode="json") == version.about.recipe
    assert recipe.max_steps == 4
    assert (results / "history.png").read_bytes().startswith(b"\x89PNG")
    assert str(results / "best.yaml") in done.stdout.replace("\n", "")

    run = newest_run(prefect_server, "search")
    assert run["name"] == "search base on small"
    assert {"acento", "search", "small"} <= set(run["tags"])
    artifacts = {a["key"]: a for a in api(prefect_server, "artifacts", flow_runs={"id": {"any_": [run["id"]]}})}
    assert artifacts["search-base-on-small"]["data"] == 100
    shown = api(prefect_server, "artifacts/latest", artifacts={"key": {"any_": ["trials-base-on-small"]}})
    assert shown[0]["data"].count("finished") == 8


def test_trials_side_by_side_that_are_interrupted_leave_checkpoints_to_go_on_from(
    prefect_server: PrefectServer, folder: Path
) -> None:
    long = ("--set", "max_steps=40", "--set", "eval_every=5", "--set", "batch_size=1", "--set", "checkpoint_every=99")
    asked = (*SEARCH, *long, "--trials", "2", "--parallel", "2", "--pruner", "none")
    process = subprocess.Popen(
        **command(prefect_server, folder, *asked),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    jobs = folder / "store/jobs"
    wait_until(lambda: len(list(jobs.glob("*/checkpoints/*"))) >= 2 or process.poll() is not None, "two trials", 120)
    os.kill(process.pid, signal.SIGTERM)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert said.strip().endswith("run the same command again to go on.")
    steps = {path.parent.parent.name: int(path.name) for path in jobs.glob("*/checkpoints/[0-9]*")}
    assert len(steps) == 2

    done = acento(prefect_server, folder, *asked)
    assert done.returncode == 0, done.stderr
    assert [row[1] for row in table(folder)] == ["finished", "finished"]
    assert trained(folder) == set(steps), "the same two jobs went on"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("-d", "none"), "There is no data set 'none'"),
        (("--space", "wrong.yaml"), "learning_rat"),
        (("--space", "nowhere.yaml"), "nowhere.yaml cannot be read"),
        (("--sampler", "grid"), "A grid needs a list of values for learning_rate"),
        (("--trials", "0"), "--trials must be at least 1; got 0."),
        (("--minutes", "0", "--parallel", "0"), "--parallel must be at least 1; got 0."),
        (("--dollars", "3"), "price"),
    ],
)
def test_bad_input_gets_one_sentence(
    prefect_server: PrefectServer, folder: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    (folder / "wrong.yaml").write_text("learning_rat: [1e-4]\n")
    is_one_sentence(acento(prefect_server, folder, *SEARCH, *arguments), sentence)
    assert not (folder / "store/jobs").exists()
