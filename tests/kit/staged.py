"""A small staged data set for tests of what comes after staging."""

from pathlib import Path

import pytest
from recordings import put

from acento.core.store import LocalStore, Store
from acento.data.dataset import Card
from acento.data.staging import stage
from acento.inference.benchmark import Transcription, plan_transcription
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve


def staged(store: Store, folder: Path, clips: int = 6, *, first: int = 0, name: str = "demo") -> Card:
    """Stage ``clips`` different recordings of growing length, all of them in the split ``test``."""
    rows = ["uid,file_name,text,speaker,accent,language"]
    for number in range(first, first + clips):
        put(folder, f"c{number:02d}", number, seconds=0.2 + 0.05 * number)
        rows.append(f"c{number:02d},c{number:02d}.wav,uno dos {number},s{number % 2},chilean,es-CL")
    lists = folder / "test_files.csv"
    before = lists.read_text().splitlines()[1:] if lists.exists() else []
    lists.write_text("\n".join([rows[0], *before, *rows[1:]]) + "\n")
    return stage(store, str(folder), name, workers=0).card


def staged_splits(
    store: Store, folder: Path, *, train: int = 8, dev: int = 4, test: int = 6, name: str = "small"
) -> Card:
    """Stage recordings in three splits, of two speakers and two accents, with texts that a tiny Whisper can write."""
    number = 0
    for split, clips in (("train", train), ("dev", dev), ("test", test)):
        rows = ["uid,file_name,text,speaker,accent,language"]
        for _ in range(clips):
            put(folder, f"c{number:02d}", number, seconds=0.3 + 0.05 * (number % 8))
            accent = "chilean" if number % 3 else "neutral"
            rows.append(f"c{number:02d},c{number:02d}.wav,bad cab {number},s{number % 2},{accent},es")
            number += 1
        if clips:
            (folder / f"{split}_files.csv").write_text("\n".join(rows) + "\n")
    return stage(store, str(folder), name, workers=0).card


def planned_clips(
    root: Path, model: Path, monkeypatch: pytest.MonkeyPatch, *, clips: int, part_s: float
) -> tuple[LocalStore, Transcription]:
    """Stage clips of two seconds in a new store, and plan to transcribe them in parts of about so many seconds."""
    store, folder = LocalStore(root / "store"), root / "clips"
    rows = ["uid,file_name,text,speaker,accent,language"]
    for number in range(clips):
        put(folder, f"c{number:03d}", number, seconds=2.0)
        rows.append(f"c{number:03d},c{number:03d}.wav,uno dos {number},s,chilean,es-CL")
    (folder / "test_files.csv").write_text("\n".join(rows) + "\n")
    card = stage(store, str(folder), "demo", workers=0).card
    monkeypatch.setattr("acento.inference.plan.PART_SECONDS", part_s)
    options = DecodeOptions(threads=1)
    return store, plan_transcription(store, card, resolve(str(model)), split="test", options=options, batch_size=2)
