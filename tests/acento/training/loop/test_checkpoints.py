"""Checkpoints: whole or absent, the best and the last, and an optimizer that goes on as if nothing had been."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from acento.core.errors import DamagedError, StoreError
from acento.core.store import LocalStore, Store
from acento.core.store import local as local_store
from acento.training.loop.checkpoints import Checkpoints
from acento.training.loop.state import TrainingState
from acento.training.loop.step import make_optimizer
from acento.training.recipe import Recipe

torch.set_num_threads(1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return LocalStore(tmp_path / "store")


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(3, 2)


def trained(module: nn.Module, optimizer: Any, first: int, end: int) -> None:
    for step in range(first, end):
        torch.manual_seed(step)
        optimizer.zero_grad()
        module(torch.randn(4, 3)).square().sum().backward()
        optimizer.step()


def weights(module: nn.Module) -> dict[str, Tensor]:
    return {f"weights.{name}": parameter.detach().clone() for name, parameter in module.named_parameters()}


def test_a_restored_optimizer_goes_on_to_the_bit(store: Store) -> None:
    straight = model()
    trained(straight, make_optimizer(dict(straight.named_parameters()), Recipe()), 0, 6)

    first = model()
    optimizer = make_optimizer(dict(first.named_parameters()), Recipe())
    trained(first, optimizer, 0, 3)
    Checkpoints(store, "jobs/x").save(TrainingState(step=3), weights(first), optimizer)

    second = model()
    optimizer = make_optimizer(dict(second.named_parameters()), Recipe())
    found = Checkpoints(store, "jobs/x").weights(3)
    second.load_state_dict({name.removeprefix("weights."): tensor for name, tensor in found.items()})
    Checkpoints(store, "jobs/x").restore_optimizer(3, optimizer)
    trained(second, optimizer, 3, 6)
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), second.parameters(), strict=True))


def test_the_state_comes_back_whole(store: Store) -> None:
    state = TrainingState(step=2, history=[{"step": 1, "loss": 0.5}], forward_size=4)
    state.record_evaluation({"step": 2, "dev_wer": 0.25})
    state.record_evaluation({"step": 2, "dev_wer": 0.5})
    module = model()
    Checkpoints(store, "jobs/x").save(state, weights(module), make_optimizer(dict(module.named_parameters()), Recipe()))
    assert Checkpoints(store, "jobs/x").latest() == state
    assert (state.best_step, state.best_wer, state.worse) == (2, 0.25, 1)


def save(store: Store, step: int, best: int | None = None) -> None:
    module = model()
    optimizer = make_optimizer(dict(module.named_parameters()), Recipe())
    Checkpoints(store, "jobs/x").save(TrainingState(step=step, best_step=best), weights(module), optimizer)


def test_the_best_and_the_last_are_kept(store: Store) -> None:
    kept = []
    for step, best in ((0, None), (1, 1), (2, 1), (3, 1), (4, 4), (5, 4)):
        save(store, step, best)
        kept.append(Checkpoints(store, "jobs/x").steps())
    assert kept == [[0], [1], [1, 2], [1, 3], [4], [4, 5]]


def test_an_older_one_goes_only_when_the_newer_one_is_there(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    save(store, 1)

    def full(_path: Path, _data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(local_store, "write_synced", full)
    with pytest.raises(StoreError, match=r"No space left on device.*free some space"):
        save(store, 2)
    monkeypatch.undo()
    assert Checkpoints(store, "jobs/x").steps() == [1]
    save(store, 2)
    assert Checkpoints(store, "jobs/x").steps() == [2]


def test_a_disk_that_fills_up_within_the_weights_is_said_in_a_sentence(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors import SafetensorError

    save(store, 1)

    def full(*_: object, **__: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("acento.training.loop.checkpoints.save_file", full)
    with pytest.raises(StoreError, match=r"Checkpoint jobs/x/checkpoints/00000002 cannot be written .*No space left"):
        save(store, 2)
    assert Checkpoints(store, "jobs/x").steps() == [1]


def test_one_that_is_not_whole_or_was_damaged_is_never_taken(store: Store, tmp_path: Path) -> None:
    for step, best in ((1, 1), (2, 1)):
        save(store, step, best)
    folder = tmp_path / "store" / "jobs" / "x" / "checkpoints"
    (folder / "00000009").mkdir()
    (folder / "00000009" / "state.json").write_text('{"step": 9}')
    latest = Checkpoints(LocalStore(tmp_path / "store"), "jobs/x").latest()
    assert latest is not None
    assert latest.step == 2
    file = folder / "00000002" / "weights.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    latest = Checkpoints(LocalStore(tmp_path / "store"), "jobs/x").latest()
    assert latest is not None
    assert latest.step == 1


def test_a_state_that_cannot_be_read_says_so() -> None:
    with pytest.raises(DamagedError, match="cannot be read"):
        TrainingState.from_json('{"step": 1, "no such field": 2}')
