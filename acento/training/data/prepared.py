"""A prepared split as training reads it: examples, their samples out of a memory-mapped file, and what was left out."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from acento.core.errors import DamagedError
from acento.core.store import Store
from acento.data.utterance import SAMPLE_RATE
from acento.models.base import Audio

AUDIO, INDEX, LEFT_OUT = "audio.i2", "index.parquet", "left_out.parquet"
"""The files: samples (int16, little endian, mono, 16 kHz), one clip after another; the clips; the other clips."""
FULL_SCALE = np.float32(32768)
"""What a sample of 1.0 is in 16 bits; a power of two, so that changing between the two is exact."""
INDEX_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("labels", pa.list_(pa.int32())),
        ("accent", pa.string()),
        ("speaker", pa.string()),
        ("language", pa.string()),
        ("samples", pa.int64()),
    ]
)
"""The clips of a prepared split, sorted by id, which is also the order of their samples."""
LEFT_OUT_SCHEMA = pa.schema([("id", pa.string()), ("reason", pa.string()), ("sentence", pa.string())])


class LeftOutReason(StrEnum):
    """Why a clip cannot be learned from."""

    NO_TEXT = "no_text"
    OTHER_SCRIPT = "other_script"
    TOO_LONG = "too_long"
    LABEL_TOO_LONG = "label_too_long"
    AUDIO_TOO_SHORT = "audio_too_short"
    UNWRITABLE = "unwritable"
    FAILED = "failed"
    RUNAWAY = "runaway"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A clip that cannot be learned from, and why."""

    id: str
    reason: LeftOutReason
    sentence: str


@dataclass(frozen=True, slots=True)
class Example:
    """A clip to learn from, its audio left where it is."""

    id: str
    text: str
    labels: tuple[int, ...]
    """Label ids as the model's tokenizer gives them for ``text``."""
    accent: str | None
    speaker: str | None
    language: str | None
    samples: int
    """At 16 kHz."""


class Prepared:
    """An open prepared split; many threads may read it at a time."""

    def __init__(self, examples: list[Example], left_out: list[LeftOut], audio: Path) -> None:
        """Map the samples; they are read when they are asked for.

        Raises:
            DamagedError: the file has not as many samples as the examples say.
        """
        self.examples = examples
        self.left_out = left_out
        ends = np.cumsum([0, *(example.samples for example in examples)])
        self._spans = [slice(int(start), int(end)) for start, end in pairwise(ends)]
        if audio.stat().st_size != 2 * int(ends[-1]):
            raise DamagedError(f"{audio} does not hold the samples that its index names: remove {audio.parent}.")
        self._samples = np.memmap(audio, dtype="<i2", mode="r")

    def chosen(self, places: Sequence[int]) -> Self:
        """Return some of the examples, in this order, over the same file."""
        part = copy(self)
        part.examples = [self.examples[place] for place in places]
        part._spans = [self._spans[place] for place in places]
        return part

    @property
    def seconds(self) -> float:
        """Seconds of audio of all examples."""
        return sum(example.samples for example in self.examples) / SAMPLE_RATE

    def audio(self, at: int) -> Audio:
        """Return one example's samples, float32 in [-1, 1), mono, 16 kHz: to the bit what the staged clip holds."""
        samples: Audio = self._samples[self._spans[at]].astype(np.float32)
        samples /= FULL_SCALE
        return samples


def load_prepared(store: Store, key: str) -> Prepared:
    """Open a prepared split.

    Raises:
        StoreError: it is not in the store.
        DamagedError: its bytes changed since it was prepared.
    """
    index = pq.read_table(store.local_path(key, INDEX)).to_pylist()
    rows = pq.read_table(store.local_path(key, LEFT_OUT)).to_pylist()
    return Prepared(
        [Example(**{**row, "labels": tuple(row["labels"])}) for row in index],
        [LeftOut(row["id"], LeftOutReason(row["reason"]), row["sentence"]) for row in rows],
        store.local_path(key, AUDIO),
    )
