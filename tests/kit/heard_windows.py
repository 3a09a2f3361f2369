"""Windows as a model hears them, for tests: words one after the other, and a voice where somebody speaks."""

from collections.abc import Sequence
from typing import Any

from acento.data.words import Word, text_of
from acento.inference.predictions import Segment
from acento.transcription.assembly.voiced import Voice


def said(text: str, start: float = 0.0, *, each: float = 0.3, gap: float = 0.1, **facts: Any) -> Segment:
    """A window whose words follow one another, each as long as the next."""
    words = []
    for number, one in enumerate(text.split()):
        at = start + number * (each + gap)
        words.append(Word(one, round(at, 3), round(at + each, 3), facts.get("probability")))
    facts.pop("probability", None)
    end = facts.pop("end", words[-1].end)
    return Segment(start, end, text_of(words), tuple(words), **facts)


def voice(*stretches: tuple[float, float]) -> Voice:
    """Speech in these stretches and nowhere else."""

    def seconds(start: float, end: float) -> float:
        return sum(max(0.0, min(end, last) - max(start, first)) for first, last in stretches)

    return seconds


def texts(windows: Sequence[Segment]) -> list[str]:
    """What each window says."""
    return [window.text for window in windows]
