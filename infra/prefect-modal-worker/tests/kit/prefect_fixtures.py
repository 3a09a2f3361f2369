"""Fixtures of a real Prefect server; importing this keeps tests away from what belongs to the user."""

import atexit
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import BIN, PrefectServer, serving

# before anything imports Prefect or Modal's client
HOME = Path(tempfile.mkdtemp(prefix="tests-"))
"""A folder for this process."""
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith(("PREFECT_", "MODAL_"))]:
    del os.environ[_name]
os.environ["PREFECT_HOME"] = str(HOME / "prefect")
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ["DO_NOT_TRACK"] = "1"
os.environ["MODAL_CONFIG_PATH"] = str(HOME / "modal.toml")


@pytest.fixture(scope="session")
def prefect_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the tables of a Prefect database, which takes many seconds, once for all processes that share the tests."""
    mine = tmp_path_factory.getbasetemp()
    home = (mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine) / "prefect-database"
    home.mkdir(exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "made").exists():
            command = [str(BIN / "prefect"), "server", "database", "upgrade", "--yes"]
            subprocess.run(command, env={**os.environ, "PREFECT_HOME": str(home)}, check=True, capture_output=True)
            (home / "made").touch()
    return home / "prefect.db"


@pytest.fixture
def prefect_home(tmp_path: Path, prefect_database: Path) -> Path:
    """Make a home for Prefect in which only the empty database is."""
    home = tmp_path / "prefect-home"
    home.mkdir()
    shutil.copy(prefect_database, home)
    return home


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory, prefect_database: Path) -> Iterator[PrefectServer]:
    """Start ``prefect server start`` on a free port, with a home of its own, for the whole session."""
    home = tmp_path_factory.mktemp("prefect-server")
    shutil.copy(prefect_database, home)
    with serving(home) as (server, _):
        yield server
