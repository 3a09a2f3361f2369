"""The space of a search: which fields of a recipe vary, and over what."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from pydantic import BaseModel, Field, model_validator

from acento.core.errors import InputError
from acento.experiments.search.budget import PrunerName, SamplerName
from acento.training.recipe import Recipe

if TYPE_CHECKING:
    from optuna.trial import Trial

Scalar = str | int | float | bool | None
"""What a study can store as the value of a parameter."""

MOST_STEPS = 1000
"""The most steps of a range that a grid lists."""


class Range(BaseModel, frozen=True, extra="forbid"):
    """Numbers from ``low`` to ``high``, both included; ``log``: equally likely in each order of magnitude."""

    low: float
    high: float
    log: bool = False
    step: float | None = Field(None, gt=0)
    integer: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low {self.low:g} must be below high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"a log range must begin above 0, not at {self.low:g}")
        if self.log and self.step is not None:
            raise ValueError("a range has either log or a step")
        if self.integer and any(not float(x).is_integer() for x in (self.low, self.high, self.step or 1)):
            raise ValueError("it takes whole numbers")
        return self

    def suggest(self, trial: "Trial", name: str) -> Scalar:
        """Return the value that a trial has for this parameter, drawn by the study's sampler if it has none yet."""
        if self.integer:
            step = int(self.step or 1)
            return trial.suggest_int(name, int(self.low), int(self.high), step=step, log=self.log)
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)

    def finite(self) -> tuple[Scalar, ...] | None:
        """Return every value, or None if there are endlessly (or absurdly) many."""
        step = 1.0 if self.integer and self.step is None and not self.log else self.step
        if step is None:
            return None
        count = math.floor((self.high - self.low) / step + 1e-9) + 1
        if count > MOST_STEPS:
            return None
        values = [self.low + i * step for i in range(count)]
        return tuple(int(value) if self.integer else float(f"{value:.12g}") for value in values)

    def label(self, value: object) -> tuple[Scalar] | None:
        """Return, in a tuple, how the study stores this value; None if it is outside of the range."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            return None
        finite = self.finite()
        return (value,) if finite is None or value in finite else None

    def value(self, label: Scalar) -> Any:
        """Return the recipe's value for what the study stored."""
        return label


class Choices(BaseModel, frozen=True, extra="forbid"):
    """One of a list of values: words, numbers, true/false, nothing, or lists of these."""

    values: tuple[Any, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.labels) < len(self.values):
            raise ValueError("a value is listed twice")
        return self

    @property
    def labels(self) -> Mapping[Scalar, Any]:
        """How the study stores each value: itself, or its JSON where it is a list."""
        return {
            value if value is None or isinstance(value, str | int | float) else json.dumps(value): value
            for value in self.values
        }

    def suggest(self, trial: "Trial", name: str) -> Scalar:
        """Return the value that a trial has for this parameter, drawn by the study's sampler if it has none yet."""
        return trial.suggest_categorical(name, list(self.labels))

    def finite(self) -> tuple[Scalar, ...]:
        """Return every value as the study stores it."""
        return tuple(self.labels)

    def label(self, value: object) -> tuple[Scalar] | None:
        """Return, in a tuple, how the study stores this value; None if it is not in the list."""
        plain = list(value) if isinstance(value, tuple) else value
        return next(((label,) for label, known in self.labels.items() if known == plain), None)

    def value(self, label: Scalar) -> Any:
        """Return the recipe's value for what the study stored."""
        return self.labels[label]


LARGEST_GRID = 10_000
"""Points of a grid beyond which it is a mistake and not a plan."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A field that decides whether another one means anything."""

    field: str
    example: Any
    """A value for which the other one counts: of words only this one, of numbers all but 0."""

    def is_on(self, value: Any) -> bool:
        """Return whether the other field counts where this one has a value."""
        return value == self.example if isinstance(self.example, str) else bool(value)


