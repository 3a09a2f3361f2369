"""What all tests share: state of their own, and a real Prefect server for those that ask for one."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from modal_fixtures import modal, modal_api  # noqa: F401
from prefect_fixtures import HOME, prefect_database, prefect_home, prefect_server  # noqa: F401
from s3 import S3Server, s3_serving

# Before anything reads settings: no test reads or writes what belongs to the user.
for _name in [name for name in os.environ if name.startswith(("ACENTO_", "AWS_"))]:
    del os.environ[_name]
os.environ["ACENTO_CACHE"] = str(HOME / "cache")
_START = str(Path(__file__).with_name("kit") / "start")  # an eighth of the time in which a command starts
os.environ["PYTHONPATH"] = os.pathsep.join([_START, *filter(None, [os.environ.get("PYTHONPATH")])])


os.fsync = lambda _: None  # as there: what is killed loses nothing that the kernel has


# The same examples in every run, however long they take on a busy machine; trio's plugin looks through all memory.
os.environ["HYPOTHESIS_NO_PLUGINS"] = "1"
import hypothesis  # noqa: E402

_SLOW = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile("acento", deadline=None, derandomize=True, suppress_health_check=_SLOW)
hypothesis.settings.load_profile("acento")


# Of several test processes each computes on its own share of the cores, as do those that it starts: threads of one
# training that wait for one another, on cores where another's threads run, take twice as long.
if "PYTEST_XDIST_WORKER" in os.environ and hasattr(os, "sched_setaffinity"):
    _number, _of = int(os.environ["PYTEST_XDIST_WORKER"][2:]), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    _cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, _cores[_number % len(_cores) :: _of])


# What is imported and collected stays until the end: Python does not look through it for what can go (a sixth of the
# time of all tests), and children that fork have it without copies.
gc.disable()


# A shell that runs tests in the background lets them ignore Ctrl-C, and all that they start would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)


# Files that take a minute or more, the longest first.
_LONG = (
    "test_demo_command.py",
    "test_demo_real_command.py",
    "test_deployments.py",
    "test_work_pool.py",
    "test_commands.py",
    "test_finetune_command.py",
    "test_benchmark_command.py",
    "test_worker.py",
    "test_embedded.py",
    "test_s3_store.py",
    "test_work_pool_command.py",
    "test_worker_restart.py",
    "test_search_command.py",
    "test_family_contract.py",
    "test_functions.py",
    "test_finetune_killed.py",
    "test_stage_hub.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files: where several processes share the tests, none is what all wait for at the end."""
    order = {name: place for place, name in enumerate(_LONG)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


_modules = 0
"""How many had been imported when what there was was left alone."""


def pytest_collection_finish() -> None:
    """Look from here on for what can go, among what tests make."""
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def pytest_unconfigure() -> None:
    """Let pytest, which looks at the end for what was never closed, look among what the last test made."""
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave alone, too, what the tests before this one have imported; skip what needs meeteval where that is not there.

    It is compiled when it is installed, which not every machine can do.
    """
    global _modules
    if item.get_closest_marker("meeteval") is not None and find_spec("meeteval") is None:
        pytest.skip("meeteval is not installed: pip install 'acento[meeteval]'")
    if len(sys.modules) > _modules:
        gc.collect(1)
        gc.freeze()
        _modules = len(sys.modules)


@pytest.fixture(autouse=True)
def _fresh_settings() -> Iterator[None]:
    """Read the settings anew in each test."""
    from acento.core.settings import settings

    settings.cache_clear()
    yield
    settings.cache_clear()


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
