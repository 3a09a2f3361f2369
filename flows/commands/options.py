"""The options of a verb, made from the fields of its request; and those that several verbs have beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, Signature
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import typer

from acento.core.errors import InputError
from flows.commands import terminal

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from acento.requests import Request

Values = dict[str, Any]
"""What a person chose, by name."""


def _option(kind: Any, name: str, help: str) -> Any:
    """Return the type of an option that need not be given."""
    return Annotated[kind | None, typer.Option(name, help=help)]


def _groupings(given: list[str] | None) -> list[str] | None:
    """Refuse a breakdown that there is none of, before anything begins."""
    if given:
        from acento.scoring.score import GROUPINGS

        for name in given:
            if name not in GROUPINGS:
                raise InputError(f"There is no breakdown by {name!r}; there is {', '.join(GROUPINGS)}.")
    return given


By = Annotated[
    list[str] | None,
    typer.Option("--by", callback=_groupings, help="Also WER by accent, speaker or split. Repeatable."),
]
"""The type of the option of the verbs that print a board."""
PLACE: Values = {
    "work_pool": _option(str, "--work-pool", "Prefect's pool of --compute work-pool."),
    "gpu_type": _option(str, "--gpu-type", "The GPU to ask for elsewhere, the first choice first: L40S,A100."),
}
"""The options of work that may be done elsewhere; :func:`flows.commands.session.session` obeys them."""
RECIPE_FILE: Values = {
    "recipe": _option(Path, "--recipe", "A YAML file of what departs from the usual recipe."),
    "settings": _option(
        list[str], "--set", "Any other value of the recipe, such as augmentation.noise=0.5. Repeatable."
    ),
}
_SHORT: Values = {
    "learning_rate": _option(float, "--learning-rate", "The highest learning rate."),
    "epochs": _option(float, "--epochs", "How often each clip is seen, at most."),
    "batch_size": _option(int, "--batch-size", "Clips in one forward pass."),
    "balance": _option(str, "--balance", "Draw clips so that each accent or speaker counts alike."),
    "seed": _option(int, "--seed", "Of the order of clips, dropout and augmentation."),
}
RECIPE: Values = RECIPE_FILE | _SHORT
"""The options that a recipe is made of; a :class:`Verb` reads them."""


@dataclass(frozen=True)
class Own:
    """An option that a verb has beside or instead of a field of its request."""

    annotation: Any = None
    """None: the field's own."""
    default: Any = None
    read: Callable[[Any], Any] = lambda value: value
    """Returns the field's value where the option is given."""


def points(option: str, default: float, help: str) -> Own:
    """Return an option in points of WER whose field is a fraction from 0 to below 1."""

    def read(given: float) -> float:
        if not 0 <= given < 100:
            raise InputError(f"{option} must be at least 0 and less than 100 points of WER; got {given:g}.")
        return given / 100

    return Own(Annotated[float, typer.Option(option, help=help)], default, read)


REFUSED = 3
"""The exit code of work that a gate refused: all of it was done, and nothing was promoted."""
WINDOW_BOUND = points("--window-bound", 0.5, "The largest loss by short windows that passes, in points of WER or CER.")


class Verb:
    """A command whose options are a request's fields; the requests are imported when the options are first needed."""

    def __init__(self, function: Callable[[Any, Values], None], request: str, more: Values) -> None:
        """Take the function, the name of the request's class, and options beside or instead of its fields."""
        self.__name__, self.__doc__ = function.__name__, function.__doc__
        self._function, self._name = function, request
        self._more = {name: one if isinstance(one, Own) else Own(one) for name, one in more.items()}

    def __call__(self, **chosen: Any) -> None:
        """Run the verb with what a person chose."""
        fields = self._request.fields()
        for name, field in fields.items():
            if field.is_required() and chosen[name] is None:
                typed = self._request.option(name).spelled(name)[0]
                raise typer.BadParameter(f"It must be given. {field.description}", param_hint=typed)
        values = {name: value for name, value in chosen.items() if name in fields}
        for name, own in self._more.items():
            if name in fields and values[name] is not None:
                values[name] = own.read(values[name])
        if "settings" in self._more:
            values["recipe"] = _recipe_of(chosen)
        self._function(self._request.checked(values, typed=True), chosen)

    @property
    def _request(self) -> "type[Request]":
        from acento import requests

        kind: type[Request] = getattr(requests, self._name)
        return kind

    @property
    def __signature__(self) -> Signature:
        """What typer makes the options of: the fields, then the others, then ``--verbose``."""
        options = {name: _parameter(self._request, name, field) for name, field in self._request.fields().items()}
        for name, own in (self._more | {"verbose": Own(terminal.Verbose, False)}).items():
            if own.annotation is not None:
                options[name] = Parameter(name, Parameter.KEYWORD_ONLY, default=own.default, annotation=own.annotation)
        return Signature([*options.values()])

    @property
    def __annotations__(self) -> Values:  # type: ignore[override]
        """The types of the options."""
        return {name: one.annotation for name, one in self.__signature__.parameters.items()}


def verb(request: str, **more: Any) -> Callable[[Callable[[Any, Values], None]], Verb]:
    """Make a command of a function of a request and of all that a person chose.

    Args:
        request: the name of the request's class in :mod:`acento.requests`; its fields are the options.
        more: options beside the fields, or that stand for a field of the same name: their types, or :class:`Own`.
    """
    return lambda function: Verb(function, request, more)


def _recipe_of(chosen: Values) -> Values:
    """Return what was chosen of a recipe: the file's values, then the options', then those of ``--set``."""
    from acento.training.recipe import read_recipe, settle

    values = {} if chosen["recipe"] is None else read_recipe(chosen["recipe"])
    values = values | {name: chosen[name] for name in _SHORT if name in chosen and chosen[name] is not None}
    return settle(values, chosen["settings"] or [])


def _parameter(request: "type[Request]", name: str, field: "FieldInfo") -> Parameter:
    from acento.requests import bare

    option = request.option(name)
    kind, choices = _type(bare(field.annotation))
    metavar = f"[{'|'.join(choices)}]" if choices else None
    described: Any = (
        typer.Argument(help=field.description)
        if option.argument
        else typer.Option(*option.spelled(name), help=field.description, metavar=metavar)
    )
    default = Parameter.empty if field.is_required() else field.get_default(call_default_factory=True)
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, described])


def _type(annotation: Any) -> tuple[Any, tuple[str, ...]]:
    """Return a field's type as typer takes it, and the words that it may be: what is not possible a request says."""
    inner = [one for one in get_args(annotation) if one is not type(None)]
    if get_origin(annotation) is Literal:
        return str, get_args(annotation)
    if get_origin(annotation) in (Union, UnionType):
        kind, choices = _type(inner[0])
        return kind | None, choices
    if get_origin(annotation) is list:
        kind, choices = _type(inner[0])
        return list[kind], choices  # type: ignore[valid-type]
    return annotation, ()
