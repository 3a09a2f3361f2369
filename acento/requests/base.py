"""What all requests have in common: they are frozen, list their fields, and name a wrong value in a sentence."""

from functools import reduce
from inspect import Parameter, Signature, get_annotations
from operator import or_
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from acento.core.arguments import sentence
from acento.core.errors import InputError
from acento.core.settings import ComputeName
from acento.core.text import normalizer

NonEmpty = Annotated[str, Field(min_length=1)]
Positive = Annotated[int, Field(ge=1)]
AboveZero = Annotated[float, Field(gt=0)]
Device = Literal["auto", "cpu", "cuda", "mps"]


class Option:
    """How the command line spells a field, where that is not ``--field-name``."""

    def __init__(self, *names: str, argument: bool = False) -> None:
        """Take an option's names, such as ``--model`` and ``-m``; with ``argument`` the field is no option."""
        self.names, self.argument = names, argument

    def spelled(self, field: str) -> tuple[str, ...]:
        """Return what a person types for a field: an option's names, the first its own, or an argument's."""
        return (field.upper(),) if self.argument else self.names or (f"--{field.replace('_', '-')}",)


class Request(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """What a person asks of a job, before anything named in it has been looked for."""

    heading_format: ClassVar[str]
    """What a run of it is called, a template of its own attributes, such as ``stage {0.name}``."""

    @property
    def heading(self) -> str:
        """What a run of it is called."""
        return self.heading_format.format(self)

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Return the request with these values; see :meth:`checked`."""
        return cls.checked(values)

    @classmethod
    def checked(cls, values: dict[str, Any], *, typed: bool = False) -> Self:
        """Return the request with these values, ``typed`` by a person as options.

        Raises:
            InputError: a value is not possible; a sentence for each such field names it and says what it must be.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InputError(" ".join(_sentence(cls, found, typed) for found in error.errors())) from None

    @classmethod
    def option(cls, name: str) -> Option:
        """Return how the command line spells a field."""
        return next((one for one in cls.model_fields[name].metadata if isinstance(one, Option)), Option())

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


def _sentence(kind: type[Request], found: ErrorDetails, typed: bool) -> str:
    """Say what one value must be, such as ``trials must be at least 1; got 0.``"""
    if not found["loc"]:
        return f"{found['msg'].removeprefix('Value error, ').rstrip('.')}."
    name = str(found["loc"][0])
    if found["type"] == "extra_forbidden":
        return f"There is no parameter {name!r}; there are {', '.join(kind.fields())}."
    return sentence(kind.option(name).spelled(name)[0].partition("/")[0] if typed else name, found)


def _known_normalizer(name: str) -> str:
    try:
        normalizer(name)
    except InputError as error:
        raise ValueError(str(error)) from None
    return name


NormalizerName = Annotated[
    Annotated[str, AfterValidator(_known_normalizer)] | None,
    Field(description="How texts are made comparable, such as basic; default: by the data set's language."),
]
Dataset = Annotated[NonEmpty, Option("--dataset", "-d"), Field(description="A staged data set, NAME or NAME@VERSION.")]
Language = Annotated[
    NonEmpty | None,
    Option("--model-language", "--language"),
    Field(description="What the models are told to write, such as es; default: the data's language."),
]
DeviceName = Annotated[Device | None, Field(description="Where models run; default: the best there is.")]
Compute = Annotated[
    ComputeName | None,
    Field(description="Where the work is done: here (inline) or elsewhere; default: ACENTO_COMPUTE."),
]
AllowFewSpeakers = Annotated[
    bool, Field(description="Let fewer than ten unseen speakers decide, for these speakers alone.")
]
AllowInvalid = Annotated[bool, Field(description="Also use data that failed its last validation.")]
WindowBound = Annotated[
    float,
    Field(ge=0, lt=1, description="The largest loss by short windows that passes, a fraction of WER or CER."),
]
