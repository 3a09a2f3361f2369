"""Stored models that grow: a field that came later is not written while it has its default, so fingerprints stay."""

from typing import Any, ClassVar

from pydantic import BaseModel, SerializerFunctionWrapHandler, model_serializer


class Growing(BaseModel):
    """A model with fields that versions before did not have.

    >>> class Options(Growing):
    ...     later = frozenset({"beam_size"})
    ...     language: str = "es"
    ...     beam_size: int = 1
    >>> Options().model_dump(), Options(beam_size=5).model_dump()
    ({'language': 'es'}, {'language': 'es', 'beam_size': 5})
    """

    later: ClassVar[frozenset[str]] = frozenset()
    """Names of those fields; each has a default that says what was done before it was there."""

    @model_serializer(mode="wrap")
    def _without_defaults(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        written: dict[str, Any] = write(self)
        return {
            name: value
            for name, value in written.items()
            if name not in self.later or getattr(self, name) != fields[name].get_default(call_default_factory=True)
        }
