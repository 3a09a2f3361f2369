"""The demo's clips of human speech in memory, for tests and benchmarks."""

import csv
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from acento.data.demo.real.selection import Split
from acento.data.demo.real.speech import fetch_speech


@dataclass(frozen=True, slots=True)
class RealClip:
    """A clip with what its script says."""

    id: str
    text: str
    audio: npt.NDArray[Any]
    """float32, mono, 16 kHz."""


def read_demo(language: str, split: Split, count: int | None = None) -> list[RealClip]:
    """Return the demo's clips of a split in the order of their ids, or the first of them; fetched if need be."""
    from acento.core.audio.recording import decode

    speech = fetch_speech(language)
    with speech.demo.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split][:count]
    return [
        RealClip(row["id"], row["sentence"], decode(speech.folder / row["path"]).astype(np.float32) / 32768)
        for row in rows
    ]
