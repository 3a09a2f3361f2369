"""Which clips of a corpus the demo uses: a rule, fixed before any of them was transcribed."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, Self

from acento.data.splits import prompt_of, split_of

Split = Literal["train", "dev", "test"]
Counts = Mapping[Split, int]

LEAST_WORDS: Final = 4
"""Whisper answers shorter calls with whatever comes to mind; they would be most of the errors."""
SECONDS: Final = (1.0, 8.0)
SHARES: Final = {"train": 0.65, "dev": 0.1, "test": 0.25}


@dataclass(frozen=True, slots=True)
class CorpusClip:
    """A spoken text; ``level`` names what it belongs together with, such as a dialogue."""

    id: str
    text: str
    speaker: str
    level: str
    seconds: float = 0.0
    file: str = ""
    """Its recording, within the corpus's folder."""

    def recorded(self, seconds: float, file: str) -> Self:
        """Return the clip with its recording."""
        return replace(self, seconds=seconds, file=file)


def split_of_level(level: str) -> str:
    """Return the split of all that belongs together, so that no dialogue is in two.

    >>> split_of_level("airplane"), split_of_level("briefcase")
    ('train', 'test')
    """
    return split_of(f"level:{level}", shares=SHARES)


def choose(clips: Iterable[CorpusClip], counts: Counts, speakers: Collection[str]) -> list[tuple[CorpusClip, str]]:
    """Return the demo's clips with their splits, in the order of their ids.

    Taken are clips of these speakers with at least ``LEAST_WORDS`` words, of 1 to 8 s, whose text is said in one level
    only. Of these each split gets as many as ``counts`` says, drawn by a hash of their ids.
    """
    clips = list(clips)
    levels: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        levels[prompt_of(clip.text)].add(clip.level)
    fitting: dict[str, list[CorpusClip]] = defaultdict(list)
    for clip in sorted(clips, key=_drawn):
        if clip.speaker in speakers and _fits(clip) and len(levels[prompt_of(clip.text)]) == 1:
            fitting[split_of_level(clip.level)].append(clip)
    return sorted(_first(fitting, counts), key=lambda row: row[0].id)


def _first(fitting: Mapping[str, Sequence[CorpusClip]], counts: Counts) -> Iterable[tuple[CorpusClip, str]]:
    for split, count in counts.items():
        for clip in fitting.get(split, ())[:count]:
            yield clip, split


def _fits(clip: CorpusClip) -> bool:
    words = len(prompt_of(clip.text).split())
    return words >= LEAST_WORDS and SECONDS[0] <= clip.seconds <= SECONDS[1]


def _drawn(clip: CorpusClip) -> str:
    return hashlib.sha256(clip.id.encode()).hexdigest()
