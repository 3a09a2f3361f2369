"""How a version learned: what its training left beside the weights."""

import json
from collections.abc import Mapping
from typing import Any

from acento.core.store import Store
from acento.registry.model_version import CURVE, HISTORY, ModelVersion


def read_history(store: Store, version: ModelVersion) -> list[Mapping[str, Any]]:
    """Return what a training wrote down as it went, a row for each step and each evaluation; empty if it left none."""
    return rows(_read(store, version, HISTORY) or b"")


def read_curve(store: Store, version: ModelVersion) -> bytes | None:
    """Return the picture of the learning curve, PNG; None where a training left none."""
    return _read(store, version, CURVE)


def _read(store: Store, version: ModelVersion, name: str) -> bytes | None:
    artifact = store.find(version.key)
    return None if artifact is None or name not in artifact.files else store.read_bytes(version.key, name)


def rows(data: bytes) -> list[Mapping[str, Any]]:
    """Return the rows of a history, of its bytes."""
    return [json.loads(line) for line in data.splitlines() if line.strip()]
