"""Greedy decoding, one token after the other, with a bound of its own for each clip."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from acento.models.base import Audio
from acento.models.checkpoints.pretrained import TorchRecognizer
from acento.models.timing.words import Timed

_FEW = 4
"""Tokens that a model writes to warm up."""


@dataclass(frozen=True, slots=True)
class ClipFeatures:
    """What a model is given for clips, on the host."""

    values: list[Any]
    """Of each clip, unpadded, as :meth:`GreedyRecognizer.values` makes them."""
    limits: list[int]
    """The most tokens of each clip's text."""


class GreedyRecognizer(TorchRecognizer):
    """A model that writes one token after the other, always the likeliest next one."""

    @abstractmethod
    def values(self, window: Audio) -> Any:
        """Return what the model is given for one clip, float32; what is too short for the model is lengthened."""

    @abstractmethod
    def limit(self, samples: int) -> int:
        """Return the most tokens of the text of so many samples; a model that repeats itself is stopped there."""

    @abstractmethod
    def write(self, values: Sequence[Any], limits: Sequence[int]) -> list[list[int]] | list[Timed]:
        """Return the token ids written for each clip, without prompt and end token; with times, where asked for."""

    def prepare(self, windows: Sequence[Audio]) -> ClipFeatures:
        """See :meth:`Recognizer.prepare`."""
        return ClipFeatures([self.values(window) for window in windows], [self.limit(len(one)) for one in windows])

    @torch.inference_mode()
    def infer(self, features: ClipFeatures) -> list[list[int]] | list[Timed]:
        """See :meth:`Recognizer.infer`."""
        return self.write(features.values, features.limits)

    @torch.inference_mode()
    def _try_out(self, features: ClipFeatures) -> None:
        self.write(features.values, [_FEW] * len(features.values))
