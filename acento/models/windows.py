"""Windows of audio that are as short as what is said in them, for models that would pad every clip to 30 s."""

import math
from typing import Final, Literal

from pydantic import BaseModel, Field

from acento.data.utterance import SAMPLE_RATE

WindowChoice = Literal["auto", "full", "fit"]
"""``full``: the model's own; ``fit``: as long as a batch's longest clip and a margin; ``auto``: as it was taught."""

GRID_S: Final = 0.5
"""Contexts are rounded up to whole steps of it, so that shapes repeat."""


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