SWITCHES: Mapping[str, Switch] = {
    **dict.fromkeys(("lora_rank", "lora_alpha", "lora_dropout", "lora_sites"), Switch("strategy", "lora")),
    "last_n": Switch("strategy", "last-n"),
    **dict.fromkeys(
        ("augmentation.noise_snr_db", "augmentation.noise_colors", "augmentation.noise_folder"),
        Switch("augmentation.noise", 0.5),
    ),
    "augmentation.speed_range": Switch("augmentation.speed", 0.5),
    "augmentation.pitch_semitones": Switch("augmentation.pitch", 0.5),
    "augmentation.gain_db": Switch("augmentation.gain", 0.5),
    "augmentation.reverb_s": Switch("augmentation.reverb", 0.5),
    "augmentation.time_mask_s": Switch("augmentation.time_masks", 1),
    "augmentation.frequency_mask": Switch("augmentation.frequency_masks", 1),
}
"""Fields that count only under a value of another: a trial has them only then, so no two trials are the same recipe."""


class Space(BaseModel, frozen=True, extra="forbid"):
    """Parameters by the name of their field; a field of a part of the recipe is named ``augmentation.noise``."""

    parameters: dict[str, Range | Choices] = Field(min_length=1)

    def suggest(self, trial: "Trial", base: Recipe) -> dict[str, Scalar]:
        """Return what a trial tries, drawn by the study's sampler where the trial has no value yet."""
        point: dict[str, Scalar] = {}
        for name in self._ordered():
            if self._applies(name, point, base):
                point[name] = self.parameters[name].suggest(trial, name)
        return point

    def recipe(self, base: Recipe, point: Mapping[str, Scalar]) -> Recipe:
        """Return the recipe at a point of the space.

        Raises:
            InputError: the values do not go together.
        """
        return replaced(base, {name: self.parameters[name].value(label) for name, label in point.items()})

    def point_of(self, recipe: Recipe) -> dict[str, Scalar] | None:
        """Return the point at which a recipe lies, or None if it lies outside of the space."""
        point: dict[str, Scalar] = {}
        for name in self._ordered():
            if not self._applies(name, point, recipe):
                continue
            label = self.parameters[name].label(attrgetter(name)(recipe))
            if label is None:
                return None
            point[name] = label[0]
        return point

    def grid(self, seed: int) -> list[dict[str, Scalar]]:
        """Return every point once, shuffled by the seed: a part of the grid is then a fair sample of it.

        Raises:
            InputError: a parameter has no end of values, or all of them together have too many.
        """
        points: list[dict[str, Scalar]] = [{}]
        for name in self._ordered():
            parameter = self.parameters[name]
            values = parameter.finite()
            if values is None:
                low, high = (parameter.low, parameter.high) if isinstance(parameter, Range) else (0, 0)
                raise InputError(
                    f"A grid needs a list of values for {name}, such as [{low:g}, {high:g}], or a range with a step."
                )
            points = [
                larger
                for point in points
                for larger in (
                    [{**point, name: value} for value in values] if self._applies(name, point, None) else [point]
                )
            ]
            if len(points) > LARGEST_GRID:
                raise InputError(
                    f"The grid has more than {LARGEST_GRID} points; list fewer values, or search with tpe or random."
                )
        return [points[place] for place in np.random.default_rng(seed).permutation(len(points))]

    def _ordered(self) -> list[str]:
        """Return the names, a switch always before what it switches."""
        return sorted(self.parameters, key=lambda name: name in SWITCHES)

    def _applies(self, name: str, point: Mapping[str, Scalar], base: Recipe | None) -> bool:
        """Return whether a parameter means anything, given the values before it (``base`` has the fixed ones)."""
        switch = SWITCHES.get(name)
        if switch is None:
            return True
        if switch.field in point:
            return switch.is_on(self.parameters[switch.field].value(point[switch.field]))
        return base is None or switch.is_on(attrgetter(switch.field)(base))


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


def replaced(base: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Return a recipe with fields replaced; those of a part are named ``augmentation.noise``.

    Raises:
        InputError: the values are not allowed.
    """
    body = base.model_dump()
    for name, value in values.items():
        part, _, field = name.rpartition(".")
        (body[part] if part else body)[field] = value
    return Recipe.checked(body)
