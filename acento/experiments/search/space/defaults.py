"""The space that is searched where nobody names one, by how much data there is."""

from typing import Any

from acento.experiments.search.space.reading import parse_space
from acento.experiments.search.space.space import Space
from acento.models.family import Family
from acento.training.recipe import SMALL, Recipe

_STRATEGIES = {True: ("encoder", "lora", "full"), False: ("encoder", "full", "lora")}
"""What may learn, the likelier to be best first; by whether clips are few."""


def default_space(base: Recipe, clips: int, family: Family) -> Space:
    """Return what is worth searching around a recipe, for so many training clips and a family of models.

    The recipe itself lies in the space as far as its values are the usual ones, so that the first trial is what would
    have been trained without a search. Few parameters on purpose: ten to thirty trials see no more than these.
    """
    # adapters take ten times the rate of full tuning, and the best of either is found within a factor of five
    full = base.learning_rate / (10 if base.strategy == "lora" else 1)
    space: dict[str, Any] = {
        "learning_rate": {"low": float(f"{full / 5:.3g}"), "high": float(f"{full * 50:.3g}"), "log": True},
        # what is learned by heart from a few hundred clips is kept at bay by different means; each is off or usual
        "label_smoothing": [0.0, 0.1],
        **({"augmentation.time_masks": [0, 2]} if family.spectrogram else {}),
        "augmentation.speed": [0.0, 0.5],
    }
    strategies = [one for one in _STRATEGIES[clips < SMALL] if one in family.strategies]
    if clips < SMALL:
        return parse_space(
            {
                "strategy": strategies,
                **space,
                "epochs": [base.epochs / 2, base.epochs],
                "dropout": [0.0, 0.1],
                "augmentation.noise": [0.0, 0.3, 0.6],
                "average": [0.0, 0.99],  # decay over 100 steps: a small run has a few hundred
            },
            base,
        )
    return parse_space(
        {
            "strategy": strategies,
            **space,
            "epochs": [base.epochs, 2 * base.epochs],
            "weight_decay": [0.01, 0.1],
            "augmentation.noise": [0.0, 0.3],
            "average": [0.0, 0.999],
        },
        base,
    )
