"""A caption: some lines, and when they are shown."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from acento.core.text.width import joined


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a cue."""

    text: str
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Cue:
    """Lines that are shown together, from ``start`` until ``end`` in seconds, to the millisecond."""

    start: float
    end: float
    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        """The lines one after the other, with a space between them where their script has spaces."""
        return joined(line.text for line in self.lines)

    @property
    def speakers(self) -> list[str | None]:
        """Who speaks, in the order of the lines."""
        return list(dict.fromkeys(line.speaker for line in self.lines))


def one_after_another(cues: Iterable[Cue]) -> list[Cue]:
    """Return cues of which none is shown while the next one is: each ends where that begins.

    >>> both = [Cue(0, 3, (Line("uno"),)), Cue(2, 4, (Line("dos"),))]
    >>> [(cue.start, cue.end) for cue in one_after_another(both)]
    [(0, 2), (2, 4)]
    """
    ordered = sorted(cues, key=lambda cue: cue.start)
    cut = [replace(cue, end=min(cue.end, following.start)) for cue, following in pairwise(ordered)]
    return [cue for cue in (*cut, *ordered[-1:]) if cue.start < cue.end]
