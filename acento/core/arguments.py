"""Arguments that a person gives a function: what names a thing, and what a value must be, said in a sentence."""

from collections.abc import Iterable
from functools import cache
from os import PathLike, fspath
from reprlib import repr as short
from typing import Any, Protocol

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from acento.core.errors import InputError

_MUST = {
    "greater_than_equal": "must be at least {ge:g}",
    "greater_than": "must be more than {gt:g}",
    "less_than_equal": "must be at most {le:g}",
    "less_than": "must be less than {lt:g}",
    "literal_error": "must be {expected}",
    "string_too_short": "must not be empty",
    "too_short": "needs at least one value",
    "missing": "must be given",
    "finite_number": "must be a finite number",
}
"""What a value must be, by the type of pydantic's error; its bounds are the error's."""
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
    "dict": "names with their values",
}


class Identified(Protocol):
    """What another function returned: a staged data set, a model version, a loaded model."""

    @property
    def id(self) -> str:
        """What a command line calls it."""


Named = str | PathLike[str] | Identified
"""How a data set or a model is named: by its name, its path, or by what another function returned."""


def name_of(thing: Named) -> str:
    """Return what a command line calls a data set or a model.

    >>> name_of("mine@1")
    'mine@1'

    Raises:
        InputError: it is none.
    """
    name = plain(thing)
    if not isinstance(name, str):
        raise InputError(f"{short(thing)} names nothing: give a name, a path, or what another function returned.")
    return name


def names_of(things: Named | Iterable[Named]) -> list[str]:
    """Return what a command line calls one data set or model, or each of several."""
    if isinstance(things, str | PathLike) or isinstance(plain(things), str) or not isinstance(things, Iterable):
        return [name_of(things)]  # type: ignore[arg-type]
    return [name_of(one) for one in things]


def plain(value: Any) -> Any:
    """Return a value as a request takes it: paths, and what other functions returned, by name, in lists, too."""
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, PathLike):
        return fspath(value)
    name = getattr(value, "id", None)
    return name if isinstance(name, str) else value


def checked(name: str, kind: Any, value: Any) -> Any:
    """Return the value of an argument if it is of a kind, a type or one with bounds.

    >>> checked("batch_size", int, "8")
    8
    >>> checked("batch_size", int, "many")
    Traceback (most recent call last):
    ...
    acento.core.errors.InputError: batch_size must be a whole number; got 'many'.

    Raises:
        InputError: it is not; the sentence says what it must be.
    """
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        raise InputError(sentence(name, error.errors()[0])) from None


def sentence(name: str, found: ErrorDetails) -> str:
    """Say what a value must be, such as ``trials must be at least 1; got 0.``"""
    message, problem = found["msg"].removeprefix("Value error, ").rstrip("."), found["type"]
    if problem in _MUST:
        must = _MUST[problem].format(**found.get("ctx", {}))
    elif (known := problem.partition("_")[0]) in _KINDS and problem.endswith(("_type", "_parsing", "_from_float")):
        must = f"must be {_KINDS[known]}"
    else:
        return f"{name}: {message}."
    empty = problem in ("missing", "string_too_short", "too_short")
    return f"{name} {must}." if empty else f"{name} {must}; got {found['input']!r}."


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
