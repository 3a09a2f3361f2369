"""What a person asks of a search, before anything named in it has been looked for."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from acento.experiments.search.budget import Budget
from acento.experiments.search.study import PrunerName, SamplerName
from acento.training.request import FinetuneRequest

USUAL_TRIALS = 20
"""Trials where nobody gives a budget: TPE's eight random ones, and a dozen that know something."""


class SearchRequest(BaseModel):
    """Recipes to be tried on one base model and one staged data set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    training: FinetuneRequest
    """What every trial has in common; its model's name is the search's, too."""
    space: Mapping[str, Any] | None = None
    """What a space file says; None: the usual space for so many clips."""
    sampler: SamplerName = "tpe"
    pruner: PrunerName = "median"
    seed: int = Field(0, ge=0)
    trials: int | None = None
    minutes: float | None = None
    dollars: float | None = None
    price_per_hour: float | None = None
    parallel: int = Field(1, ge=1)

    @property
    def name(self) -> str:
        """The search's name."""
        return self.training.model_name

    @property
    def budget(self) -> Budget:
        """When to stop; without any limit a grid is searched whole, and else the usual number of trials made."""
        free = self.trials is None and self.minutes is None and self.dollars is None and self.sampler != "grid"
        return Budget(
            trials=USUAL_TRIALS if free else self.trials,
            minutes=self.minutes,
            dollars=self.dollars,
            price_per_hour=self.price_per_hour,
        )
