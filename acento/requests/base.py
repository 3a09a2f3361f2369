"""What all requests have in common: they are frozen, know their fields by name, and say what is wrong in a sentence."""

from dataclasses import dataclass
from functools import reduce
from inspect import Parameter, Signature, get_annotations
from operator import or_
from types import UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo

from acento.core.errors import InputError
from acento.core.settings import ComputeName

NonEmpty = Annotated[str, Field(min_length=1)]
Positive = Annotated[int, Field(ge=1)]
AboveZero = Annotated[float, Field(gt=0)]
Device = Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True, slots=True)
class Option:
    """How the command line spells a field, where that is not ``--field-name``."""

    names: tuple[str, ...] = ()
    """Such as ``("--model", "-m")``; none with ``argument``: the field is an argument and no option."""
    argument: bool = False


def option(*names: str) -> Option:
    """Return the mark of a field that the command line knows under these names."""
    return Option(names)


class Request(BaseModel, frozen=True, extra="forbid"):
    """What a person asks of a job, before anything named in it has been looked for."""

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Return the request with these values.

        Raises:
            InputError: a value is not possible; the sentence names every such field.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InputError("; ".join(_sentence(cls, found) for found in error.errors()) + ".") from None

    @classmethod
    def fields(cls) -> dict[str, FieldInfo]:
        """Return the fields as they are listed: what must be given, what is this job's own, what several jobs share."""
        own = get_annotations(cls)
        return dict(sorted(cls.model_fields.items(), key=lambda item: (not item[1].is_required(), item[0] not in own)))

    @classmethod
    def signature(cls) -> Signature:
        """Return the signature of a function that takes the fields as its parameters."""
        return Signature(
            [
                Parameter(
                    name,
                    Parameter.POSITIONAL_OR_KEYWORD,
                    default=Parameter.empty if field.is_required() else field.get_default(call_default_factory=True),
                    annotation=Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation,
                )
                for name, field in cls.fields().items()
            ]
        )

    @classmethod
    def described(cls) -> str:
        """Return the section ``Args:`` of a docstring, a line for each field."""
        return "Args:\n" + "\n".join(f"    {name}: {field.description}" for name, field in cls.fields().items())

    def parameters(self) -> dict[str, Any]:
        """Return the value of each field, as a flow is called with them."""
        return {name: getattr(self, name) for name in self.fields()}


def bare(annotation: Any) -> Any:
    """Return a type without what is annotated to it, bounds and marks.

    >>> bare(list[NonEmpty] | None)
    list[str] | None
    """
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return bare(inner[0])
    if origin in (Union, UnionType):
        return reduce(or_, map(bare, inner))
    return list[bare(inner[0])] if origin is list else annotation  # type: ignore[misc]


def _sentence(kind: type[Request], found: Any) -> str:
    """Say what is wrong with one value."""
    name = ".".join(map(str, found["loc"])) or kind.__name__
    if found["type"] == "extra_forbidden":
        return f"{name}: there is no such parameter; there is {', '.join(kind.fields())}"
    return f"{name}: {found['msg']}"


Dataset = Annotated[
    NonEmpty,
    option("--dataset", "-d"),
    Field(description="A staged data set, NAME or NAME@VERSION."),
]
Language = Annotated[
    NonEmpty | None,
    option("--model-language", "--language"),
    Field(description="What the models are told to write, such as es; default: the data's language."),
]
DeviceName = Annotated[Device | None, Field(description="Where models run; default: the best there is.")]
Compute = Annotated[
    ComputeName | None,
    Field(description="Where the work is done: here (inline) or elsewhere; default: ACENTO_COMPUTE."),
]
AllowInvalid = Annotated[bool, Field(description="Also use data that failed its last validation.")]
