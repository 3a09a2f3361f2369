"""What the shipped models are: their shape, their data, and how long they learn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

WINDOW_S: Final = 6  # seconds of audio that a clip has at most, and that the Whispers hear at once
SAMPLE_RATE: Final = 16_000  # Hz
MEL_BINS: Final = 80
FRAMES: Final = 100 * WINDOW_S  # mel frames, 10 ms each
MAX_TOKENS: Final = 128  # positions of the decoder: prompt, text and end
# Only Spanish is learned. These are the first of the real list, in its order, because `WhisperTokenizer` takes a
# language's place in that list for its token's distance from <|startoftranscript|>.
LANGUAGES: Final = ("en", "zh", "de", "es", "ru", "ko", "fr")

FamilyName = Literal["whisper", "moonshine", "parakeet"]


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of training with an optimizer and spoken clips of its own.

    The learning rate rises over `warmup` steps and then falls to nothing along half a cosine. `short_first` is
    the share of the steps that see short clips only, on which the decoder finds out soonest where to look;
    `replaced` the share of the letters before the one to be written that are other letters, so that it listens
    rather than guesses; `ctc` the share of the loss that is CTC, all of it where there is no decoder; `altered`
    scales how often features are altered.
    """

    steps: int
    learning_rate: float
    warmup: int
    short_first: float = 0.0
    replaced: float = 0.0
    ctc: float = 0.0
    altered: float = 1.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """One model to train: its shape, its phases, how many clips are spoken for each, and how many make a batch."""

    name: str
    width: int
    heads: int
    encoder_layers: int
    decoder_layers: int
    clips: int
    phases: tuple[Phase, ...]
    batch: int = 16
    seed: int = 20261120
    family: FamilyName = "whisper"

    def smoke(self) -> Recipe:
        """The same recipe on a handful of clips: whether it runs, not what it learns."""
        return replace(
            self, clips=24, batch=4, phases=tuple(replace(phase, steps=3, warmup=1) for phase in self.phases)
        )


# To find out where to look, then to write cleanly.
_LOOK: Final = Phase(steps=3200, learning_rate=1.5e-3, warmup=300, short_first=0.15, replaced=0.12, ctc=0.4)
_WRITE: Final = Phase(steps=700, learning_rate=8e-4, warmup=60, altered=0.4)
MINI: Final = Recipe(
    name="whisper-mini",
    width=144,
    heads=3,
    encoder_layers=3,
    decoder_layers=2,
    clips=9_000,
    phases=(_LOOK, _WRITE),
)
MICRO: Final = Recipe(
    name="whisper-micro",
    width=80,
    heads=2,
    encoder_layers=2,
    decoder_layers=1,
    clips=5_000,
    phases=(replace(_LOOK, steps=2400, learning_rate=2e-3), replace(_WRITE, steps=1800, learning_rate=1.2e-3)),
)
MOONSHINE: Final = Recipe(
    name="moonshine-mini",
    family="moonshine",
    width=128,
    heads=4,
    encoder_layers=4,
    decoder_layers=2,
    clips=6_000,
    phases=(Phase(steps=3000, learning_rate=1.5e-3, warmup=200, short_first=0.1, replaced=0.1, ctc=0.4),),
)
PARAKEET: Final = Recipe(
    name="parakeet-mini",
    family="parakeet",
    width=128,
    heads=4,
    encoder_layers=4,
    decoder_layers=0,
    clips=6_000,
    phases=(Phase(steps=1600, learning_rate=2e-3, warmup=150, short_first=0.1, ctc=1.0),),
)
RECIPES: Final = {recipe.name: recipe for recipe in (MINI, MICRO, MOONSHINE, PARAKEET)}
CONVERTED: Final = {"nemo-mini": "parakeet-mini"}
"""Models that are another one's weights in other files: the name of each, and of the one that it is made from."""
