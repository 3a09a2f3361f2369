"""``acento learning-curve`` beside a real server: its table and picture, a kill half-way, bad input."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from commands import acento, api, command, is_one_sentence, newest_run
from servers import PrefectServer, wait_until

from acento.core.store import LocalStore
from acento.registry.versions import versions

pytestmark = pytest.mark.server

CURVE = ("learning-curve", "-d", "small", "-b", "base", "--threads", "1", "--learning-rate", "1e-3")


def report(folder: Path) -> dict[str, Any]:
    (file,) = (folder / "store/curves").glob("*/curve.json")
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_killed_half_way_the_same_command_goes_on_to_the_same_curve(
    prefect_server: PrefectServer, folder: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(folder, tmp_path / "straight")
    asked = (*CURVE, "--shares", "25,50,100", "--epochs", "20", "--set", "eval_every=10")
    process = subprocess.Popen(
        **command(prefect_server, folder, *asked), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )

    def half_way() -> bool:
        # the first training has ended, the second has begun
        jobs = folder / "store/jobs"
        return bool([*jobs.glob("*/unpublished")]) and len([*jobs.glob("*/heard/base")]) > 1

    wait_until(lambda: half_way() or process.poll() is not None, "the second training", 120)
    assert process.poll() is None, "it ended before it could be killed: make it longer"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=120)
    assert not (folder / "store/curves").exists()

    done = acento(prefect_server, folder, *asked)
    assert done.returncode == 0, done.stderr
    run = newest_run(prefect_server, "learning-curve")
    assert run["name"] == "learning curve of base on small"
    assert {"acento", "learning-curve", "small"} <= set(run["tags"])
    tasks = api(prefect_server, "task_runs", flow_runs={"id": {"any_": [run["id"]]}})
    states = {task["name"]: task["state_name"] for task in tasks}
    assert states["finetune base on small, 25 %"] == "Cached"
    assert states["finetune base on small, 100 %"] == "Completed"

    straight = acento(prefect_server, other, *asked)
    assert straight.returncode == 0, straight.stderr
    assert report(other) == report(folder)
    points = report(folder)["points"]
    assert [point["clips"] for point in points] == [2, 4, 8]
    assert [row[:5] for row in done.stdout.splitlines() if row.startswith(("base", "25 %", "50 %", "100 %"))]
    for said in ("Learning curve of base on small", "forecast", "From half the clips the forecast would have been"):
        assert said in done.stdout
    picture = done.stdout.rpartition("picture")[2].strip()
    assert Path(picture).read_bytes().startswith(b"\x89PNG")
    artifacts = {a["key"]: a for a in api(prefect_server, "artifacts", flow_runs={"id": {"any_": [run["id"]]}})}
    assert "| 100 % | 8 |" in artifacts["learning-curve-of-base-on-small"]["data"]
    store = LocalStore(folder / "store")
    assert not versions(store), "the registry is not littered"
    assert not [*(folder / "store/jobs").glob("*/checkpoints/*/*")]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((*CURVE, "--shares", "0,100"), "A share of 0 %"),
        ((*CURVE, "--shares", "half"), "Shares 'half' are no numbers"),
        (("learning-curve", "-d", "only-tests", "-b", "base"), "has no train split"),
    ],
)
def test_bad_input_gets_one_sentence(
    prefect_server: PrefectServer, folder: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    is_one_sentence(acento(prefect_server, folder, *arguments), sentence)
