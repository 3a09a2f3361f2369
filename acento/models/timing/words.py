"""The words of a text whose tokens have times: cut at spaces, or at tokens in scripts that have none."""

import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from acento.data.words import Word

UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Letters of Thai, Lao, Burmese, Khmer, Japanese and Chinese, between whose words stand no spaces."""
_OPENING = "¿¡"
"""Signs before a word that Unicode does not call opening ones."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When each token of a text was said, in seconds from the window's start, and how likely each is."""

    starts: Sequence[float]
    ends: Sequence[float]
    logprobs: Sequence[float] | None = None
    """Natural logarithms of the tokens' probabilities; None: the model does not say."""
    logprob: float | None = None
    """Their mean, as the model's family counts it."""
    no_speech: float | None = None
    """How likely it is that nobody speaks; None: the model does not say."""
    frame_s: float | None = None
    """Seconds of a frame, where a token stands at single frames of a path; None: attention gave each frame to one."""

    onset: float = 0.0
    """When sound begins: attention gives the silence before it to the first word."""

    def earlier(self, seconds: float) -> "Timing":
        """Return times from so many seconds later on."""
        starts, ends = ([max(0.0, one - seconds) for one in times] for times in (self.starts, self.ends))
        return replace(self, starts=starts, ends=ends)


@dataclass(frozen=True, slots=True)
class Timed:
    """The tokens of a text, and when they were said."""

    ids: list[int]
    timing: Timing
    text: str | None = None
    """Where the model itself makes it of the ids."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """A part of a word: a token, without the spaces around it."""

    text: str
    start: float
    end: float
    logprob: float | None
    spaced: bool
    """Whether a space stands before it."""

    @property
    def is_sign(self) -> bool:
        """Whether it is of punctuation only."""
        return not any(character.isalnum() for character in self.text)


def words_of(pieces: Sequence[str], timing: Timing) -> tuple[Word, ...]:
    """Return the words of a text.

    Punctuation belongs to the word that it touches, and takes none of its time. Where a script has no spaces, each
    token is a word, as in OpenAI's Whisper.

    >>> timing = Timing([0.0, 0.25, 0.5, 1.0], [0.25, 0.5, 0.75, 1.25], [-1.0, -1.0, -9.0, 0.0])
    >>> [(one.text, one.start, one.end) for one in words_of([" Ho", "la", ",", " tú"], timing)]
    [('Hola,', 0.0, 0.5), ('tú', 1.0, 1.25)]
    >>> [one.text + "+" * one.joined for one in words_of(["你", "好", "。", "我"], timing)]
    ['你', '好。+', '我+']

    Args:
        pieces: what each token adds to the text.
        timing: of these tokens.
    """
    groups: list[list[_Unit]] = []
    for unit in _units(pieces, timing):
        if not groups or unit.spaced or _is_border(groups[-1][-1].text[-1], unit.text[0]):
            groups.append([unit])
        else:
            groups[-1].append(unit)
    return tuple(_word(group, first=place == 0) for place, group in enumerate(groups))


def _units(pieces: Sequence[str], timing: Timing) -> Iterator[_Unit]:
    """Yield what is written, token by token; a token of several words is as many, each with its share of the time."""
    spaced = False
    logprobs: Sequence[float | None] = timing.logprobs or [None] * len(pieces)
    for piece, start, end, logprob in zip(pieces, timing.starts, timing.ends, logprobs, strict=True):
        parts = piece.split()
        letters = sum(map(len, parts))
        spaced = spaced or piece[:1].isspace()
        begun = 0
        for part in parts:
            share = [start + (end - start) * count / letters for count in (begun, begun + len(part))]
            yield _Unit(part, share[0], share[1], logprob, spaced)
            begun, spaced = begun + len(part), True
        spaced = piece[-1:].isspace() if parts else spaced


def _is_border(before: str, after: str) -> bool:
    """Tell whether a word ends between two characters without a space between them."""
    if _opens(before) or not (after.isalnum() or _opens(after)):
        return False
    return bool(UNSPACED.match(before) or UNSPACED.match(after)) or (_is_wide(before) and not before.isalnum())


def _opens(character: str) -> bool:
    return unicodedata.category(character) in ("Ps", "Pi") or character in _OPENING


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in ("W", "F")


def _word(group: Sequence[_Unit], *, first: bool) -> Word:
    said = [unit for unit in group if not unit.is_sign] or group
    logprobs = [unit.logprob for unit in said if unit.logprob is not None]
    return Word(
        "".join(unit.text for unit in group),
        said[0].start,
        max(said[0].start, said[-1].end),
        math.exp(sum(logprobs) / len(logprobs)) if logprobs else None,
        joined=not (first or group[0].spaced),
    )
