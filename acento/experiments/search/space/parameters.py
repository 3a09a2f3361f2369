"""What one parameter of a search may be: a range of numbers, or one of a list of values."""

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, Field, model_validator

if TYPE_CHECKING:
    from optuna.trial import Trial

Scalar = str | int | float | bool | None
"""What a study can store as the value of a parameter."""

MOST_STEPS = 1000
"""A grid takes a range with steps value by value up to this many; beyond, nobody meant it."""


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
