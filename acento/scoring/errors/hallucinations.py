"""Hallucinations: text that nobody said, found by what the reference, the clip's length and the text itself show.

Five signs, each on the normalized texts. Where scripts have no spaces, characters are counted instead of words and
``MORE`` and ``SHORT_MORE`` are doubled.

- *Non-speech*: the reference is empty, and the hypothesis is not.
- *Short*: a clip under a second (``SHORT_S``) has at least ``SHORT_MORE`` insertions.
- *Loop*: one to ``LONGEST`` words come ``REPEATS`` times in a row, or, where the reference repeats them too,
  ``REPEATS`` times as often in a row as there; or letters do so ``LETTER_REPEATS`` times inside one word (*jajaja…*).
- *Too long*: the hypothesis has more than ``RATIO`` times the words of the reference, and at least ``MORE`` more.
- *Phrase*: the hypothesis is one that Whispers write where nobody speaks, and the reference is none
  (:mod:`acento.scoring.errors.silence_phrases`).

Signs of this kind are those that studies of Whisper's hallucinations use: Barański et al., "Investigation of Whisper
ASR hallucinations induced by non-speech audio", ICASSP 2025; Koenecke et al., "Careless Whisper", FAccT 2024. They find
what is flagrant. A fluent sentence of the right length that nobody said is counted as substitutions, in the WER.
"""

from array import array
from bisect import insort
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Unpack

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from acento.scoring.errors.silence_phrases import silence_phrase
from acento.scoring.statistics.bootstrap import Draws, Interval, interval

SHORT_S = 1.0
SHORT_MORE = 3
REPEATS = 4
LONGEST = 30
LETTER_REPEATS = 10
RATIO = 2.0
MORE = 5
EXAMPLES = 5
"""Ids that are kept of each sign."""

SIGNS = ("non_speech", "short", "loop", "too_long", "phrase")


class ClipCount(BaseModel, frozen=True):
    """How many clips show something."""

    count: int
    of: int
    """Clips that could have shown it."""
    examples: tuple[str, ...]
    """The first ids, sorted, at most ``EXAMPLES``."""

    @property
    def share(self) -> float | None:
        """``count`` over ``of``; None where no clip could have shown it."""
        return self.count / self.of if self.of else None


class Hallucinations(BaseModel, frozen=True):
    """Clips with text that nobody said, altogether and by sign; a clip may show several."""

    any: ClipCount
    interval: Interval | None
    """Of the share of ``any``; None with fewer than two clips or speakers."""
    non_speech: ClipCount
    """Of the clips whose reference is empty."""
    short: ClipCount
    """Of the clips under a second."""
    loop: ClipCount
    too_long: ClipCount
    """Of the clips whose reference is not empty."""
    phrase: ClipCount = ClipCount(count=0, of=0, examples=())
    """Of the same; of none in what was counted before there was this sign."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A clip that has both a reference and a hypothesis, both normalized."""

    id: str
    texts: tuple[str, str]
    """The reference and the hypothesis."""
    duration_s: float | None
    insertions: int
    """Of words, or of characters where scripts have no spaces."""


def hallucinations(clips: Iterable[Heard], *, characters: bool = False, **draws: Unpack[Draws]) -> Hallucinations:
    """Count the clips that show a sign of hallucination.

    >>> found = hallucinations(
    ...     [
    ...         Heard("a", ("", "gracias por ver el video"), 2.0, 5),
    ...         Heard("b", ("ya po", "ya po"), 0.8, 0),
    ...         Heard("c", ("no sé", "no sé " * 50), 3.0, 98),
    ...     ]
    ... )
    >>> found.any.count, found.non_speech.examples, found.loop.examples, found.too_long.examples
    (2, ('a',), ('c',), ('c',))
    >>> found.short.count, found.short.of
    (0, 1)
    """
    scale = 2 if characters else 1
    seen = {sign: _Seen() for sign in ("any", *SIGNS)}
    flags = array("b")
    for clip in clips:
        said, heard = (list(text.replace(" ", "")) if characters else text.split() for text in clip.texts)
        short = clip.duration_s is not None and clip.duration_s < SHORT_S
        more = len(heard) - len(said)
        signs = {  # by sign, whether the clip can show it, and whether it does
            "non_speech": (not said, bool(heard)),
            "short": (short, clip.insertions >= scale * SHORT_MORE),
            "loop": (True, has_loop(said, heard)),
            "too_long": (bool(said), len(heard) > RATIO * len(said) and more >= scale * MORE),
            "phrase": (bool(said), silence_phrase(clip.texts[1]) is not None and silence_phrase(clip.texts[0]) is None),
        }
        flags.append(any(can and does for can, does in signs.values()))
        for sign, (can, does) in {**signs, "any": (True, bool(flags[-1]))}.items():
            seen[sign].add(clip.id, can, does)
    return Hallucinations(
        interval=interval(flags, np.ones(len(flags)), **draws),
        **{sign: found.clip_count() for sign, found in seen.items()},
    )


@dataclass(slots=True)
class _Seen:
    """A count of clips while it is made; of their ids only the examples are held."""

    count: int = 0
    of: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, id: str, can: bool, does: bool) -> None:
        self.of += can
        if can and does:
            self.count += 1
            insort(self.examples, id)
            del self.examples[EXAMPLES:]

    def clip_count(self) -> ClipCount:
        return ClipCount(count=self.count, of=self.of, examples=tuple(self.examples))


def has_loop(reference: Sequence[str], hypothesis: Sequence[str]) -> bool:
    """Tell whether the hypothesis repeats something in a row that the reference does not.

    >>> has_loop(["no"] * 4, ["no"] * 4), has_loop(["sí", "po"], ["sí", "po"] * 4)
    (False, True)
    >>> has_loop(["jajaja"], ["ja" * 40])
    True
    """
    if max(Counter(hypothesis).values(), default=0) >= REPEATS and _repeats_more(reference, hypothesis):
        return True
    long = {word for word in hypothesis if len(word) >= LETTER_REPEATS}.difference(reference)
    return any(_repeats_more("", word, LETTER_REPEATS) for word in long)


def _repeats_more(reference: Sequence[str], hypothesis: Sequence[str], least: int = REPEATS) -> bool:
    numbers = {unit: number for number, unit in enumerate(dict.fromkeys([*reference, *hypothesis]))}
    said, heard = (np.array([numbers[unit] for unit in units], np.int64) for units in (reference, hypothesis))
    for size in range(1, min(LONGEST, len(heard) // least) + 1):
        known = _repeats(said, size, at_least=2)
        found = _repeats(heard, size, at_least=least)
        if any(often >= least * known.get(ngram, 1) for ngram, often in found.items()):
            return True
    return False


def _repeats(units: npt.NDArray[np.int64], size: int, *, at_least: int) -> dict[tuple[int, ...], int]:
    """Return how often n-grams of a size come in a row; those that are rotations of each other are the same."""
    same = np.concatenate([[0], units[size:] == units[:-size], [0]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(same)).reshape(-1, 2)
    found: dict[tuple[int, ...], int] = {}
    for start, end in edges[edges[:, 1] - edges[:, 0] >= size * (at_least - 1)].tolist():
        ngram = units[start : start + size].tolist()
        least = min((*ngram[shift:], *ngram[:shift]) for shift in range(size))
        found[least] = max(found.get(least, 0), (end - start) // size + 1)
    return found
