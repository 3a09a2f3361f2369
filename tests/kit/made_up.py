"""Data sets made up row by row, as if staged, so that a test can put anything into them."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from acento.core.audio.recording import encode_flac
from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.data.dataset import CLIPS, Card, DataPart, save_card
from acento.data.utterance import REJECTED_SCHEMA, SAMPLE_RATE, SCHEMA

_WORDS = "alba bruma cerro duna estero faro greda humo isla jarra kilo loma monte nube ola pampa"


def speech(seed: int, seconds: float = 2.0, level: float = 0.2, noise: float = 0.0005) -> NDArray[np.float32]:
    """Return tones (0.2 s on, 0.1 s off) in white noise of this RMS: float32, mono, 16 kHz."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tone = level * np.sin(2 * np.pi * (150 + 10 * seed) * time) * (time % 0.3 < 0.2)
    return (tone + noise * np.random.default_rng(seed).standard_normal(len(time))).astype(np.float32)


def clip(seed: int, split: str = "train", samples: NDArray[np.float32] | None = None, **facts: Any) -> dict[str, Any]:
    """Return a row of a data part; a clip with nothing wrong, but for what is given."""
    found = speech(seed) if samples is None else samples
    whole = np.clip(np.rint(found * 32768), -32768, 32767).astype(np.int16)
    words = _WORDS.split()
    return {
        "id": f"c{seed:02d}",
        "audio": {"bytes": encode_flac(whole), "path": None},
        "duration_s": len(whole) / SAMPLE_RATE,
        "text": " ".join(words[(seed * step + seed // 16) % 16] for step in (1, 3, 5, 7, 9)),
        "split": split,
        "language": "es",
        "speaker": f"s{seed:02d}",
        "accent": None,
        "source": f"c{seed:02d}.wav",
        "source_sha256": hashlib.sha256(f"{seed}".encode()).hexdigest(),
        "audio_sha256": hashlib.sha256(whole.tobytes()).hexdigest(),
        **facts,
    }


def good(first: int = 0, count: int = 10) -> list[dict[str, Any]]:
    """Return clips of all splits with nothing wrong."""
    splits = ("train", "train", "train", "dev", "test")
    return [clip(seed, splits[seed % len(splits)]) for seed in range(first, first + count)]


def make_set(
    store: Store,
    parts: Sequence[Sequence[dict[str, Any]]],
    name: str = "made-up",
    version: int = 1,
    schema: pa.Schema = SCHEMA,
) -> Card:
    """Publish parts of rows as a version of a data set; ``schema`` may lack columns, or have others."""
    cards = []
    for rows in parts:
        table = pa.Table.from_pylist([{k: row.get(k) for k in schema.names} for row in rows], schema)
        key = f"parts/{fingerprint([hashlib.sha256(repr(rows).encode()).hexdigest(), schema.names])}"
        with store.publish(key) as draft:
            pq.write_table(table, draft.folder / CLIPS, row_group_size=4)
        seconds = sum(row["duration_s"] for row in rows)
        cards.append(DataPart(key=key, clips=len(rows), seconds=seconds, version=version))
    splits = [row["split"] for rows in parts for row in rows]
    card = Card(
        name=name,
        version=version,
        fingerprint=fingerprint([part.key for part in cards]),
        parent=None,
        source="made up",
        options={},
        parts=tuple(cards),
        clips=len(splits),
        seconds=sum(part.seconds for part in cards),
        splits={split: splits.count(split) for split in ("train", "dev", "test")},
        rejected=0,
    )
    save_card(store, card, REJECTED_SCHEMA.empty_table())
    return card
