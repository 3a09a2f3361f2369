"""The options of a verb, made from the fields of its request; and those that several verbs have beside it."""

from collections.abc import Callable
from inspect import Parameter, Signature
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import typer

from flows import terminal

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from acento.requests import Request

Values = dict[str, Any]
"""What a person chose, by name."""

PLACE: Values = {
    "work_pool": Annotated[str | None, typer.Option("--work-pool", help="Prefect's pool of --compute work-pool.")],
    "gpu_type": Annotated[
        str | None, typer.Option("--gpu-type", help="The GPU to ask for elsewhere, the first choice first: L40S,A100.")
    ],
}
"""The options of work that may be done elsewhere; :func:`flows.commands.working.working` obeys them."""
RECIPE_FILE: Values = {
    "recipe": Annotated[
        Path | None, typer.Option("--recipe", help="A YAML file of what departs from the usual recipe.")
    ],
    "settings": Annotated[
        list[str] | None,
        typer.Option("--set", help="Any other value of the recipe, such as augmentation.noise=0.5. Repeatable."),
    ],
}
_SHORT: Values = {
    "learning_rate": Annotated[float | None, typer.Option("--learning-rate", help="The highest learning rate.")],
    "epochs": Annotated[float | None, typer.Option("--epochs", help="How often each clip is seen, at most.")],
    "batch_size": Annotated[int | None, typer.Option("--batch-size", help="Clips in one forward pass.")],
    "balance": Annotated[
        str | None, typer.Option("--balance", help="Draw clips so that each accent or speaker counts alike.")
    ],
    "seed": Annotated[int | None, typer.Option("--seed", help="Of the order of clips, dropout and augmentation.")],
}
RECIPE: Values = RECIPE_FILE | _SHORT
"""The options that a recipe is made of; :func:`recipe_of` reads them."""


def recipe_of(chosen: Values) -> Values:
    """Return what was chosen of a recipe: the file's values, then the options', then those of ``--set``."""
    from acento.training.recipe import read_recipe, settle

    values = {} if chosen["recipe"] is None else read_recipe(chosen["recipe"])
    values = values | {name: chosen[name] for name in _SHORT if name in chosen and chosen[name] is not None}
    return settle(values, chosen["settings"] or [])


class Verb:
    """A command whose options are a request's fields; the requests are imported when the options are first needed."""

    def __init__(self, function: Callable[[Values], None], request: str, more: Values) -> None:
        """Take the function, the name of the request's class, and options beside or instead of its fields."""
        self.__name__, self.__doc__ = function.__name__, function.__doc__
        self._function, self._request, self._more = function, request, more

    def __call__(self, **chosen: Any) -> None:
        """Run the verb with what a person chose."""
        self._function(chosen)

    @property
    def __signature__(self) -> Signature:
        """What typer makes the options of: the fields, then the others, then ``--verbose``."""
        from acento import requests

        fields = getattr(requests, self._request).fields()
        options = {name: _parameter(name, field) for name, field in fields.items()}
        for name, annotation in self._more.items():
            options[name] = _plain(name, annotation)
        return Signature([*options.values(), _plain("verbose", terminal.Verbose, False)])

    @property
    def __annotations__(self) -> Values:  # type: ignore[override]
        """The types of the options."""
        return {name: one.annotation for name, one in self.__signature__.parameters.items()}


def verb(request: str, **more: Any) -> Callable[[Callable[[Values], None]], Verb]:
    """Make a function of what a person chose a command with the options of a request.

    Args:
        request: the name of its class in :mod:`acento.requests`.
        more: options that it has beside the fields, or that stand for a field of the same name; ``(type, default)``
            where the default is not None.
    """
    return lambda function: Verb(function, request, more)


def request_of(kind: "type[Request]", chosen: Values, **more: Any) -> Any:
    """Return the request that a person's choice comes to.

    Raises:
        InputError: a value is not possible.
    """
    names = kind.fields()
    return kind.of(**{name: value for name, value in (chosen | more).items() if name in names})


def _plain(name: str, annotation: Any, default: Any = None) -> Parameter:
    if isinstance(annotation, tuple):
        annotation, default = annotation
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _parameter(name: str, field: "FieldInfo") -> Parameter:
    """Return the option or argument of a field."""
    from acento.requests import Option, bare

    spelled = next((one for one in field.metadata if isinstance(one, Option)), Option())
    kind, choices = _type(bare(field.annotation))
    metavar = f"[{'|'.join(choices)}]" if choices else None
    described: Any = (
        typer.Argument(help=field.description)
        if spelled.argument
        else typer.Option(*(spelled.names or (f"--{name.replace('_', '-')}",)), help=field.description, metavar=metavar)
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
