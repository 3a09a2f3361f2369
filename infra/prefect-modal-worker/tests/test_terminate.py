"""What Prefect asks of a worker when a flow run is to be cancelled: its sandbox is ended, or is not there."""

import asyncio
from typing import Any

import modal as client
import pytest
from modal_service import ModalService
from prefect.exceptions import InfrastructureNotFound
from prefect_modal_worker.configuration import ModalConfiguration
from prefect_modal_worker.worker import ModalWorker
from processes import wait_until

pytestmark = pytest.mark.slow


def kill(sandbox: str) -> None:
    asyncio.run(ModalWorker("gpus").kill_infrastructure(sandbox, ModalConfiguration()))


def started(*command: str, **options: Any) -> str:
    app = client.App.lookup("killed", create_if_missing=True)
    return str(client.Sandbox.create(*command, app=app, timeout=600, **options).object_id)


@pytest.mark.parametrize("gpu", [None, "L4"])
def test_a_sandbox_that_runs_is_terminated(modal: ModalService, gpu: str | None) -> None:
    sandbox = started("sleep", "600", gpu=gpu)
    kill(sandbox)
    wait_until(lambda: modal.sandboxes[sandbox].result is not None, "its end", 30)


def test_one_that_has_ended_is_not_there(modal: ModalService) -> None:
    sandbox = started("true")
    wait_until(lambda: modal.sandboxes[sandbox].result is not None, "its end", 30)
    with pytest.raises(InfrastructureNotFound, match="has ended"):
        kill(sandbox)


@pytest.mark.usefixtures("modal")
def test_one_that_never_was_is_not_there() -> None:
    with pytest.raises(InfrastructureNotFound, match="no Modal sandbox sb-0000000000000000000000"):
        kill("sb-0000000000000000000000")
