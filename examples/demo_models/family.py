"""What a model family brings to the recipes: its files, what it hears of a clip, and its loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from examples.demo_models.corpus import Audio, Clip
from examples.demo_models.recipe import Phase, Recipe

IGNORED: Final = -100


class Learner(ABC):
    """A model in training."""

    def __init__(self, model: Any, head: Any = None) -> None:
        """Take a model, and a CTC head that is to be thrown away."""
        self.model, self.head = model, head

    def parameters(self) -> list[Any]:
        """What learns."""
        both = (*self.model.parameters(), *(() if self.head is None else self.head.parameters()))
        return [parameter for parameter in both if parameter.requires_grad]

    @abstractmethod
    def losses(self, clips: Sequence[Clip], phase: Phase, step: int, random: np.random.Generator) -> tuple[Any, Any]:
        """The decoder's loss for each token and the CTC loss, scalars; zero is the one that is not asked for."""


class Family(ABC):
    """The family of one recipe's model."""

    def __init__(self, recipe: Recipe) -> None:
        """Take the recipe."""
        self.recipe = recipe

    @abstractmethod
    def fresh(self) -> Any:
        """A model with random weights."""

    @abstractmethod
    def load(self, folder: Path) -> Any:
        """The model of a checkpoint folder, in float32."""

    @abstractmethod
    def parts(self) -> tuple[Any, ...]:
        """What is saved beside the weights by its `save_pretrained`: tokenizer, feature extractor."""

    @abstractmethod
    def featurize(self, batch: Sequence[tuple[Audio, str]]) -> list[Clip]:
        """What the model hears of spoken texts."""

    @abstractmethod
    def learner(self, model: Any, clips: Sequence[Clip]) -> Learner:
        """The model, ready to be trained on these clips for a phase."""


def family_of(recipe: Recipe) -> Family:
    """The family that a recipe names."""
    if recipe.family == "whisper":
        from examples.demo_models.whisper import Whisper

        return Whisper(recipe)
    if recipe.family == "moonshine":
        from examples.demo_models.moonshine import Moonshine

        return Moonshine(recipe)
    from examples.demo_models.parakeet import Parakeet

    return Parakeet(recipe)


def half() -> bool:
    """Whether to compute in bfloat16: where the CPU has no instructions for it, it is slower than float32."""
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported())


def ctc_loss(logits: Any, frames: Any, written: Sequence[Sequence[int]], blank: int) -> Any:
    """The mean CTC loss of logits, (clips, frames, tokens), of which each clip has so many `frames`."""
    import torch
    import torch.nn.functional as functional

    return functional.ctc_loss(
        functional.log_softmax(logits.float(), dim=-1).transpose(0, 1),
        torch.tensor([token for row in written for token in row]),
        frames,
        torch.tensor([len(row) for row in written]),
        blank=blank,
        zero_infinity=True,
    )


def padded(rows: Sequence[Sequence[int]], filler: int) -> Any:
    """Rows of ids side by side, (rows, ids of the longest)."""
    import torch

    out = torch.full((len(rows), max(map(len, rows))), filler, dtype=torch.long)
    for line, row in zip(out, rows, strict=True):
        line[: len(row)] = torch.tensor(row)
    return out


def disturbed(tokens: Any, letters: Any, share: float) -> Any:
    """Tokens of which a share are other letters."""
    import torch

    replaced = torch.rand(tokens.shape) < share
    return torch.where(replaced, letters[torch.randint(len(letters), tokens.shape)], tokens)
