"""Read the facts of a clip from a row of a table or manifest: stretch, channel, split, language and more."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Literal

from acento.core.text.language import resolve_language
from acento.data.sources.base import fact_of, known_fact, parse_split

START = ("start", "start_s", "start_time", "start_sec", "start_seconds", "begin", "begin_time", "offset", "start_ms")
END = ("end", "end_s", "end_time", "end_sec", "end_seconds", "stop", "stop_time", "end_ms")
DURATION = ("duration", "duration_s", "length", "duration_ms")
CHANNEL = ("channel", "channel_selector")

Role = Literal["start", "end", "duration"]
_ROLES: dict[str, Role] = {
    **dict.fromkeys(
        ("start", "starts", "begin", "begins", "onset", "offset", "tmin", "starttime", "begintime"), "start"
    ),
    **dict.fromkeys(("end", "ends", "stop", "stops", "tmax", "endtime", "stoptime"), "end"),
}
_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "millis", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("sample", "samples", "frame", "frames"), math.nan),
}
_ALSO = frozenset(
    {"time", "timestamp", "ts", "pos", "position", "in", "segment", "seg", "utterance", "utt", "audio", "clip"}
)
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)")
_CHANNELS = {"l": 0, "left": 0, "r": 1, "right": 1}
_ALL = frozenset({"", "average", "mix", "mixed", "mono", "both", "all"})


@cache
def time_of(column: str) -> tuple[Role, float] | None:
    """Return what a column or key says of a stretch, and how many seconds its unit has; None if it says nothing of one.

    The unit is NaN for samples and frames, whose length a list does not say.

    >>> time_of("Start Time"), time_of("end[ms]"), time_of("segment_start"), time_of("start_sample")
    (('start', 1.0), ('end', 0.001), ('start', 1.0), ('start', nan))
    >>> time_of("start_date"), time_of("weekend"), time_of("duration")
    (None, None, ('duration', 1.0))
    """
    name = column.lower()
    if name in DURATION:
        return "duration", 0.001 if name.endswith("_ms") else 1.0
    words = re.findall(r"[^\W_]+", name)
    roles = [word for word in words if word in _ROLES]
    units = [word for word in words if word in _UNITS]
    if len(roles) != 1 or len(units) > 1 or not {*words} <= {*roles, *units} | _ALSO:
        return None
    return _ROLES[roles[0]], _UNITS[units[0]] if units else 1.0


def segment_of(row: Mapping[str, object]) -> tuple[float, float | None]:
    """Return start and length of a stretch in seconds; (0, None) for the whole recording. A length alone cuts nothing.

    Raises:
        ValueError: one of them is no time, or the stretch is empty.

    >>> segment_of({"start": "1.5", "end": "2"}), segment_of({"offset": 1, "duration": 2.5})
    ((1.5, 0.5), (1.0, 2.5))
    >>> segment_of({"duration": 3}), segment_of({"onset": 1, "offset": 3}), segment_of({"from": 1, "to": 3})
    ((0.0, None), (1.0, 2.0), (1.0, 2.0))
    >>> segment_of({"start": "00:01:02.5"}), segment_of({"start_ms": "250", "end_ms": "1250"})
    ((62.5, None), (0.25, 1.0))
    """
    columns = times_among(row)
    starts, ends, lengths = (
        [n for n, (role, _) in columns.items() if role == of] for of in ("start", "end", "duration")
    )
    given = {name: columns[name][1] for name in (*_in_order(starts, START), *_in_order(ends, END), *lengths)}
    (first, start), (last, end), (long, length) = (
        _first(row, {name: unit for name, unit in given.items() if name in names}) for names in (starts, ends, lengths)
    )
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


def times_among(columns: Iterable[str]) -> dict[str, tuple[Role, float]]:
    """Return which of the columns of one list say something of stretches, and what.

    ``offset`` beside ``onset`` is the end, and ``from`` and ``to`` are times where both are there.
    """
    columns = tuple(columns)
    found = {name: what for name in columns if (what := time_of(name))}
    onset = any("onset" in name.lower() for name in found)
    if onset:
        found |= {name: ("end", unit) for name, (_, unit) in found.items() if "offset" in name.lower()}
    if {"from", "to"} <= {*columns}:
        found |= {"from": ("start", 1.0), "to": ("end", 1.0)}
    return found


def _in_order(names: list[str], usual: tuple[str, ...]) -> list[str]:
    return sorted(names, key=lambda name: usual.index(name) if name in usual else len(usual))


def _first(row: Mapping[str, object], columns: Mapping[str, float]) -> tuple[str, float | None]:
    """Return the first of these columns with a value, and its seconds."""
    for name, unit in columns.items():
        value = row.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        if math.isnan(unit):
            raise ValueError(f"{name} is not in seconds: give the seconds in columns start and end")
        return name, _seconds(name, value, unit)
    return "", None


def _seconds(name: str, value: object, unit: float) -> float:
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
    return number / 1000 if unit == 0.001 else number


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


def facts_in(
    row: Mapping[str, object], names: Mapping[str, Sequence[str]], times: Mapping[str, object] | None = None
) -> dict[str, Any]:
    """Return what a row says of a clip, as arguments of :class:`SourceItem`.

    Args:
        row: values by column or key.
        names: the columns of split, language, speaker and accent, the likeliest first.
        times: where start and length are looked for, if not in the row.

    Raises:
        ValueError: a value cannot be understood.
        InputError: the language is not known.
    """
    start, length = segment_of(row if times is None else times)
    facts = {name: fact_of(row, columns) for name, columns in names.items()}
    if facts["language"] is not None:
        resolve_language(facts["language"])
    return {
        **facts,
        "split": parse_split(facts["split"] or ""),
        "start_s": start,
        "length_s": length,
        "channel": channel_in(row),
    }


def channel_in(row: Mapping[str, object]) -> int | None:
    """Return the channel that a row names, None for all of them.

    Raises:
        ValueError: it names something else.
    """
    given = (value for name in CHANNEL if (value := row.get(name)) is not None)
    return channel_of(next((value for value in given if not isinstance(value, str) or known_fact(value)), None))
