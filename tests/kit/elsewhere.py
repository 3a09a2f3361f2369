"""Runs in processes of a real worker that know the fake model family: their Python is told of it as it starts."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from servers import PrefectServer, running

_KIT = Path(__file__).resolve().parent
_CUSTOMIZE = """\
{start}
import sys
sys.path.append({kit!r})
if any("prefect" in argument or "flows.cli" in argument for argument in sys.orig_argv):
    from acento.models.families import FAMILIES
    from fake_recognizer import FAKE
    FAMILIES["fake"] = FAKE
"""


@contextmanager
def pool_with_worker(server: PrefectServer, pool: str, *, fake: bool = True, name: str = "one") -> Iterator[running]:
    """Make a process pool and run a worker of it; its runs know the fake family if ``fake``.

    A run is one process here; as the tests of deployments have it, another one prepares its folder first.
    """
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    template["variables"]["properties"]["command"]["default"] = f"{sys.executable} -m prefect.engine"
    body = {"name": pool, "type": "process", "base_job_template": template}
    made = httpx.post(f"{server.url}/work_pools/", json=body, timeout=30)
    assert made.status_code in (201, 409), made.text
    with worker(server, pool, fake=fake, name=name) as started:
        yield started


@contextmanager
def worker(server: PrefectServer, pool: str, *, fake: bool = True, name: str = "one") -> Iterator[running]:
    """Run a worker of a pool that is there."""
    environment = {**server.environment, "PREFECT_WORKER_QUERY_SECONDS": "1"}
    if fake:
        environment |= knows_the_fake(server.home)
    command = ("prefect", "worker", "start", "--pool", pool, "--name", name)
    with running(*command, env=environment) as started:
        started.ready(lambda: "started!" in started.output(), 120)
        yield started


def knows_the_fake(home: Path) -> dict[str, str]:
    """Return the variables by which processes of a worker know the fake family; ``home`` is the server's."""
    folder = home / "knows-the-fake"
    folder.mkdir(exist_ok=True)
    start = (_KIT / "start" / "sitecustomize.py").read_text(encoding="utf-8")
    (folder / "sitecustomize.py").write_text(_CUSTOMIZE.format(start=start, kit=str(_KIT)), encoding="utf-8")
    return {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])}
