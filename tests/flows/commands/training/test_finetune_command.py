"""``acento finetune`` and ``acento specialize`` beside a real server: what they leave, a kill half-way, bad input."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from commands import acento, api, command, is_one_sentence, newest_run
from servers import PrefectServer, wait_until

from acento.core.store import LocalStore
from acento.registry.versions import find_version, versions

pytestmark = pytest.mark.server

FINETUNE = ("finetune", "-d", "small", "-b", "base", "--threads", "1", "--learning-rate", "1e-3")


def weights(folder: Path) -> bytes:
    store = LocalStore(folder / "store")
    return store.read_bytes(find_version(store, "base-small").key, "model.safetensors")


def test_it_leaves_a_version_shows_its_curve_and_does_nothing_twice(
    prefect_server: PrefectServer, folder: Path
) -> None:
    asked = (*FINETUNE, "--epochs", "2", "--strategy", "full", "--set", "eval_every=1", "--balance", "accent")
    done = acento(prefect_server, folder, *asked)
    assert done.returncode == 0, done.stderr
    store = LocalStore(folder / "store")
    (version,) = versions(store, "base-small")
    assert version.id in done.stdout
    assert "All 2 steps are done." in done.stdout
    assert version.about.strategy == "full"
    assert version.about.recipe["learning_rate"] == 1e-3
    assert {"config.json", "model.safetensors", "recipe.json", "history.jsonl", "curve.png"} <= set(
        store.find(version.key).files
    )
    assert list((folder / "store/logs/base-small").rglob("events.out.*"))

    run = newest_run(prefect_server, "finetune")
    assert run["name"] == "finetune base on small"
    assert {"acento", "finetune", "small"} <= set(run["tags"])
    artifacts = {a["key"]: a for a in api(prefect_server, "artifacts", flow_runs={"id": {"any_": [run["id"]]}})}
    assert "| learning_rate | 0.001 |" in artifacts["recipe-base-on-small"]["data"]
    assert "| chilean | 5 | 62.5% | 50.0% |" in artifacts["recipe-base-on-small"]["data"]
    assert "| 2 | 2.00 |" in artifacts["curve-base-on-small"]["data"]
    assert artifacts["finetune-base-on-small"]["data"] == 100

    again = acento(prefect_server, folder, *asked)
    assert again.returncode == 0, again.stderr
    run = newest_run(prefect_server, "finetune")
    tasks = api(prefect_server, "task_runs", flow_runs={"id": {"any_": [run["id"]]}})
    assert {task["name"]: task["state_name"] for task in tasks}["finetune base on small"] == "Cached"
    assert len(versions(store, "base-small")) == 1


LONG = (*FINETUNE, "--epochs", "60", "--set", "eval_every=20", "--set", "checkpoint_every=2", "--set", "patience=9")


@pytest.fixture(scope="module")
def straight(prefect_server: PrefectServer, prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the weights that the long training leaves when nothing happens to it."""
    folder = shutil.copytree(prepared, tmp_path_factory.mktemp("straight") / "work")
    done = acento(prefect_server, folder, *LONG)
    assert done.returncode == 0, done.stderr
    return weights(folder)


