"""How a model that writes token by token looks for its texts, as a person asks for it: beams and temperatures."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from acento.core.errors import InputError

MOST_BEAMS: Final = 50
"""More find no better texts, and take memory."""
BeamSize = Annotated[int, Field(ge=1, le=MOST_BEAMS)]


def temperatures_of(asked: str | Sequence[float] | None) -> tuple[float, ...]:
    """Return temperatures that were typed, or given as numbers.

    >>> temperatures_of("0, 0.2,1"), temperatures_of([0.5]), temperatures_of(None)
    ((0.0, 0.2, 1.0), (0.5,), ())

    Raises:
        InputError: they are no numbers from 0 to 1 that rise.
    """
    if asked is None:
        return ()
    try:
        found = tuple(map(float, asked.split(",") if isinstance(asked, str) else asked))
    except (TypeError, ValueError):
        found = ()
    rise = all(low < high for low, high in pairwise(found))
    if not found or not rise or not all(0 <= one <= 1 for one in found):
        raise InputError(
            f"Temperatures are numbers from 0 to 1, each higher than the one before it, such as 0,0.2,0.4,0.6,0.8,1.0; "
            f"got {asked!r}."
        )
    return found


def check_search(beam_size: int, temperatures: Sequence[float]) -> None:
    """See that beams are of use.

    Raises:
        InputError: there is no temperature of 0, at which alone a text is searched for by beams.
    """
    if beam_size > 1 and temperatures and temperatures[0] > 0:
        raise InputError(
            f"Beams search at temperature 0, above it texts are drawn: begin the temperatures with 0, or leave out the "
            f"beam size of {beam_size}."
        )


def _typed(value: Any) -> Any:
    """Return temperatures as they are typed, whether they were given so or as numbers."""
    if value is None:
        return None
    try:
        return ",".join(f"{one:g}" for one in temperatures_of(value))
    except InputError as error:
        raise ValueError(str(error)) from None


Temperatures = Annotated[str | None, BeforeValidator(_typed)]
