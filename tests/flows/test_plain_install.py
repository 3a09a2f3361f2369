"""Acento without its extras: it does everything else, and says in a sentence what it does not do."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from commands import acento
from servers import ROOT, PrefectServer
from staged import staged_splits
from tiny_whisper import make_whisper

from acento.core.extras import EXTRAS, Extra
from acento.core.store import LocalStore

pytestmark = [pytest.mark.slow, pytest.mark.server]

BLOCKED = (
    *("bitsandbytes", "ctranslate2", "docker", "grpclib", "modal", "modal_proto", "nemo", "optuna"),
    *("prefect_docker", "pyspark", "jiwer"),
)
OF_EXTRAS = (
    "acento.experiments.search.optuna_parts",
    "infra.compute.modal",
    "infra.modal.container",
    "infra.modal.errors",
    "infra.modal.files",
    "infra.modal.store",
    "infra.modal.upload",
    "prefect_modal_worker.client",
    "prefect_modal_worker.image",
    "prefect_modal_worker.reconcile",
    "prefect_modal_worker.sandbox",
)
"""The modules that are imported only once their extra is known to be there."""
BENCHMARK = ("benchmark", "-m", "base", "-d", "small", "--normalizer", "none")
IMPORT_ALL = f"""
import importlib, pkgutil
for package in ("acento", "flows", "tasks", "infra", "prefect_modal_worker"):
    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        if found.name not in {OF_EXTRAS!r}:
            importlib.import_module(found.name)
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the variable by which no process can import what extras install."""
    folder = tmp_path_factory.mktemp("blocked")
    (folder / "sitecustomize.py").write_text(f"import sys\nsys.modules.update(dict.fromkeys({BLOCKED!r}))\n")
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))}


@pytest.fixture(scope="module")
def server(prefect_server: PrefectServer, plain: dict[str, str]) -> PrefectServer:
    """Return a server whose commands lack the extras."""
    return replace(prefect_server, environment={**prefect_server.environment, **plain})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with clips, a model, and a store with a small data set."""
    root = tmp_path_factory.mktemp("plain")
    make_whisper(root / "base", seed=4, window_s=2)
    staged_splits(LocalStore(root / "store"), root / "clips", train=4, dev=2, test=2)
    return root


def test_every_module_is_imported_but_those_of_the_extras(plain: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], env={**os.environ, **plain}, cwd=ROOT, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_help_info_and_prefect_s_own_command_need_no_extra(server: PrefectServer, folder: Path) -> None:
    assert acento(server, folder, "--help").returncode == 0
    told = acento(server, folder, "info")
    assert told.returncode == 0, told.stderr
    listed = server.run("prefect", "work-pool", "create", "plain", "--type", "modal")
    assert listed.returncode == 0, listed.stderr
    assert "Failed to load collection 'acento_modal'" not in listed.stdout + listed.stderr


def test_data_is_staged_and_a_model_is_benchmarked_and_fine_tuned(server: PrefectServer, folder: Path) -> None:
    for command in (
        ("stage", "clips", "--name", "mine"),
        BENCHMARK,
        ("finetune", "-d", "small", "-b", "base", "--set", "max_steps=1", "--set", "batch_size=2"),
    ):
        done = acento(server, folder, *command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize(
    ("call", "user", "extra"),
    [
        (
            "from acento.experiments.search.study import open_study; open_study(None, Path('study')).__enter__()",
            "The search",
            "search",
        ),
        (
            "from acento.models.checkpoints.resolver import resolve; resolve('base:ctranslate2-int8')",
            "A conversion to",
            "ctranslate2",
        ),
        ("from infra.compute import open_compute; open_compute('modal', store)", "The backend modal", "modal"),
        ("from infra.compute import open_compute; open_compute('spark', store).check()", "The backend spark", "spark"),
        ("open_store('modal://results')", "A store at modal://", "modal"),
        (
            "from acento.training.loop.step import make_optimizer; from acento.training.recipe import Recipe; "
            "make_optimizer({}, Recipe(optimizer='adamw-8bit'))",
            "optimizer=adamw-8bit",
            "eight-bit",
        ),
    ],
)
def test_what_an_extra_is_needed_for_says_so_in_one_sentence(
    plain: dict[str, str], folder: Path, call: str, user: str, extra: Extra
) -> None:
    begin = "from pathlib import Path; from acento.core.store import open_store; store = open_store('store'); "
    done = subprocess.run(
        [sys.executable, "-c", begin + call], env={**os.environ, **plain}, cwd=folder, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    last = done.stderr.strip().splitlines()[-1]
    assert f".InputError: {user}" in last
    assert last.endswith(f" needs {EXTRAS[extra][0]}, which is not installed: pip install 'acento[{extra}]'.")


def test_the_command_says_it_too(server: PrefectServer, folder: Path) -> None:
    done = acento(server, folder, "search", "-d", "small", "-b", "base", "--trials", "1")
    assert done.returncode != 0
    told = " ".join((done.stdout + done.stderr).split())
    assert "The search needs optuna, which is not installed: pip install 'acento[search]'." in told
    assert "Traceback" not in told


def test_a_modal_worker_without_modal_s_client_does_not_start(server: PrefectServer) -> None:
    done = server.run("prefect", "work-pool", "create", "plain-too", "--type", "modal")
    assert done.returncode == 0, done.stderr
    done = server.run("prefect", "worker", "start", "--pool", "plain-too")
    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).split())
    assert "No worker was started. The Modal worker needs modal, which is not installed" in said
    assert "pip install 'acento[modal]'" in said
    assert "Traceback" not in said
