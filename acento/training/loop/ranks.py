"""The processes of one machine that share each step of a training: what they add up, and what they decide together.

Each has the whole model and its own share of a step's clips. Gradients are summed over all of them, divided by the
tokens of the whole step, as over the passes of one process; then each makes the same optimizer step, so that weights
stay equal without being sent. Flags and losses go over gloo, gradients on GPUs over NCCL.
"""

import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, distributed, nn

from acento.core.errors import AcentoError

_BUCKET: Final = 16 << 20
"""Numbers of gradients that are sent at once."""
_PATIENCE: Final = timedelta(days=30)
"""The others wait as long as rank 0 decodes dev; that one has ended is seen by its connection."""


class Ranks:
    """This process among those that share a training's steps."""

    def __init__(self, rank: int = 0, count: int = 1, lost: Callable[[], AcentoError | None] = lambda: None) -> None:
        """Take its number, how many there are, and what says why another one ended."""
        self.rank, self.count, self._lost = rank, count, lost
        self._gradients: Any = None

    @contextmanager
    def joined(self, folder: Path, device: str) -> Iterator[None]:
        """Wait for the others, who meet in a file of a folder, and be connected with them inside the block."""
        if sys.platform == "linux":
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # this machine's name need not be an address
        with self._together():
            place = f"file://{folder / 'rendezvous'}"
            distributed.init_process_group("gloo", place, _PATIENCE, self.count, self.rank)
            self._gradients = distributed.new_group(backend="nccl") if device == "cuda" else None
        try:
            yield
        finally:
            distributed.destroy_process_group()

    def share(self, clips: int) -> range:
        """Return which places of a step's clips this process takes.

        >>> Ranks(1, 2).share(5), Ranks().share(3)
        (range(1, 5, 2), range(0, 3))
        """
        return range(clips)[self.rank :: self.count]

    def told(self, text: str) -> str:
        """Return what rank 0 says."""
        if self.count == 1:
            return text
        said = [text]
        with self._together():
            distributed.broadcast_object_list(said, src=0)
        return said[0]

    def add(self, values: Sequence[float]) -> list[float]:
        """Return numbers summed over all processes."""
        if self.count == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64)
        with self._together():
            distributed.all_reduce(sums)
        return [float(one) for one in sums]

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Sum the gradients over all processes, each of which has as many then; one without a gradient has zeros."""
        if self.count == 1:
            return
        for bucket in _buckets(parameters):
            flat = torch.cat([_gradient(one).flatten() for one in bucket])
            with self._together():
                distributed.all_reduce(flat, group=self._gradients)
            for one, summed in zip(bucket, flat.split([one.numel() for one in bucket]), strict=True):
                one.grad = summed.view_as(one)

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Say which process ended, where one cannot be reached."""
        try:
            yield
        except RuntimeError as error:
            raise self._lost() or AcentoError("Another process of this training ended.") from error


def _gradient(parameter: nn.Parameter) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _buckets(parameters: Iterable[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    """Yield parameters in their order, some at a time, those of a bucket of one type."""
    held: list[nn.Parameter] = []
    for one in parameters:
        if held and (sum(map(_size, [*held, one])) > _BUCKET or one.dtype != held[0].dtype):
            yield held
            held = []
        held.append(one)
    if held:
        yield held


def _size(parameter: nn.Parameter) -> int:
    return math.prod(parameter.shape)
