"""Stretches and channels of recordings, as tables and manifests give them."""

import math
import re
from collections.abc import Mapping

START = ("start", "start_s", "start_time", "start_sec", "start_seconds", "begin", "begin_time", "offset", "start_ms")
END = ("end", "end_s", "end_time", "end_sec", "end_seconds", "stop", "stop_time", "end_ms")
DURATION = ("duration", "duration_s", "length", "duration_ms")
CHANNEL = ("channel", "channel_selector")

_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)")
_CHANNELS = {"l": 0, "left": 0, "r": 1, "right": 1}
_ALL = frozenset({"", "average", "mix", "mixed", "mono", "both", "all"})


def segment_of(row: Mapping[str, object]) -> tuple[float, float | None]:
    """Return start and length of a stretch in seconds; (0, None) for the whole recording. A length alone cuts nothing.

    Raises:
        ValueError: one of them is no time, or the stretch is empty.

    >>> segment_of({"start": "1.5", "end": "2"}), segment_of({"offset": 1, "duration": 2.5})
    ((1.5, 0.5), (1.0, 2.5))
    >>> segment_of({"duration": 3})
    (0.0, None)
    >>> segment_of({"start": "00:01:02.5"}), segment_of({"start_ms": "250", "end_ms": "1250"})
    ((62.5, None), (0.25, 1.0))
    """
    (first, start), (last, end), (long, length) = (_first(row, names) for names in (START, END, DURATION))
    if start is None and end is None:
        return 0.0, None
    begin = 0.0 if start is None else start
    if end is not None:
        # of equal decimals, so that 2.3 - 1.1 is no 1.1999999999999997
        length = round(end - begin, 9)
        if length <= 0:
            raise ValueError(f"{last} {end:g} is not after {first or 'its start'} {begin:g}")
    elif length is not None and length <= 0:
        raise ValueError(f"{long} is 0")
    return begin, length


def _first(row: Mapping[str, object], names: tuple[str, ...]) -> tuple[str, float | None]:
    """Return the first of these columns with a value, and its seconds."""
    for name in names:
        value = row.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        return name, _seconds(name, value)
    return "", None


def _seconds(name: str, value: object) -> float:
    number = math.nan
    if isinstance(value, str):
        text = value.strip()
        if clock := _CLOCK.fullmatch(text):
            hours, minutes, seconds = clock.groups()
            return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))
        try:
            number = float(text.replace(",", ".")) if "_" not in text else math.nan
        except ValueError:
            number = math.nan
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"{name} is {str(value)[:40]!r} and should be seconds")
    return number / 1000 if name.endswith("_ms") else number


def channel_of(value: object) -> int | None:
    """Return which channel a list names, from 0 on; None for all of them.

    Raises:
        ValueError: it names none.

    >>> channel_of("1"), channel_of("left"), channel_of([1]), channel_of("average"), channel_of(None)
    (1, 0, 1, None, None)
    """
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    word = value.strip().lower().removesuffix(".0") if isinstance(value, str) else "?"
    if word in _ALL:
        return None
    if word in _CHANNELS:
        return _CHANNELS[word]
    if word.isdecimal() and word.isascii():
        return int(word)
    raise ValueError(
        f"channel is {str(value)[:40]!r} and should be the number of one channel, from 0 on; rename it if it means "
        "something else"
    )
