"""The benchmark for GPUs, on the CPU: that it works, and says what its figures are not."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_it_runs_tiny_shapes_on_the_cpu_and_says_so() -> None:
    asked = ["--tiny", "--clips", "2", "--rounds", "1", "--only", "whisper-large-v3", "--no-training"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "gpu.py"), *asked], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = done.stdout
    assert "The figures say nothing about a GPU." in said
    assert "whisper-large-v3's shape (tiny):" in said
    assert "left out" not in said, said
    assert "Acento is " in said
    assert "times as fast as Hugging Face pipeline" in said
    assert "GFLOP for each audio second" in said
