"""The weights of a training, averaged and mixed where they are saved, and its checkpoints: whole or absent.

A checkpoint is an artifact named by its step: what learns (safetensors), the optimizer's state (safetensors) and the
training's state (JSON). Frozen weights are the base model's and are not written again.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from acento.core.errors import StoreError
from acento.core.store import Store
from acento.training.loop.state import TrainingState
from acento.training.recipe import Recipe

_WEIGHTS, _OPTIMIZER, _STATE = "weights.safetensors", "optimizer.safetensors", "state.json"


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
            try:
                save_file(dict(weights), draft.folder / _WEIGHTS)
                save_file(tensors, draft.folder / _OPTIMIZER, {"plain": json.dumps(plain)})
            except SafetensorError as error:  # such as a full disk
                raise StoreError(
                    f"Checkpoint {key} cannot be written ({error}); free some space and start the same training again: "
                    "it goes on from the checkpoint before."
                ) from error
            (draft.folder / _STATE).write_text(state.to_json(), encoding="utf-8")
            draft.info |= {"step": state.step, "best_step": state.best_step, "best_wer": state.best_wer}
        for step in self.steps():
            if step not in (state.step, state.best_step):
                self._store.remove(self._key(step))

    def clear(self) -> None:
        """Remove all of them, the newest last; the training cannot be resumed."""
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
            for index, name, value in json.loads(file.metadata()["plain"]):
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
                take(index, value, f"{above}{name}/")
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
    *tables, last = name.split("/")
    for table in tables:
        values = values.setdefault(table, {})
    values[last] = value


class Weights:
    """What learns, with its running average where the recipe has one."""

    def __init__(self, learned: Mapping[str, nn.Parameter], recipe: Recipe) -> None:
        """Take the parameters before the first step: their values are the base's."""
        self._learned = dict(learned)
        self._decay, self._share = recipe.average, recipe.interpolate
        self._average = {name: p.detach().clone() for name, p in learned.items()} if recipe.average else {}
        self._base = {name: p.detach().clone() for name, p in learned.items()} if recipe.interpolate < 1 else {}

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Let the average follow, after the step with this number, counted from 1.

        At first it follows faster than its decay, so that the base does not weigh on a short training for long.
        """
        if self._average:
            decay = min(self._decay, (1 + step) / (10 + step))
            torch._foreach_lerp_(list(self._average.values()), list(self._learned.values()), 1 - decay)

    def tensors(self) -> dict[str, Tensor]:
        """Return all that a checkpoint keeps, on the host."""
        kept = {f"weights.{name}": parameter.detach() for name, parameter in self._learned.items()}
        kept |= {f"average.{name}": tensor for name, tensor in self._average.items()}
        return {name: tensor.cpu().contiguous() for name, tensor in kept.items()}

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Set weights and average to a checkpoint's.

        Raises:
            KeyError: the checkpoint is of another model or strategy.
        """
        for name, parameter in self._learned.items():
            parameter.copy_(tensors[f"weights.{name}"])
        for name, tensor in self._average.items():
            tensor.copy_(tensors[f"average.{name}"])

    @contextmanager
    def as_saved(self) -> Iterator[None]:
        """Hold in the model, while the block runs, what is evaluated and saved."""
        if not self._average and not self._base:
            yield
            return
        trained = {name: parameter.detach().clone() for name, parameter in self._learned.items()}
        self._set({name: self._saved(name, value) for name, value in trained.items()})
        try:
            yield
        finally:
            self._set(trained)

    def _saved(self, name: str, trained: Tensor) -> Tensor:
        tuned = self._average.get(name, trained)
        if not self._base or ".lora_A." in name:  # an adapter is the product of two: one of them is scaled
            return tuned
        return torch.lerp(self._base[name], tuned, self._share)

    @torch.no_grad()
    def _set(self, values: Mapping[str, Tensor]) -> None:
        for name, parameter in self._learned.items():
            parameter.copy_(values[name])
