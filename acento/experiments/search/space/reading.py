"""Reading a space from YAML, every value of it checked against the recipe's fields before a training is paid for.

strategy: [encoder, lora]
learning_rate: {low: 1e-5, high: 1e-3, log: true}
augmentation.noise: [0, 0.3, 0.6]
"""

import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from acento.core.errors import InputError
from acento.experiments.search.space.parameters import Choices, Range
from acento.experiments.search.space.space import SWITCHES, Space, replaced, value_at
from acento.training.recipe import Recipe

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


def read_space(path: Path, base: Recipe) -> Space:
    """Read a space file.

    Raises:
        InputError: it cannot be read, or what it says cannot be searched.
    """
    return parse_space(read_file(path), base, str(path))


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
    return {str(name): said for name, said in _fields(raw, str(path)).items()}


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
    fields = _fields(raw, where)
    found: dict[str, Range | Choices] = {}
    try:
        for name, said in _flat(fields, ""):
            if name in found:
                raise InputError(f"{name} is there twice.")
            found[name] = _parameter(name, said)
        for name, parameter in found.items():
            found[name] = _checked(name, parameter, found, base)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return Space(parameters=found)


def _fields(raw: object, where: str) -> Mapping[Any, Any]:
    """Return what was said as fields, of which there is at least one."""
    if not isinstance(raw, Mapping) or not raw:
        raise InputError(f"{where} names no field; write one on each line, such as learning_rate: [1.0e-5, 1.0e-4].")
    return raw


def _flat(raw: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield each field's full name and what is said of it."""
    for key, said in raw.items():
        name = f"{prefix}{key}"
        if isinstance(said, Mapping) and _part(name) is not None:
            yield from _flat(said, f"{name}.")
        else:
            yield name, said


def _parameter(name: str, said: object) -> Range | Choices:
    """Make one parameter, its name known and searchable."""
    annotation = _annotation(name)
    if why := UNSEARCHABLE.get(name):
        raise InputError(f"{name} cannot be searched: {why}.")
    if _part(name) is not None:
        raise InputError(f"{name} has fields of its own; name one, such as {name}.{next(iter(_known(name)))}.")
    kind = _number(annotation)
    if isinstance(said, Mapping):
        if kind is None:
            raise InputError(f"{name} is no number, so it has no range; list its values: {name}: [a, b].")
        unknown = [str(key) for key in said if key not in ("low", "high", "log", "step")]
        if unknown or not {"low", "high"} <= set(said):
            raise InputError(f"{name} is neither a list of values nor a range such as {{low: 1, high: 4}}.")
    try:
        if isinstance(said, Mapping):
            return Range.model_validate({**said, "integer": kind is int})
        return Choices.model_validate({"values": said if isinstance(said, list) else [said]})
    except ValidationError as error:
        raise InputError(f"{name}: {_reason(error)}.") from error


def _checked(
    name: str, parameter: Range | Choices, found: Mapping[str, Range | Choices], base: Recipe
) -> Range | Choices:
    """Return the parameter with its values as a recipe has them (``1e-5`` is a word to YAML, and a number here)."""
    switch = SWITCHES.get(name)
    fixed = {}
    if switch is not None:
        at_hand = found.get(switch.field) or Choices(values=(value_at(base, switch.field),))
        if isinstance(at_hand, Choices) and not any(switch.on(value) for value in at_hand.values):
            raise InputError(
                f"{name} counts only where {switch.field} is {switch.example}, which it never is in this search."
            )
        fixed[switch.field] = switch.example
    if isinstance(parameter, Range):
        for end in (parameter.low, parameter.high):
            replaced(base, {**fixed, name: int(end) if parameter.integer else end})
        return parameter
    taken = [value_at(replaced(base, {**fixed, name: value}), name) for value in parameter.values]
    return Choices(values=tuple(list(value) if isinstance(value, tuple) else value for value in taken))


def _annotation(name: str) -> Any:
    """Return the type of a field whose name may be dotted.

    Raises:
        InputError: a recipe has no such field.
    """
    *parts, last = name.split(".")
    model = _part(".".join(parts)) if parts else Recipe
    if model is None or last not in model.model_fields:
        whole = ".".join(parts)
        known = ", ".join(_known(whole)) if model is not None else ", ".join(_known(""))
        owner = whole if parts and model is not None else "a recipe"
        raise InputError(f"{name}: {owner} has no field {last if model is not None else parts[0]!r}; it has {known}.")
    return model.model_fields[last].annotation


def _known(part: str) -> list[str]:
    """Return the fields of a recipe, or of a part of it, that can be searched."""
    model = _part(part) if part else Recipe
    return [] if model is None else [name for name in model.model_fields if name not in UNSEARCHABLE]


def _part(name: str) -> type[BaseModel] | None:
    """Return the model of a part of the recipe such as ``augmentation``, or None where there is no such part."""
    model: type[BaseModel] = Recipe
    for step in name.split("."):
        field = model.model_fields.get(step)
        inner = None if field is None else field.annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return None
        model = inner
    return model


def _number(annotation: Any) -> type[int] | type[float] | None:
    """Return int or float if a field of this type takes numbers."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return next((kind for one in typing.get_args(annotation) if (kind := _number(one))), None)
    if typing.get_origin(annotation) is typing.Annotated:
        return _number(typing.get_args(annotation)[0])
    return annotation if annotation in (int, float) else None


def _reason(error: ValidationError) -> str:
    """Return the first thing that pydantic says, in one line."""
    first = error.errors()[0]
    said = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {said[0].lower()}{said[1:]}" if where else said
