"""``acento tensorboard`` serves what trainings left, and says so where none has left anything."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from servers import wait_until

from acento.training.tensorboard import write_events

pytestmark = pytest.mark.slow

COMMAND = (sys.executable, "-m", "flows.cli", "tensorboard")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_it_serves_the_curves_of_every_training(tmp_path: Path) -> None:
    write_events([{"step": 1, "epoch": 0.5, "loss": 2.5}], tmp_path / "store/logs/whisper-santiago/0123456789ab")
    port = free_port()
    environment = os.environ | {"ACENTO_STORE": str(tmp_path / "store")}
    command = [*COMMAND, "--port", str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            tags: dict[str, object] = {}

            def shown() -> bool:
                try:
                    tags.update(httpx.get(f"http://127.0.0.1:{port}/data/plugin/scalars/tags", timeout=5).json())
                except (httpx.HTTPError, ValueError):
                    return process.poll() is not None
                return bool(tags)

            wait_until(shown, "TensorBoard", 120)
            assert process.poll() is None
            assert "train/loss" in str(tags["whisper-santiago/0123456789ab"])
        finally:
            os.killpg(process.pid, signal.SIGTERM)


@pytest.mark.parametrize(
    ("arguments", "sentence"), [((), "No training has left a log"), (("nobody",), "There is no model 'nobody'")]
)
def test_without_a_training_it_says_so(tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    done = subprocess.run(
        [*COMMAND, *arguments],
        env=os.environ | {"ACENTO_STORE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert sentence in done.stderr
