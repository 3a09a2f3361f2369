"""``acento shorten`` beside a real server: what it leaves, a kill half-way, the same again, and bad input."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from commands import acento, api, command, is_one_sentence, newest_run
from servers import PrefectServer, wait_until

from acento.core.store import LocalStore
from acento.models.checkpoints.taught import taught
from acento.registry.gate.windows import window_verdict
from acento.registry.versions import find_version, versions

pytestmark = [pytest.mark.server, pytest.mark.slow]

SHORTEN = ("shorten", "base", "-d", "small", "--threads", "1", "--learning-rate", "1e-3")
LONG = (*SHORTEN, "--epochs", "40", "--set", "eval_every=20", "--set", "checkpoint_every=2")
REFUSED = 3
"""Six test clips are too few to tell, so the window gate refuses."""


def weights(folder: Path) -> bytes:
    store = LocalStore(folder / "store")
    return store.read_bytes(find_version(store, "base-short").key, "model.safetensors")


@pytest.fixture(scope="module")
def straight(prefect_server: PrefectServer, prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in whose store a model was shortened when nothing happened to it."""
    folder = shutil.copytree(prepared, tmp_path_factory.mktemp("straight") / "work")
    done = acento(prefect_server, folder, *LONG)
    assert done.returncode == REFUSED, done.stderr
    assert "registry:base-short@" in done.stdout
    assert "On dev, short windows differ from full ones by a WER of" in done.stdout
    assert "windows refused" in done.stdout
    return folder


def test_it_leaves_a_version_that_the_window_gate_judged_and_does_nothing_twice(
    prefect_server: PrefectServer, straight: Path
) -> None:
    store = LocalStore(straight / "store")
    (version,) = versions(store, "base-short")
    assert taught(version.path) is not None
    verdict = window_verdict(store, version)
    assert verdict is not None
    assert not verdict.passed
    assert verdict.sentences[-1].startswith(f"The full windows are those of {version.about.base['id']}, its base: use")
    assert "taught short windows by itself" in version.card

    again = acento(prefect_server, straight, *LONG)
    assert again.returncode == REFUSED, again.stderr
    run = newest_run(prefect_server, "shorten")
    assert run["name"] == "shorten base on small"
    assert {"acento", "shorten", "small"} <= set(run["tags"])
    tasks = api(prefect_server, "task_runs", flow_runs={"id": {"any_": [run["id"]]}})
    states = {task["name"]: task["state_name"] for task in tasks}
    assert states["finetune base on small"] == "Cached"
    assert [state for name, state in states.items() if name.startswith("transcribe ")] == ["Cached", "Cached"]
    assert len(versions(store, "base-short")) == 1


def begun(folder: Path) -> bool:
    """Tell whether a training has left a checkpoint after some steps."""
    return any(int(path.name) >= 6 for path in (folder / "store/jobs").glob("*/checkpoints/*") if path.name.isdecimal())


def test_killed_half_way_and_run_again_it_leaves_the_very_same_weights(
    prefect_server: PrefectServer, folder: Path, straight: Path
) -> None:
    process = subprocess.Popen(
        **command(prefect_server, folder, *LONG), stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    wait_until(lambda: begun(folder) or process.poll() is not None, "a checkpoint", 120)
    assert process.poll() is None, "it ended before it could be killed: make it longer"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=120)
    assert not versions(LocalStore(folder / "store"))

    again = acento(prefect_server, folder, *LONG)
    assert again.returncode == REFUSED, again.stderr
    assert weights(folder) == weights(straight)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("shorten", "base", "-d", "only-tests"), "has no train split"),
        (("shorten", "nowhere", "-d", "small"), "There is no model folder nowhere"),
        ((*SHORTEN, "--window-bound", "-1"), "--window-bound must be at least 0"),
        ((*SHORTEN, "--set", "window=full"), "has window=fit in its recipe, not 'full'"),
        ((*SHORTEN, "--limit", "0"), "--limit must be at least 1"),
    ],
)
def test_bad_input_gets_one_sentence(
    prefect_server: PrefectServer, folder: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    is_one_sentence(acento(prefect_server, folder, *arguments), sentence)
    assert not versions(LocalStore(folder / "store"))