def begun(folder: Path) -> bool:
    """Tell whether a training has left a checkpoint after some steps."""
    return any(int(path.name) >= 6 for path in (folder / "store/jobs").glob("*/checkpoints/*") if path.name.isdecimal())


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_ended_half_way_and_run_again_it_leaves_the_very_same_weights(
    prefect_server: PrefectServer, folder: Path, straight: bytes, sign: signal.Signals
) -> None:
    process = subprocess.Popen(
        **command(prefect_server, folder, *LONG), stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    wait_until(lambda: begun(folder) or process.poll() is not None, "a checkpoint", 120)
    assert process.poll() is None, "it ended before it could be killed: make it longer"
    os.kill(process.pid, sign)
    _, said = process.communicate(timeout=120)
    assert process.returncode == (-sign if sign is signal.SIGKILL else 130), said
    if sign is not signal.SIGKILL:
        assert said.strip().endswith("run the same command again to go on.")
    assert not versions(LocalStore(folder / "store"))

    again = acento(prefect_server, folder, *LONG)
    assert again.returncode == 0, again.stderr
    assert weights(folder) == straight


def test_a_time_limit_makes_more_sittings_and_the_same_model(
    prefect_server: PrefectServer, folder: Path, tmp_path: Path
) -> None:
    # many times longer than the limit, however quick the machine
    asked = (*FINETUNE, "--epochs", "500", "--set", "eval_every=500", "--set", "checkpoint_every=99")
    other = shutil.copytree(folder, tmp_path / "straight")
    done = acento(prefect_server, folder, *asked, "--max-minutes", "0.05")
    assert done.returncode == 0, done.stderr
    run = newest_run(prefect_server, "finetune")
    tasks = api(prefect_server, "task_runs", flow_runs={"id": {"any_": [run["id"]]}}, limit=200)
    assert sum(task["name"] == "finetune base on small" for task in tasks) > 1
    straight = acento(prefect_server, other, *asked)
    assert straight.returncode == 0, straight.stderr
    assert weights(folder) == weights(other)


def test_two_at_once_train_it_once_and_nothing_is_lost(prefect_server: PrefectServer, folder: Path) -> None:
    first = subprocess.Popen(**command(prefect_server, folder, *LONG), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: begun(folder) or first.poll() is not None, "a checkpoint", 120)
    second = acento(prefect_server, folder, *LONG)
    _, said = first.communicate(timeout=120)
    assert first.returncode == 0, said
    # the second waits for the first by trying again, finds it done, or says who trains it
    assert second.returncode == 0 or "is training" in second.stderr, second.stderr
    assert len(versions(LocalStore(folder / "store"), "base-small")) == 1


def test_a_model_that_got_no_better_is_refused_with_numbers(prefect_server: PrefectServer, folder: Path) -> None:
    done = acento(
        prefect_server,
        folder,
        *("specialize", *FINETUNE[1:], "--epochs", "1", "--guard", "only-tests", "--no-interpolate", "--allow-invalid"),
    )
    assert done.returncode == 3, done.stderr + done.stdout
    assert "refused" in done.stdout
    assert "was not promoted" in done.stdout
    assert "small" in done.stdout
    store = LocalStore(folder / "store")
    (version,) = versions(store, "base-small")
    assert list((folder / "store" / version.folder_key / "reports" / "0001").glob("README.md"))
    # its clips are short beside its window, so that it was taught short ones, and these were judged first
    assert "windows refused  Refused, the full window stays: " in done.stdout
    table = done.stdout.partition("Before and after on small@1")[2]
    assert [line.split()[1] for line in table.splitlines() if line.startswith((" base", " registry:"))] == [
        *("full", "full", "clip")
    ]
    run = newest_run(prefect_server, "specialize")
    artifacts = {a["key"]: a for a in api(prefect_server, "artifacts", flow_runs={"id": {"any_": [run["id"]]}})}
    (key,) = [key for key in artifacts if key.startswith("gate-windows-registry-base-small")]
    assert "| only-tests@1 |" in artifacts[key]["data"]

    again = acento(
        prefect_server, folder, "judge-windows", "base-small", "--guard", "only-tests", "--window-bound", "99"
    )
    assert again.returncode in (0, 3), again.stderr
    assert ("windows passed" if again.returncode == 0 else "windows refused") in again.stdout
    assert f"Short windows of {version.id}: " in next(
        a["data"]
        for a in api(prefect_server, "artifacts", sort="CREATED_DESC")
        if a["key"].startswith("gate-windows-registry-base-small")
    )
    show = acento(prefect_server, folder, "models", "show", "base-small")
    assert "windows" in show.stdout
    assert "as it was taught" in show.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("finetune", "-d", "none", "-b", "base"), "There is no data set 'none'"),
        (("finetune", "-d", "only-tests", "-b", "base"), "has no train split"),
        (("finetune", "-d", "small", "-b", "nowhere"), "There is no model folder nowhere"),
        ((*FINETUNE, "--strategy", "everything"), "strategy"),
        ((*FINETUNE, "--set", "epoch=3"), "A recipe has no 'epoch'"),
        ((*FINETUNE, "--set", "epochs"), "write NAME=VALUE"),
        ((*FINETUNE, "--epochs", "-1"), "epochs"),
        ((*FINETUNE, "--recipe", "nowhere.yaml"), "nowhere.yaml cannot be read"),
        ((*FINETUNE, "--learning-rate", "1e9", "--epochs", "30"), "checkpoint"),
        (("specialize", *FINETUNE[1:], "--guard", "small[accent=scottish]"), "accent 'scottish' is not in small v1"),
        (("specialize", *FINETUNE[1:], "--guard", "small"), "a guard is a set that must not get worse"),
    ],
)
def test_bad_input_gets_one_sentence(
    prefect_server: PrefectServer, folder: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    is_one_sentence(acento(prefect_server, folder, *arguments), sentence)
    assert not versions(LocalStore(folder / "store"))
