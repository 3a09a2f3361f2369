"""A recognizer for tests of the engine: it hears how loud a window is, and does as it is told."""

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from acento.inference.plan import PlannedClip
from acento.models.base import Audio, DecodeOptions, Recognizer, Transcript
from acento.models.family import Family


class FakeRecognizer(Recognizer):
    """Hears each window as ``n<samples>``; sleeps and fails on demand."""

    shareable = True

    def __init__(
        self,
        *,
        window_s: float | None = None,
        prepare_s: float = 0.0,
        infer_s: float = 0.0,
        fits: int | None = None,
        deadly: int | None = None,
        refuse: Callable[[Audio], bool] = lambda _: False,
    ) -> None:
        self.deadly = deadly  # a window of so many samples ends the process, as a kernel does that is out of memory
        self.window_s = window_s
        self.prepare_s, self.infer_s, self.fits, self.refuse = prepare_s, infer_s, fits, refuse
        self.batches: list[int] = []

    def prepare(self, windows: Sequence[Audio]) -> list[Audio]:
        time.sleep(self.prepare_s)
        return list(windows)

    def infer(self, features: list[Audio]) -> list[int]:
        time.sleep(self.infer_s)
        self.batches.append(len(features))
        if self.fits is not None and len(features) > self.fits:
            raise MemoryError(f"{len(features)} windows")
        for window in features:
            if len(window) == self.deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            if self.refuse(window):
                raise ValueError("cannot hear this")
        return [len(window) for window in features]

    def finish(self, tokens: list[int]) -> list[Transcript]:
        return [Transcript(f"n{count}") for count in tokens]

    def warm_up(self, batch_size: int) -> None:
        pass

    def synchronize(self) -> None:
        pass

    def close(self) -> None:
        pass


def load(folder: Path, options: DecodeOptions) -> FakeRecognizer:  # noqa: ARG001
    """Load the fake family's model: its ``config.json`` holds the arguments of the recognizer.

    The environment may say that this worker is so many times ``FAKE_SLOWER``, and in which folder ``FAKE_BEGAN`` it is
    to leave the number of its process.
    """
    config = json.loads((folder / "config.json").read_text())
    config["infer_s"] = config.get("infer_s", 0.0) * float(os.environ.get("FAKE_SLOWER", "1"))
    if "FAKE_BEGAN" in os.environ:
        (Path(os.environ["FAKE_BEGAN"]) / str(os.getpid())).touch()
    return FakeRecognizer(**{name: value for name, value in config.items() if name != "model_type"})


def fake_model(folder: Path, **arguments: float) -> Path:
    """Write a model of the fake family and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "fake", **arguments}))
    (folder / "model.safetensors").write_bytes(b"none needed")
    return folder


FAKE = Family(
    name="fake",
    model_types=frozenset({"fake"}),
    loader="fake_recognizer:load",
    decoding_version=1,
    batch_size={"cpu": 2, "cuda": 2, "mps": 2},
)
"""A family for tests of jobs: put it into ``FAMILIES`` with monkeypatch."""


def planned(count: int, seconds: float = 1.0) -> list[list[PlannedClip]]:
    """Return ``count`` batches of one planned clip each."""
    return [[PlannedClip(f"clip{i}", seconds, f"sha{i}", "parts/x", i)] for i in range(count)]


def noise(samples: int) -> Audio:
    """Return soft noise, always the same."""
    return np.random.default_rng(samples).standard_normal(samples).astype(np.float32) * 0.1
