"""A model version in a registry, made in milliseconds: a tiny Whisper that pretends to have been tuned."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acento.core.store import Store
from acento.registry.model_version import HISTORY, RECIPE, ModelAbout, ModelVersion
from acento.registry.publishing import publish_model


def about(name: str = "mini-santiago", **changes: Any) -> ModelAbout:
    """Return what a version says of itself."""
    facts: dict[str, Any] = {
        "name": name,
        "base": {"id": "demo:whisper-mini", "revision": None, "digest": "b" * 64, "family": "whisper"},
        "dataset": "santiago@2",
        "dataset_fingerprint": "d" * 64,
        "recipe": {"strategy": "encoder", "learning_rate": 0.0015, "epochs": 10.0},
        "job": "jobs/0123",
        "strategy": "encoder",
        "created": "2026-11-20T10:34:00+00:00",
        "provenance": {"acento": "0.1.0", "device": "a processor"},
        "dev_wer_before": 0.44,
        "dev_wer": 0.21,
        "language": "es",
    }
    return ModelAbout(**(facts | changes))


def filled(model: Path, seed: int = 0) -> Callable[[Path], None]:
    """Return what writes a checkpoint as a training does, its weights different for each seed."""

    def fill(folder: Path) -> None:
        shutil.copytree(model, folder, dirs_exist_ok=True)
        weights = bytearray((folder / "model.safetensors").read_bytes())
        weights[-4:] = seed.to_bytes(4, "little")
        (folder / "model.safetensors").write_bytes(weights)
        (folder / RECIPE).write_text('{"strategy": "encoder"}')
        (folder / HISTORY).write_text('{"step": 10, "loss": 2.5}\n{"step": 20, "dev_wer": 0.3}\n')

    return fill


def registered(store: Store, model: Path, seed: int = 0, **changes: Any) -> ModelVersion:
    """Publish a version; another seed is another version, a little younger."""
    changes.setdefault("created", f"2026-11-20T10:34:{seed:02d}+00:00")
    return publish_model(store, about(**changes), filled(model, seed))
