"""Train on several devices of one machine: a process for each, of which this one, rank 0, starts the others.

Rank 0 holds the lease, decodes dev and writes checkpoints. The others follow it from step to step, and end with it.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, Any

from acento.core.errors import AcentoError, InputError, TransientError
from acento.core.store import Store
from acento.models.base import DeviceType
from acento.models.devices import cores
from acento.training.job import FinetuneJob
from acento.training.loop.ranks import Ranks
from acento.training.loop.state import TrainingState

READY = "ready"
"""What a process writes when it has loaded its model."""
Join = Callable[[TrainingState], AbstractContextManager[None]]
"""Inside the block all processes are at a state of the training, and share its steps from there."""


def check_devices(device: DeviceType, count: int) -> None:
    """Raise InputError if this machine has not so many devices of a kind; on the CPU a core stands for one."""
    if count == 1:
        return
    if device == "cuda":
        import torch

        there, title = torch.cuda.device_count(), "GPUs"
    else:
        there, title = (cores(), "cores") if device == "cpu" else (1, "GPU")
    if count > there:
        raise InputError(f"--devices {count}: this machine has {there} {title}; ask for no more.")


def threads_of(job: FinetuneJob) -> int:
    """Return the CPU threads of each process."""
    return max(1, job.options.threads // job.devices) if job.options.device_type == "cpu" else job.options.threads


@contextmanager
def ranks_of(store: Store, job: FinetuneJob) -> Iterator[tuple[Ranks, Join]]:
    """Start the other processes of a job, and give this one's place among them, and how to join them.

    They load the model while this one does, and are ended with the block. A job of one device has none.

    Raises:
        InputError: this machine has not so many devices.
    """
    check_devices(job.options.device_type, job.devices)
    if job.devices == 1:
        yield Ranks(), lambda _: nullcontext()
        return
    with tempfile.TemporaryDirectory(prefix="acento-ranks-") as scratch:
        others = [_Other(store, job, rank, Path(scratch)) for rank in range(1, job.devices)]
        ranks = Ranks(0, job.devices, lambda: _lost(others))

        @contextmanager
        def join(state: TrainingState) -> Iterator[None]:
            for other in others:
                other.wait()
            with ranks.joined(Path(scratch), job.options.device_type):
                ranks.told(state.to_json())
                yield

        try:
            yield ranks, join
        finally:
            for other in others:
                other.end()


class _Other:
    """Another process."""

    def __init__(self, store: Store, job: FinetuneJob, rank: int, folder: Path) -> None:
        self.rank, self.count = rank, job.devices
        self._errors = folder / f"errors-{rank}"
        spec = {"store": store.url, "job": job.model_dump(mode="json"), "rank": rank, "folder": str(folder)}
        with self._errors.open("wb") as errors:
            self._process: subprocess.Popen[str] = subprocess.Popen(
                [sys.executable, "-m", "acento.training.follow"],
                stdin=subprocess.PIPE,  # it is open as long as this process lives, and the other one ends with it
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,  # Ctrl-C is for rank 0, which may leave a checkpoint
                env=os.environ | _seen(job, rank),
            )
        with suppress(BrokenPipeError):  # whoever waits for it says why
            _open(self._process.stdin).write(json.dumps(spec) + "\n")
            _open(self._process.stdin).flush()

    def wait(self) -> None:
        """Return when it has loaded its model; raise what ended it if it never will."""
        if READY not in (line.strip() for line in iter(_open(self._process.stdout).readline, "") if READY in line):
            raise self.error(wait_s=30) or AcentoError(f"Process {self.rank + 1} of {self.count} never began.")

    def error(self, wait_s: float) -> AcentoError | None:
        """Return why it ended, after waiting some seconds for that; None: it has not."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(wait_s)
        code = self._process.returncode
        if code is None:
            return None
        title = f"Process {self.rank + 1} of {self.count} of this training"
        again = "the same command goes on from the last checkpoint"
        if code < 0:
            return TransientError(f"{title} was killed (signal {-code}); {again}.")
        said = self._errors.read_text(errors="replace").strip().splitlines()
        return AcentoError(f"{title} ended: {said[-1].rstrip('.') if said else f'exit code {code}'}; {again}.")

    def end(self) -> None:
        """Kill it, if it has not ended; it keeps nothing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                _open(pipe).close()


def _lost(others: list[_Other]) -> AcentoError | None:
    """Return why one of the others ended, the first that did so by itself."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        found = [error for other in others if (error := other.error(wait_s=0.1)) is not None]
        if found:
            return next((one for one in found if "Another process" not in str(one)), found[0])
    return None


def _seen(job: FinetuneJob, rank: int) -> dict[str, str]:
    """Return the variable that lets a process see its own GPU alone; this one's is the first."""
    if job.options.device_type != "cuda":
        return {}
    visible = [one for one in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if one]
    return {"CUDA_VISIBLE_DEVICES": visible[rank] if visible else str(rank)}


def _open(pipe: IO[Any] | None) -> IO[Any]:
    assert pipe is not None
    return pipe
