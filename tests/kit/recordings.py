"""Tiny recordings for tests of staging: every one different, a third of a second each."""

from pathlib import Path

import numpy as np
import soundfile

RATE = 8_000


def noise(seed: int, seconds: float = 0.3, rate: int = RATE) -> np.ndarray:
    """Return noise (float32, mono) that no other seed makes."""
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate))).astype(np.float32)


def put(folder: Path, uid: str, seed: int, text: str | None = "", suffix: str = "wav", **options: float) -> Path:
    """Write a recording and its transcript (by default one of its own, none for None); return the recording's path."""
    path = folder / f"{uid}.{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, noise(seed, **options), RATE)
    if text is not None:
        path.with_name(f"{path.name[: -len(suffix) - 1]}.txt").write_text(text or f"sentence number {seed}")
    return path
