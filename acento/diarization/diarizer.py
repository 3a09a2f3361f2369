"""What diarizes: audio in blocks, of any length, to who speaks when."""

from collections.abc import Callable, Iterable
from typing import Annotated, Protocol

from pydantic import BaseModel, Field

from acento.core.errors import InputError
from acento.data.words import Turn
from acento.models.base import Audio

OnProgress = Callable[[float], None]
"""Is told seconds of audio as they are done, and may raise to end the work."""

Count = Annotated[int, Field(ge=1)]


class Speakers(BaseModel, frozen=True):
    """How many speakers there are, as far as it is known; None: it is to be found."""

    count: Count | None = None
    """Exactly so many."""
    least: Count | None = None
    most: Count | None = None

    def check(self) -> None:
        """Raise InputError where no number of speakers would do.

        >>> Speakers(least=3, most=2).check()
        Traceback (most recent call last):
        acento.core.errors.InputError: At least 3 and at most 2 speakers: no number is both; give other bounds.
        """
        if self.count is not None and (self.least is not None or self.most is not None):
            raise InputError(
                "The number of speakers is given twice, as a number and by bounds: give one of the two, "
                "--speakers or --min-speakers and --max-speakers."
            )
        if self.least is not None and self.most is not None and self.least > self.most:
            raise InputError(
                f"At least {self.least} and at most {self.most} speakers: no number is both; give other bounds."
            )

    def bounded(self, found: int) -> int:
        """Return the allowed number of speakers that is nearest to the one that was found.

        >>> Speakers(most=2).bounded(5), Speakers(least=3).bounded(1), Speakers(count=4).bounded(1)
        (2, 3, 4)
        """
        if self.count is not None:
            return self.count
        at_least = max(found, self.least or 1)
        return at_least if self.most is None else min(at_least, self.most)


class Diarizer(Protocol):
    """An engine, with its model loaded; threads may share it."""

    def diarize(self, blocks: Iterable[Audio], speakers: Speakers, on_progress: OnProgress) -> list[Turn]:
        """Return the turns of a recording by their starts; turns of several speakers may overlap.

        Args:
            blocks: float32, mono, 16 kHz, one after the other, of any lengths.
            speakers: how many there are.
            on_progress: told seconds of audio as they are done.
        """
