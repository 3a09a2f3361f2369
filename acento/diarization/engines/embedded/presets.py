"""What the embedded diarization is told: two presets, and how their numbers were chosen.

They find the right number of speakers most often with the least DER by ``benchmarks/diarization.py --tune``, on
dialogues made of acted Dutch and Czech clips whose speakers are known, clean and as if far from the microphone. The
meetings that scores are reported on had no part in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from acento.core.errors import InputError
from acento.diarization.activity import Smoothing
from acento.diarization.engines.embedded.clustering import Division, Rules


@dataclass(frozen=True, slots=True)
class Preset:
    """A trade of speed for accuracy."""

    hop: int
    """Frames of 16.9 ms from one window of 10 s to the next."""
    least_alone_s: float
    """A speaker of a window is clustered by what was said while nobody else spoke, if it is so long; others are given
    to the likest speaker."""
    division: Division
    """When a speaker of a window is two people."""
    rules: Rules
    smoothing: Smoothing


_DIVISION: Final = Division(likeness=0.4)
_RULES: Final = Rules(threshold=0.4)
_SMOOTHING: Final = Smoothing(pause_s=0.2, turn_s=0.1)

PRESETS: Final[Mapping[str, Preset]] = {
    "accurate": Preset(60, 0.5, _DIVISION, _RULES, _SMOOTHING),
    "fast": Preset(120, 0.5, _DIVISION, _RULES, _SMOOTHING),
}


def preset_of(name: str) -> Preset:
    """Return a preset; raise InputError if there is none of this name."""
    if name not in PRESETS:
        raise InputError(f"There is no preset {name!r} of diarization; there is {' and '.join(PRESETS)}.")
    return PRESETS[name]
