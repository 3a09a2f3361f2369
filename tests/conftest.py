"""What all tests share: state of their own, and a real Prefect server for those that ask for one."""

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import BIN, PrefectServer, serving

# Before anything imports Prefect or reads settings: no test reads or writes what belongs to the user.
_HOME = Path(tempfile.mkdtemp(prefix="acento-tests-"))
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith(("PREFECT_", "ACENTO_"))]:
    del os.environ[_name]
os.environ["PREFECT_HOME"] = str(_HOME / "prefect")
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ["DO_NOT_TRACK"] = "1"


# A shell that runs tests in the background lets them ignore Ctrl-C, and all that they start would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _fresh_settings() -> Iterator[None]:
    """Read the settings anew in each test."""
    from acento.settings import settings

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
