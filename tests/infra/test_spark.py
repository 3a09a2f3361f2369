"""What of the backend spark can be told without Spark: what is missing, what is reached, which GPUs a task sees."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from acento.core.errors import InputError
from acento.core.settings import settings
from acento.core.store import LocalStore
from acento.models.devices import Elsewhere
from infra.compute.spark import SparkCompute, see_gpus
from infra.spark.session import DISCOVERY

Set = Callable[..., None]


@dataclass(frozen=True)
class Given:
    """What Spark says of a resource that a task was given."""

    addresses: list[str]


@pytest.fixture
def set_(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Set:
    """Set environment variables, on a machine that has PySpark and Java."""
    java = tmp_path / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.touch(mode=0o755)
    monkeypatch.setattr("acento.core.extras.find_spec", lambda _: SimpleNamespace(origin="here"))

    def set_(**values: str) -> None:
        for name, value in {"JAVA_HOME": str(tmp_path / "java"), **values}.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()

    set_()
    return set_


def test_a_local_session_is_this_machine_and_reaches_a_folder(set_: Set, tmp_path: Path) -> None:
    set_(ACENTO_SPARK_MASTER="local-cluster[2,1,1024]")
    assert SparkCompute(LocalStore(tmp_path)).check() is None


def test_a_cluster_is_elsewhere_with_the_gpu_that_was_asked_for(set_: Set, tmp_path: Path) -> None:
    set_(ACENTO_SPARK_MASTER="spark://head:7077", ACENTO_GPU_TYPE="L4, A100")
    store = LocalStore(tmp_path)
    store.url = "s3://bucket/prefix"
    assert SparkCompute(store).check() == Elsewhere(gpu="L4")


def test_a_cluster_that_cannot_reach_the_folder_is_refused(set_: Set, tmp_path: Path) -> None:
    set_(ACENTO_SPARK_MASTER="spark://head:7077")
    with pytest.raises(
        InputError, match=r"Spark cluster spark://head:7077 cannot reach the store .*s3://bucket/prefix"
    ):
        SparkCompute(LocalStore(tmp_path)).check()


@pytest.mark.usefixtures("set_")
def test_pyspark_that_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acento.core.extras.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'acento\[spark\]'"):
        SparkCompute(LocalStore(tmp_path)).check()


@pytest.mark.usefixtures("set_")
def test_java_that_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="Spark needs Java 17 or newer"):
        SparkCompute(LocalStore(tmp_path)).check()


def test_a_java_home_without_java_is_said(set_: Set, tmp_path: Path) -> None:
    set_(JAVA_HOME=str(tmp_path))
    with pytest.raises(InputError, match=r"JAVA_HOME=.* has no bin/java"):
        SparkCompute(LocalStore(tmp_path)).check()


def test_a_task_sees_the_gpus_that_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert see_gpus({"gpu": Given(["2", "3"])}) == ("2", "3")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2,3"


def test_a_task_that_was_given_no_gpu_sees_what_it_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert see_gpus({}) == ()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"


def test_a_process_that_has_used_another_gpu_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    used = SimpleNamespace(cuda=SimpleNamespace(is_initialized=lambda: True))
    monkeypatch.setitem(sys.modules, "torch", used)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert see_gpus({"gpu": Given(["0"])}) == ("0",)
    with pytest.raises(RuntimeError, match="has used another GPU"):
        see_gpus({"gpu": Given(["1"])})


@pytest.mark.parametrize(("printed", "addresses"), [("0\n1\n", ["0", "1"]), ("3\n", ["3"]), ("No devices found\n", [])])
def test_the_discovery_script_names_the_gpus_of_a_machine(tmp_path: Path, printed: str, addresses: list[str]) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\nprintf '{printed}'\n".replace("\n'", "\\n'"))
    tool.chmod(0o755)
    said = discovered(f"{tmp_path}:{os.environ['PATH']}")
    assert json.loads(said.stdout) == {"name": "gpu", "addresses": addresses}


def test_the_discovery_script_says_that_a_machine_has_no_driver(tmp_path: Path) -> None:
    (tmp_path / "bash").symlink_to("/bin/bash")
    said = discovered(str(tmp_path))
    assert said.returncode == 1
    assert "no nvidia-smi on this machine" in said.stderr


def discovered(path: str) -> subprocess.CompletedProcess[str]:
    """Run the script as Spark does, by itself, with a PATH of its own."""
    return subprocess.run([str(DISCOVERY)], env={"PATH": path}, capture_output=True, text=True, check=False)


def test_the_databricks_job_asks_for_what_the_command_takes() -> None:
    from typer.main import get_command

    from flows.cli import app

    folder = DISCOVERY.parent
    job: dict[str, Any] = json.loads((folder / "databricks-job.json").read_text())
    policy: dict[str, Any] = json.loads((folder / "databricks-cluster-policy.json").read_text())
    command = get_command(app)
    for task in job["tasks"]:
        wheel = task["python_wheel_task"]
        assert (wheel["package_name"], wheel["entry_point"]) == ("acento", "acento")
        verb, *arguments = wheel["parameters"]
        options = {name for option in command.commands[verb].params for name in option.opts}  # type: ignore[attr-defined]
        assert {argument for argument in arguments if argument.startswith("-")} <= options
    assert set(policy) >= {"node_type_id", "driver_node_type_id", "spark_version"}
