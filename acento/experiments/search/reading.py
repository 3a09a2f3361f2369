"""Spaces: read from YAML, every value checked against the recipe's fields before a training is paid for; the default.

strategy: [encoder, lora]
learning_rate: {low: 1e-5, high: 1e-3, log: true}
augmentation.noise: [0, 0.3, 0.6]
"""

from collections.abc import Iterator, Mapping
from operator import attrgetter
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from acento.core.errors import InputError
from acento.experiments.search.space import SWITCHES, Choices, Range, Space, replaced
from acento.models.family import Family
from acento.training.augment.options import Augmentation
from acento.training.recipe import SMALL, Recipe, first_problem

UNSEARCHABLE: Mapping[str, str] = {
    "normalizer": "it decides how the dev WER is measured, so trials could not be compared",
    "eval_every": "trials are compared evaluation by evaluation",
    "eval_batch_size": "it changes no result",
    "checkpoint_every": "it changes no result",
    "activation_checkpointing": "it changes no result",
    "patience": "it only says when to give up",
    "seed": "the luckiest seed on dev is no better recipe",
}
"""Fields of a recipe that a search must leave alone, and why."""
_PARTS: Mapping[str, type[BaseModel]] = {"": Recipe, "augmentation": Augmentation}
"""A recipe, and the parts of it that have fields of their own."""
_STRATEGIES = {True: ("encoder", "lora", "full"), False: ("encoder", "full", "lora")}
"""What may learn, the likelier to be best first; by whether clips are few."""


def read_file(path: Path) -> dict[str, Any]:
    """Read what a space file says, before it is known around which recipe is searched.

    Raises:
        InputError: it cannot be read, or names no field.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no YAML: {str(error).partition(chr(10))[0]}.") from error
    return {str(name): given for name, given in _fields(raw, str(path)).items()}


def parse_space(raw: object, base: Recipe, where: str = "the search space") -> Space:
    """Make a space of what a file says.

    Args:
        raw: names of fields (dotted, or nested), each with a list of values, a range ``{low, high, log or step}``, or
            one value.
        base: the recipe around it.
        where: what to call the file in a sentence.

    Raises:
        InputError: an unknown field, a value that a recipe does not take, a range of what is no number.
    """
    found: dict[str, Range | Choices] = {}
    try:
        for name, given in _flat(_fields(raw, where), ""):
            if name in found:
                raise InputError(f"{name} is there twice.")
            found[name] = _parameter(name, given)
        for name, parameter in found.items():
            found[name] = _checked(name, parameter, found, base)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return Space(parameters=found)


def default_space(base: Recipe, clips: int, family: Family) -> Space:
    """Return what is worth searching around a recipe, for so many training clips and a family of models.

    The recipe itself lies in the space as far as its values are the usual ones, so that the first trial is what would
    have been trained without a search. Few parameters on purpose: ten to thirty trials see no more than these.
    """
    # adapters take ten times the rate of full tuning, and the best of either is found within a factor of five
    full = base.learning_rate / (10 if base.strategy == "lora" else 1)
    space: dict[str, Any] = {
        "strategy": [one for one in _STRATEGIES[clips < SMALL] if one in family.strategies],
        "learning_rate": {"low": float(f"{full / 5:.3g}"), "high": float(f"{full * 50:.3g}"), "log": True},
        # overfitting to a few hundred clips is held off by different means; each is off or usual
        "label_smoothing": [0.0, 0.1],
        **({"augmentation.time_masks": [0, 2]} if family.spectrogram else {}),
        "augmentation.speed": [0.0, 0.5],
    }
    if clips < SMALL:
        space |= {
            "epochs": [base.epochs / 2, base.epochs],
            "dropout": [0.0, 0.1],
            "augmentation.noise": [0.0, 0.3, 0.6],
            "average": [0.0, 0.99],  # decay over 100 steps: a small run has a few hundred
        }
    else:
        space |= {
            "epochs": [base.epochs, 2 * base.epochs],
            "weight_decay": [0.01, 0.1],
            "augmentation.noise": [0.0, 0.3],
            "average": [0.0, 0.999],
        }
    return parse_space(space, base)


def _fields(raw: object, where: str) -> Mapping[Any, Any]:
    """Return a mapping of at least one field."""
    if not isinstance(raw, Mapping) or not raw:
        raise InputError(f"{where} names no field; write one on each line, such as learning_rate: [1.0e-5, 1.0e-4].")
    return raw


def _flat(raw: Mapping[Any, Any], part: str) -> Iterator[tuple[str, Any]]:
    """Yield each field's full name and its values."""
    for key, given in raw.items():
        name = f"{part}.{key}" if part else str(key)
        if isinstance(given, Mapping) and name in _PARTS:
            yield from _flat(given, name)
        else:
            yield name, given


def _parameter(name: str, given: object) -> Range | Choices:
    """Make one parameter, its name known and searchable.

    Raises:
        InputError: a recipe has no such field, or its values are not ones to search over.
    """
    part, _, field = name.rpartition(".")
    model = _PARTS.get(part)
    if model is None or field not in model.model_fields:
        owner, missing = ("a recipe", name) if model is None else (part or "a recipe", field)
        known = ", ".join(one for one in (model or Recipe).model_fields if one not in UNSEARCHABLE)
        raise InputError(f"{name}: {owner} has no field {missing!r}; it has {known}.")
    if why := UNSEARCHABLE.get(name):
        raise InputError(f"{name} cannot be searched: {why}.")
    if name in _PARTS:
        first = next(iter(_PARTS[name].model_fields))
        raise InputError(f"{name} has fields of its own; name one, such as {name}.{first}.")
    kind = _number(model.model_fields[field].annotation)
    if isinstance(given, Mapping):
        if kind is None:
            raise InputError(f"{name} is no number, so it has no range; list its values: {name}: [a, b].")
        if not {"low", "high"} <= set(given) <= {"low", "high", "log", "step"}:
            raise InputError(f"{name} is neither a list of values nor a range such as {{low: 1, high: 4}}.")
    try:
        if isinstance(given, Mapping):
            return Range.model_validate({**given, "integer": kind is int})
        return Choices.model_validate({"values": given if isinstance(given, list) else [given]})
    except ValidationError as error:
        where, what = first_problem(error)
        raise InputError(f"{name}: {where and f'{where}: '}{what}.") from error


def _checked(
    name: str, parameter: Range | Choices, found: Mapping[str, Range | Choices], base: Recipe
) -> Range | Choices:
    """Return the parameter with its values as a recipe has them (``1e-5`` is a word to YAML, and a number here)."""
    switch = SWITCHES.get(name)
    fixed = {}
    if switch is not None:
        at_hand = found.get(switch.field) or Choices(values=(attrgetter(switch.field)(base),))
        if isinstance(at_hand, Choices) and not any(switch.is_on(value) for value in at_hand.values):
            raise InputError(
                f"{name} counts only where {switch.field} is {switch.example}, which it never is in this search."
            )
        fixed[switch.field] = switch.example
    if isinstance(parameter, Range):
        for end in (parameter.low, parameter.high):
            replaced(base, {**fixed, name: int(end) if parameter.integer else end})
        return parameter
    taken = [attrgetter(name)(replaced(base, {**fixed, name: value})) for value in parameter.values]
    return Choices(values=tuple(list(value) if isinstance(value, tuple) else value for value in taken))


def _number(annotation: Any) -> type[int] | type[float] | None:
    """Return int or float if a field of this type takes numbers, or numbers and nothing."""
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    return next((kind for kind in (int, float) if kind in kinds), None)
