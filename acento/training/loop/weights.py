"""The learned weights as they are trained, and as they are evaluated and saved: averaged, and mixed with the base's."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from acento.training.recipe import Recipe


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
        """Return one tensor as it is saved."""
        tuned = self._average.get(name, trained)
        if not self._base or ".lora_A." in name:  # an adapter is the product of two: one of them is scaled
            return tuned
        return torch.lerp(self._base[name], tuned, self._share)

    @torch.no_grad()
    def _set(self, values: Mapping[str, Tensor]) -> None:
        for name, parameter in self._learned.items():
            parameter.copy_(values[name])
