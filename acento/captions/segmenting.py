"""What one speaker says, cut into captions: the cut that costs least, by breaks, reading speed and time."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from acento.captions.breaks import SENTENCE, break_cost
from acento.captions.style import Settled
from acento.core.text.width import width
from acento.data.words import Word

_EACH = 1.0
"""What a cue costs, so that there are few."""
_INNER_SENTENCE = 0.5
_FLASH = 6.0
_INTERRUPTED = 2.0
"""What it costs that another begins to speak in the middle of a cue, and so has to be shown after it."""
_ASIDE_S = 0.3
_PAUSE_S = 2.0
"""Seconds of silence that no cue spans."""


def cut(words: Sequence[Word], style: Settled, begins: Sequence[float] = ()) -> list[Sequence[Word]]:
    """Return the words of one speaker as those of each cue.

    Args:
        words: in the order of their times.
        style: the numbers.
        begins: when anybody begins to speak, in order.
    """
    count = len(words)
    costs = [break_cost(word, following) for word, following in zip(words, [*words[1:], None], strict=True)]
    columns = [width(word.text) for word in words]
    best = [0.0, *[math.inf] * count]
    came = [0] * (count + 1)
    ends = list(accumulate((word.end for word in words), max))
    until = _next(begins, max(ends[-1] - _ASIDE_S, math.nextafter(words[0].start, math.inf)))
    for first in range(count):
        if best[first] == math.inf:
            continue
        lines, filled, total, inner = 1, 0, 0, 0.0
        interruption = _next(begins, words[first].start + _ASIDE_S)
        for last in range(first, count):
            word, space = words[last], 0 if last == first or words[last].joined else 1
            if last > first and (
                ends[last] - words[first].start > style.max_s or word.start - ends[last - 1] > _PAUSE_S
            ):
                break
            if last > first and filled + space + columns[last] > style.line_length:
                lines, filled = lines + 1, columns[last]
            else:
                filled += space + columns[last]
            if lines > style.lines:
                break
            total += space + columns[last]
            if last > first and costs[last - 1] == SENTENCE:
                inner += _INNER_SENTENCE
            after = words[last + 1].start if last + 1 < count else until
            cost = best[first] + _EACH + costs[last] + inner + _hurry(total, after - words[first].start, style)
            cost += _INTERRUPTED if ends[last] - _ASIDE_S > interruption else 0.0
            if cost < best[last + 1]:
                best[last + 1], came[last + 1] = cost, first
    return _cues(words, came, best)


def _next(times: Sequence[float], after: float) -> float:
    """Return the first of some times that is not before one; infinity if there is none."""
    index = bisect_left(times, after)
    return times[index] if index < len(times) else math.inf


def _hurry(columns: int, available: float, style: Settled) -> float:
    """Return what it costs that a cue is short, or has to be read fast."""
    available = min(available - style.gap_s, style.max_s)
    flash = _FLASH * (1 - max(0.0, available) / style.min_s) if available < style.min_s else 0.0
    need = columns / style.reading_speed
    return flash + (min(2.0, need / max(available, 0.1) - 1) if need > available else 0.0)


def _cues(words: Sequence[Word], came: Sequence[int], best: Sequence[float]) -> list[Sequence[Word]]:
    found: list[Sequence[Word]] = []
    end = len(words)
    assert not end or best[end] < math.inf, "each word can be a cue of its own"
    while end:
        found.append(words[came[end] : end])
        end = came[end]
    return found[::-1]
