"""What all tests share: state of their own, and a real Prefect server for those that ask for one."""

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from s3 import S3Server, s3_serving
from servers import BIN, PrefectServer, serving

if TYPE_CHECKING:
    from modal_service import ModalService

# Before anything imports Prefect or reads settings: no test reads or writes what belongs to the user.
_HOME = Path(tempfile.mkdtemp(prefix="acento-tests-"))
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith(("PREFECT_", "ACENTO_", "AWS_", "MODAL_"))]:
    del os.environ[_name]
os.environ["PREFECT_HOME"] = str(_HOME / "prefect")
os.environ["ACENTO_CACHE"] = str(_HOME / "cache")
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ["DO_NOT_TRACK"] = "1"
os.environ["MODAL_CONFIG_PATH"] = str(_HOME / "modal.toml")


# Of several test processes each computes on its own share of the cores, as do those that it starts: threads of one
# training that wait for one another, on cores where another's threads run, take twice as long.
if "PYTEST_XDIST_WORKER" in os.environ and hasattr(os, "sched_setaffinity"):
    _number, _of = int(os.environ["PYTEST_XDIST_WORKER"][2:]), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    if _share := sorted(os.sched_getaffinity(0))[_number::_of]:
        os.sched_setaffinity(0, _share)


# A shell that runs tests in the background lets them ignore Ctrl-C, and all that they start would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)


# Files that take a minute or more, the longest first.
_LONG = (
    "test_demo_command.py",
    "test_demo_real_command.py",
    "test_deployments.py",
    "test_work_pool.py",
    "test_finetune_command.py",
    "test_benchmark_command.py",
    "test_worker.py",
    "test_embedded.py",
    "test_s3_store.py",
    "test_work_pool_command.py",
    "test_worker_restart.py",
    "test_search_command.py",
    "test_functions.py",
    "test_finetune_killed.py",
    "test_stage_hub.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files: where several processes share the tests, none is what all wait for at the end."""
    order = {name: place for place, name in enumerate(_LONG)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(autouse=True)
def _fresh_settings() -> Iterator[None]:
    """Read the settings anew in each test."""
    from acento.core.settings import settings

    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture(scope="session")
def _prefect_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the tables of a Prefect database, which takes many seconds, once for the session."""
    home = tmp_path_factory.mktemp("prefect-database")
    command = [str(BIN / "prefect"), "server", "database", "upgrade", "--yes"]
    subprocess.run(command, env={**os.environ, "PREFECT_HOME": str(home)}, check=True, capture_output=True)
    return home / "prefect.db"


@pytest.fixture
def prefect_home(tmp_path: Path, _prefect_database: Path) -> Path:
    """Make a home for Prefect in which only the empty database is."""
    home = tmp_path / "prefect-home"
    home.mkdir()
    shutil.copy(_prefect_database, home)
    return home


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory, _prefect_database: Path) -> Iterator[PrefectServer]:
    """Start ``prefect server start`` on a free port, with a home of its own, for the whole session."""
    home = tmp_path_factory.mktemp("prefect-server")
    shutil.copy(_prefect_database, home)
    with serving(home) as (server, _):
        yield server


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """Start a server of the S3 protocol on a free port for the whole session."""
    with s3_serving() as server:
        yield server


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """Let this process and those it starts find the S3 server and its credentials."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server


@pytest.fixture(scope="session")
def modal_api() -> Iterator["ModalService"]:
    """Run a stand-in for Modal's service for the whole session."""
    from modal_service import modal_service

    with modal_service() as service:
        yield service


@pytest.fixture
def modal(modal_api: "ModalService", monkeypatch: pytest.MonkeyPatch) -> "ModalService":
    """Let this process and those it starts find the stand-in for Modal's service and its token."""
    for name, value in modal_api.environment.items():
        monkeypatch.setenv(name, value)
    return modal_api
