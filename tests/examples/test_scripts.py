"""The scripts of ``examples/``: all of them can be read, and run where this machine has what they need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from recordings import put
from s3 import S3Server
from servers import BIN, ROOT, PrefectServer
from staged import staged
from stores import S3Place
from tiny_whisper import make_whisper

from acento.core.store import LocalStore
from acento.data.demo import demo_clips, write_demo

EXAMPLES = ROOT / "examples"


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.sh")), ids=lambda path: path.name)
def test_a_shell_script_can_be_read_and_says_what_it_does(script: Path) -> None:
    done = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = script.read_text(encoding="utf-8").splitlines()
    assert lines[1].startswith("# ")
    assert "set -euo pipefail" in lines
    assert os.access(script, os.X_OK)


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_a_python_script_can_be_read_and_says_what_it_does(script: Path) -> None:
    source = script.read_text(encoding="utf-8")
    compile(source, str(script), "exec")
    assert source.startswith('"""')


@pytest.mark.slow
@pytest.mark.usefixtures("s3")
def test_the_store_may_be_a_bucket(s3_server: S3Server, tmp_path: Path) -> None:
    write_demo(tmp_path / "recordings", clips=demo_clips()[::60])
    environment = {
        **os.environ,
        "ACENTO_STORE": S3Place(s3_server).url,
        "ACENTO_CACHE": str(tmp_path / "cache"),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, str(EXAMPLES / "s3_store.py"), str(tmp_path / "recordings"), "demo:whisper-micro"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "<data set shared@1: 11 clips" in done.stdout
    assert any(line.split()[:2] == ["1", "demo:whisper-micro"] for line in done.stdout.splitlines())


@pytest.mark.server
@pytest.mark.slow
def test_deployments_run_a_benchmark_and_transcribe_a_folder(prefect_server: PrefectServer, tmp_path: Path) -> None:
    staged(LocalStore(tmp_path / "store"), tmp_path / "clips", 4, name="few")
    model = make_whisper(tmp_path / "model")
    put(tmp_path / "talks", "talk", seed=1)
    done = subprocess.run(
        [str(EXAMPLES / "prefect_deployment.sh"), "few", str(model), "talks"],
        env={
            **prefect_server.environment,
            "ACENTO_STORE": str(tmp_path / "store"),
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "few v1, test" in done.stdout
    assert (tmp_path / "transcripts" / "talk.txt").is_file()
