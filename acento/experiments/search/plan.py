"""The plan of a search: what varies, and how it is searched."""

from pydantic import BaseModel, Field

from acento.experiments.search.budget import PrunerName, SamplerName
from acento.experiments.search.space.parameters import Scalar
from acento.experiments.search.space.space import Space
from acento.training.recipe import Recipe

RANDOM_FIRST = 8
"""Trials that TPE draws at random before it has something to model."""


class SearchPlan(BaseModel, frozen=True, extra="forbid"):
    """What is searched, and how: fixed when a search begins, the same whenever it goes on."""

    name: str
    space: Space
    base: Recipe
    """What every trial has in common; where it lies in the space it is itself trial 0 (except in a grid)."""
    sampler: SamplerName = "tpe"
    pruner: PrunerName = "median"
    seed: int = Field(0, ge=0)
    about: dict[str, str] = Field(default_factory=dict)
    """What is trained on what, such as the data set's and the base model's fingerprints."""

    def planned(self) -> list[dict[str, Scalar]]:
        """Return the points of the first trials: the whole grid, or else the base recipe."""
        if self.sampler == "grid":
            return self.space.grid(self.seed)
        point = self.space.point_of(self.base)
        return [] if point is None else [point]

    def limit(self, trials: int | None) -> int | None:
        """Return how many trials there can be at most: those asked for, and no more than a grid has points."""
        if self.sampler != "grid":
            return trials
        size = len(self.space.grid(self.seed))
        return size if trials is None else min(size, trials)
