"""How long the audio is that each step of training is given, where a model is taught windows shorter than its own.

A step's context is its longest clip and a margin. The margin is a pure function of the seed and the step, so a resumed
training shows what an unbroken one shows; and it is the same for all forward passes of a step, so gradients do not
depend on how many clips they have.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from acento.data.utterance import SAMPLE_RATE
from acento.models.windows import Fit
from acento.training.data.sampling import Batches, weights_for
from acento.training.recipe import Recipe

if TYPE_CHECKING:
    from acento.training.data.prepared import Example

GRID: Final = 320
"""Samples of two mel frames, of which an encoder makes one: contexts are whole numbers of it."""
_LEAST: Final = 360
"""Samples behind a clip within which some mel frame hears none of it."""
ALIKE: Final = SAMPLE_RATE // 2
"""Samples: clips of as many whole half seconds are alike to a batch, so that each epoch puts others side by side."""
_USUAL_MARGIN_S: Final = 1.0
_MARGIN, _KEEP = 1, 2
"""What is drawn for a step, each from a stream of its own."""


@dataclass(frozen=True, slots=True)
class Contexts:
    """The contexts of a training's steps."""

    margins: tuple[float, float]
    """Seconds between which each step's margin is drawn."""
    seed: int
    window: int
    """Samples of the model's own window; no context is longer."""

    @classmethod
    def of(cls, recipe: Recipe, window_s: float | None) -> Self | None:
        """Return the contexts of a recipe; None: the model's own window always, or any length."""
        if recipe.window == "full" or window_s is None:
            return None
        return cls(recipe.margins, recipe.seed, round(window_s * SAMPLE_RATE))

    def at(self, step: int, longest: int) -> int:
        """Return the samples of a step's context; steps count from 0, and ``longest`` are its longest clip's.

        >>> contexts = Contexts((0.5, 0.5), seed=0, window=30 * 16_000)
        >>> contexts.at(7, 16_000), contexts.at(7, 30 * 16_000)
        (24000, 480000)
        """
        low, high = self.margins
        return self._rounded(longest + (low + (high - low) * _drawn(self.seed, step, _MARGIN)) * SAMPLE_RATE, longest)

    def most(self, longest: int) -> int:
        """Return the samples of the longest context of a step whose longest clip has so many."""
        return self._rounded(longest + self.margins[1] * SAMPLE_RATE, longest)

    def _rounded(self, samples: float, longest: int) -> int:
        steps = -(-round(max(samples, longest + _LEAST)) // GRID)
        return min(steps * GRID, self.window)


def keeps_full(recipe: Recipe, step: int) -> bool:
    """Tell whether a step, counted from 0, also learns that the full window is to be heard as the fitted one is."""
    return recipe.window == "fit" and _drawn(recipe.seed, step, _KEEP) < recipe.keep_full


def batches_of(recipe: Recipe, examples: "Sequence[Example]", unit: int | None) -> Batches:
    """Return the batches of a training.

    Clips of as many whole units, each of so many samples, stand together, in an order that is chance; None: any clips.
    """
    return Batches(
        [1 if unit is None else example.samples // unit for example in examples],
        recipe.batch_size * recipe.accumulate,
        recipe.seed,
        weights_for(examples, recipe.balance) if recipe.balance else None,
    )


def fit_of(recipe: Recipe, examples: "Sequence[Example]", window_s: float | None) -> Fit | None:
    """Return what windows a model is taught by a recipe and these clips; None: its own only.

    The margin is a second, if the recipe's margins have it between them, else what is halfway between them. The
    shortest context is that of the first epoch: any training shows it, unless it ends before.
    """
    contexts = Contexts.of(recipe, window_s)
    if contexts is None:
        return None
    batches = batches_of(recipe, examples, ALIKE)
    epoch = batches.steps_per_epoch
    steps = min(math.ceil(min(1.0, recipe.epochs) * epoch), recipe.max_steps or epoch)
    shown = [contexts.at(step, max(examples[row].samples for row in batches.at(step))) for step in range(steps)]
    low, high = recipe.margins
    return Fit(
        margin_s=_USUAL_MARGIN_S if low <= _USUAL_MARGIN_S <= high else round((low + high) / 2, 3),
        shortest_s=round(min(shown) / SAMPLE_RATE, 2),
    )


def _drawn(seed: int, step: int, what: int) -> float:
    """Return a number from 0 to below 1."""
    return float(np.random.default_rng(np.random.SeedSequence([seed, step], spawn_key=(what,))).random())
