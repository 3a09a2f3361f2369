"""Windows of audio that are as short as what is said in them, for models that would pad every clip to 30 s."""

import math
from typing import Final, Literal

from pydantic import BaseModel, Field

from acento.core.errors import InputError
from acento.data.utterance import SAMPLE_RATE

WindowChoice = Literal["auto", "full", "fit"]
"""``full``: the model's own; ``fit``: as long as a batch's longest clip and a margin; ``auto``: as it was taught."""

GRID_S: Final = 0.5
"""Contexts are rounded up to whole steps of it, so that shapes repeat."""
SHORTEST_CUT_S: Final = 1.0
"""Shorter windows would cut words in two."""


class Fit(BaseModel, frozen=True, extra="forbid"):
    """How long a short window is; part of a job's identity."""

    margin_s: float = Field(1.0, gt=0, le=30)
    """Seconds of silence behind the longest clip of a batch."""
    shortest_s: float = Field(1.0, gt=0, le=30)
    """No context is shorter."""

    def context(self, longest: int, window_s: float) -> int:
        """Return the samples of the context of a batch whose longest clip has so many; at most the model's window.

        >>> Fit().context(16_000, 30.0) / 16_000, Fit().context(29 * 16_000 + 1, 30.0) / 16_000
        (2.0, 30.0)
        """
        wanted = max(longest / SAMPLE_RATE + self.margin_s, self.shortest_s)
        rounded = math.ceil(round(wanted / GRID_S, 6)) * GRID_S
        return int(min(rounded, window_s) * SAMPLE_RATE)

    @property
    def title(self) -> str:
        """What tables call it."""
        return f"clip + {self.margin_s:g} s"


def check_cut(cut_s: float | None, window_s: float | None, model: str = "The model") -> None:
    """See that a model takes windows of so many seconds, into which long recordings are to be cut.

    Raises:
        InputError: it takes shorter ones only, or they are too short for words.
    """
    if cut_s is None:
        return
    if cut_s < SHORTEST_CUT_S:
        raise InputError(f"Windows of {cut_s:g} s would cut words in two; take at least {SHORTEST_CUT_S:g} s.")
    if window_s is not None and cut_s > window_s:
        raise InputError(
            f"{model} hears {window_s:g} s at once, and recordings are to be cut into windows of {cut_s:g} s; "
            f"take at most {window_s:g} s."
        )
