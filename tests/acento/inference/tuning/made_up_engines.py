"""Engines that do not exist: what they write and how long they take is written down, and their clock is their own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from acento.inference.plan import PlannedClip
from acento.inference.tuning.trial import Sample
from acento.models.base import Audio, Recognizer, Transcript

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


@dataclass
class Clock:
    """A clock that goes on only when somebody computes."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Written(Recognizer):
    """Writes what it is told for clip number n, which is 16000 + n samples long."""

    clock: Clock
    text: Callable[[int], str] = lambda _: " ".join(WORDS)
    seconds: Callable[[int], float] = lambda windows: 0.1 * windows
    """What a batch of so many windows takes."""
    closed: int = 0
    batches: list[int] = field(default_factory=list)
    shareable = False
    window_s: float | None = None

    def prepare(self, windows: Sequence[Audio]) -> list[int]:
        return [len(window) - 16000 for window in windows]

    def infer(self, features: list[int]) -> list[int]:
        self.batches.append(len(features))
        self.clock.now += self.seconds(len(features))
        return features

    def finish(self, tokens: list[int]) -> list[Transcript]:
        return [Transcript(self.text(number)) for number in tokens]

    def warm_up(self, batch_size: int) -> None:
        pass

    def synchronize(self) -> None:
        pass

    def close(self) -> None:
        self.closed += 1


def sample_of(count: int, *, transcribed: bool = True) -> Sample:
    """Return clips of a second and a bit, in each of which ten words are said."""
    clips = tuple(PlannedClip(f"clip{n:03d}", 1.0, f"sha{n}", "parts/x", n) for n in range(count))
    said = " ".join(WORDS) if transcribed else None
    return Sample(
        "made up v1/dev",
        clips,
        {clip.id: said for clip in clips},
        lambda clip: np.zeros(16000 + clip.row, np.float32),
    )
