"""Checkpoints of one training in the store: whole or absent, the best and the last kept.

A checkpoint is an artifact named by its step: what learns (safetensors), the optimizer's state (safetensors) and the
training's state (JSON). Frozen weights are the base model's and are not written again.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from acento.core.errors import StoreError
from acento.core.store import Store
from acento.training.loop.state import TrainingState

_WEIGHTS, _OPTIMIZER, _STATE = "weights.safetensors", "optimizer.safetensors", "state.json"
_PLAIN = "plain"
_WITHIN = "/"


class Checkpoints:
    """The checkpoints of the job in one folder of the store."""

    def __init__(self, store: Store, job: str) -> None:
        """Take the job's folder, such as ``jobs/<fingerprint>``."""
        self._store, self._folder = store, f"{job}/checkpoints"

    def steps(self) -> list[int]:
        """Return the steps of all whole checkpoints, lowest first."""
        self._store.refresh()
        return sorted(int(key.rpartition("/")[2]) for key in self._store.list(self._folder))

    def latest(self) -> TrainingState | None:
        """Return the state of the newest checkpoint whose every byte is as it was written; None if there is none."""
        for step in reversed(self.steps()):
            if self._store.find(self._key(step), verify=True) is not None:
                return TrainingState.from_json(self._store.read_bytes(self._key(step), _STATE).decode())
        return None

    def save(self, state: TrainingState, weights: Mapping[str, Tensor], optimizer: Any) -> None:
        """Publish a checkpoint, and only then remove those that are neither the best nor this one.

        Raises:
            StoreError: it cannot be written; those before it are still there.
        """
        key = self._key(state.step)
        tensors, plain = _flat(optimizer.state_dict()["state"])
        with self._store.publish(key) as draft:
            _write(draft.folder / _WEIGHTS, weights, key)
            _write(draft.folder / _OPTIMIZER, tensors, key, {_PLAIN: json.dumps(plain)})
            (draft.folder / _STATE).write_text(state.to_json(), encoding="utf-8")
            draft.info |= {"step": state.step, "best_step": state.best_step, "best_wer": state.best_wer}
        for step in self.steps():
            if step not in (state.step, state.best_step):
                self._store.remove(self._key(step))

    def clear(self) -> None:
        """Remove all of them, the last one last: nobody goes on from there any more."""
        for step in self.steps():
            self._store.remove(self._key(step))

    def weights(self, step: int) -> dict[str, Tensor]:
        """Return the tensors of what learns, on the host.

        Raises:
            StoreError: there is no such checkpoint, or it is damaged.
        """
        return load_file(self._store.local_path(self._key(step), _WEIGHTS))

    def restore_optimizer(self, step: int, optimizer: Any) -> None:
        """Set an optimizer over the same parameters to a checkpoint's state."""
        path = self._store.local_path(self._key(step), _OPTIMIZER)
        with safe_open(path, framework="pt") as file:
            state: dict[int, dict[str, Any]] = {}
            for index, name, value in json.loads(file.metadata()[_PLAIN]):
                _put(state.setdefault(index, {}), name, value)
            for key in file.keys():  # noqa: SIM118 - not a mapping
                index, _, name = key.partition(".")
                _put(state.setdefault(int(index), {}), name, file.get_tensor(key))
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})

    def _key(self, step: int) -> str:
        return f"{self._folder}/{step:08d}"


def _flat(state: Mapping[int, Mapping[str, Any]]) -> tuple[dict[str, Tensor], list[tuple[int, str, Any]]]:
    """Return an optimizer's state as tensors by name, and what in it is no tensor.

    A table within it, as bitsandbytes has one, gives names such as ``table/state1``.
    """
    tensors: dict[str, Tensor] = {}
    plain: list[tuple[int, str, Any]] = []
    seen: set[int] = set()

    def take(index: int, values: Mapping[str, Any], above: str = "") -> None:
        for name, value in values.items():
            if isinstance(value, Mapping):
                take(index, value, f"{above}{name}{_WITHIN}")
            elif isinstance(value, Tensor):
                held = value.detach().cpu().contiguous()
                # a table of 8-bit values is one for all parameters; safetensors wants each tensor in memory of its own
                tensors[f"{index}.{above}{name}"] = held.clone() if held.data_ptr() in seen else held
                seen.add(held.data_ptr())
            else:
                plain.append((index, above + name, value))

    for index, values in state.items():
        take(index, values)
    return tensors, plain


def _put(values: dict[str, Any], name: str, value: Any) -> None:
    """Put a value back to where :func:`_flat` found it."""
    *tables, last = name.split(_WITHIN)
    for table in tables:
        values = values.setdefault(table, {})
    values[last] = value


def _write(path: Path, tensors: Mapping[str, Tensor], key: str, metadata: dict[str, str] | None = None) -> None:
    """Write safetensors; a disk that is full says so in a class of that library's own."""
    try:
        save_file(dict(tensors), path, metadata=metadata)
    except SafetensorError as error:
        raise StoreError(
            f"Checkpoint {key} cannot be written ({error}); free some space and start the same training again: "
            "it goes on from the checkpoint before."
        ) from error
