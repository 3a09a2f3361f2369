"""A pool of type ``modal`` at the stand-in: its deployment of the flow ``sample``, its worker, and its flow runs."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from modal_service import ModalService
from modal_service.sandboxes import Sandbox
from processes import PrefectServer, api, running, wait_until

WORKER = "tester"
PASSWORD = "a-password-that-no-request-may-hold"
PREFECT_KEY = "the-key-of-the-worker"
# the flow is beside this file; what else is imported may be on the path of this process
_PYTHONPATH = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
VARIABLES: dict[str, Any] = {
    "image": "registry.example/runner:1",
    "apt_packages": ["ffmpeg"],
    "pip_packages": ["numpy==2.4"],
    "cpu": 2,
    "memory": 2048,
    "memory_limit": 4096,
    "timeout": 600,
    "region": ["eu"],
    "secrets": ["samples"],
    "check_api_url": False,
    "volumes": {"/data/models": "models", "/data/results": "results"},
    "env": {"PYTHONPATH": _PYTHONPATH},
}
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@dataclass(frozen=True)
class ModalPool:
    """The pool, made by the commands that a person would use."""

    name: str
    server: PrefectServer
    modal: ModalService

    @classmethod
    def made(cls, name: str, server: PrefectServer, modal: ModalService, folder: Path) -> "ModalPool":
        """Make the pool and deploy on it."""
        modal.secrets["samples"] = {"SAMPLE_SECRET": PASSWORD}
        settings = {
            "PREFECT_WORKER_HEARTBEAT_SECONDS": "2",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_WORKER_CANCELLATION_POLL_SECONDS": "15",
            "PREFECT_API_KEY": PREFECT_KEY,
            "PYTHONPATH": _PYTHONPATH,
        }
        server = PrefectServer(server.url, server.home, {**server.environment, **modal.environment, **settings})
        done = server.run("prefect", "work-pool", "create", name, "--type", "modal")
        assert done.returncode == 0, done.stderr
        where = {"name": name, "job_variables": VARIABLES}
        deployment = {"name": name, "entrypoint": "sample_flow.sample", "work_pool": where}
        plan = folder / "prefect.yaml"
        plan.write_text(yaml.safe_dump({"deployments": [deployment], "pull": []}))
        done = server.run("prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(plan))
        assert done.returncode == 0, done.stdout + done.stderr
        return cls(name, server, modal)

    def worker(self) -> running:
        """Return a worker, to be started by ``with``; its sandboxes are processes of this machine, a few at once."""
        command = ("prefect", "worker", "start", "--pool", self.name, "--name", WORKER, "--limit", "3")
        return running(*command, env=self.server.environment)

    def run(self, what: str, where: Path | None = None, **variables: Any) -> str:
        """Ask for a flow run and return its id."""
        url = f"{self.server.url}/deployments"
        deployment = httpx.get(f"{url}/name/sample/{self.name}", timeout=30).raise_for_status().json()["id"]
        body = {"parameters": {"what": what, "where": str(where or "")}, "job_variables": variables}
        made: list[str] = []

        def ask() -> bool:
            answer = httpx.post(f"{url}/{deployment}/create_flow_run", json=body, timeout=30, verify=False)
            if answer.status_code != 503:  # its database is busy
                made.append(answer.raise_for_status().json()["id"])
            return bool(made)

        wait_until(ask, "the server to take a flow run", 60)
        return made[0]

    def flow_run(self, run: str) -> Any:
        """Return what Prefect knows of a flow run."""
        (found,) = api(self.server, "flow_runs", flow_runs={"id": {"any_": [run]}})
        return found

    def began(self, run: str, started: running, mark: Path) -> None:
        """Wait until a flow run has left its mark; fail, showing what its sandbox printed, when that takes too long."""
        try:
            started.ready(mark.exists, 120)
        except pytest.fail.Exception as error:
            printed = b"".join(self.sandbox(run).output.values()).decode("utf-8", "replace")
            pytest.fail(f"{error}\nIts sandbox printed:\n{printed}")

    def end(self, run: str, started: running) -> tuple[str, str]:
        """Wait for the end of a flow run; return its state's type and message."""
        started.ready(lambda: self.flow_run(run)["state"]["type"] in FINAL, 240)
        state = self.flow_run(run)["state"]
        return state["type"], state["message"] or ""

    def logs(self, run: str) -> list[str]:
        """Return what is in the logs of a flow run."""
        return [log["message"] for log in api(self.server, "logs", logs={"flow_run_id": {"any_": [run]}})]

    def logged(self, run: str, text: str) -> None:
        """Wait until a line with this text is in the logs."""
        wait_until(lambda: any(text in line for line in self.logs(run)), f"{text!r} in the logs", 30)

    def sandbox(self, run: str) -> Sandbox:
        """Return the one sandbox that was started for a flow run."""
        (found,) = [one for one in self.modal.sandboxes.values() if one.tags.get("prefect-flow-run-id") == run]
        return found
