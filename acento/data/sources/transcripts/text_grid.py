"""Praat's TextGrid, long and short, in UTF-8 or UTF-16 by its mark: intervals of tiers; see ``tiers`` for which.

Read as Praat reads it: numbers, texts in quotes and flags that stand free are the values, all else is for people. The
kept library for it takes a file that was cut at the end of an interval for a whole one, and loses signs and exponents.
"""

import re
from collections.abc import Iterator
from typing import Literal

from acento.core.errors import DataError
from acento.data.sources.transcripts.segments import TimedSegment, TranscriptFile, checked
from acento.data.sources.transcripts.tiers import Tier, chosen

_VALUE = re.compile(
    r'"(?P<text>(?:[^"]|"")*)"|(?<!\S)(?P<flag><\w+>)(?!\S)|(?<!\S)(?P<number>[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?!\S)'
)
_MOST = 10_000_000


def read_text_grid(text: str, wanted: str | None = None) -> TranscriptFile:
    """Return the segments of the tiers of speech.

    Raises:
        DataError: it is no TextGrid, not whole, or has no tier with intervals.
    """
    if '"IntervalTier"' not in text:
        raise DataError("it has no tier of intervals")
    try:
        tiers, points = _tiers(_values(text))
    except StopIteration:
        raise DataError("it ends before the last of its intervals") from None
    except (ValueError, TypeError) as error:
        raise DataError(f"it is no TextGrid ({error})") from error
    if not any(tier.segments for tier in tiers):
        raise DataError("it has no interval with a text")
    segments, notes = chosen(tiers, wanted)
    if points:
        notes.append(f"Tiers of points have no utterances: {', '.join(map(repr, points))}.")
    return TranscriptFile(segments, notes=notes)


def _tiers(values: Iterator[str | float]) -> tuple[list[Tier], list[str]]:
    """Return the tiers of intervals, and the names of those of points."""
    if (_text(values), _text(values)) != ("ooTextFile", "TextGrid"):
        raise ValueError("it does not begin as one")
    tiers, points = list[Tier](), list[str]()
    _number(values), _number(values)
    if next(values) != "<exists>":
        return tiers, points
    for _ in range(_count(values)):
        kind, name = _text(values), _text(values)
        _number(values), _number(values)
        tier = Tier(name)
        for _ in range(_count(values)):
            if kind == "IntervalTier":
                start, end, label = _number(values), _number(values), _text(values)
                if words := " ".join(label.split()):
                    tier.segments.append(checked(TimedSegment(start, end, words)))
            else:
                _number(values), _text(values)
        if kind == "IntervalTier":
            tiers.append(tier)
        elif kind == "TextTier":
            points.append(name)
        else:
            raise ValueError(f"a tier of the class {kind!r} is not known")
    return tiers, points


def _values(text: str) -> Iterator[str | float]:
    """Yield the values of the file: texts marked by a quote before them, flags as they are, and numbers."""
    for line in re.finditer(_VALUE, re.sub(r"(?m)^\s*!.*$", "", text)):
        kind: Literal["text", "flag", "number"] = line.lastgroup  # type: ignore[assignment]
        value = line[kind]
        yield float(value) if kind == "number" else value if kind == "flag" else '"' + value.replace('""', '"')


def _text(values: Iterator[str | float]) -> str:
    value = next(values)
    if not isinstance(value, str) or not value.startswith('"'):
        raise ValueError(f"{value} stands where a text should")
    return value[1:]


def _number(values: Iterator[str | float]) -> float:
    value = next(values)
    if not isinstance(value, float):
        raise ValueError(f"{value[:40]!r} stands where a number should")
    return value


def _count(values: Iterator[str | float]) -> int:
    value = _number(values)
    if not value.is_integer() or not 0 <= value <= _MOST:
        raise ValueError(f"{value} is no number of tiers or intervals")
    return int(value)
