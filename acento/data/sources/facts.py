"""The facts of a clip in a row of a table or manifest: stretch, channel, split, language, speaker and accent."""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Literal

from acento.core.text.language import resolve_language
from acento.data.sources.base import split_in

START = ("start", "start_s", "start_time", "start_sec", "start_seconds", "begin", "begin_time", "offset", "start_ms")
END = ("end", "end_s", "end_time", "end_sec", "end_seconds", "stop", "stop_time", "end_ms")
DURATION = ("duration", "duration_s", "length", "duration_ms")
CHANNEL = ("channel", "channel_selector")
NO_TEXT = frozenset({"nan", "NaN", "NAN", "NA", "N/A", "#N/A", "<NA>", "None", "NULL"})
"""Texts of tables that programs write for a missing one."""

Role = Literal["start", "end", "duration"]
_NO_VALUE = frozenset({"", "nan", "none", "null", "n/a", "#n/a", "<na>", "\\n"})
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
_OTHER_WORDS = frozenset(
    {"time", "timestamp", "ts", "pos", "position", "in", "segment", "seg", "utterance", "utt", "audio", "clip"}
)
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)")
_CHANNELS = {
    **dict.fromkeys(("", "average", "mix", "mixed", "mono", "both", "all"), None),
    **{"l": 0, "left": 0, "r": 1, "right": 1},
}


def known_fact(value: str) -> str | None:
    """Return what a list says of a clip, None where it says that it does not know: "", nan, NULL, None, n/a, …

    >>> known_fact("Anna"), known_fact(" NaN "), known_fact("<NA>"), known_fact("Nan Li")
    ('Anna', None, None, 'Nan Li')
    """
    value = value.strip()
    return None if value.lower() in _NO_VALUE or value == "NA" else value


def known_text(value: str) -> str | None:
    """Return a text of a list without spaces around it; None where it stands for a missing one.

    >>> known_text(" 123 "), known_text("None"), known_text("nan"), known_text("")
    ('123', None, None, None)
    """
    value = value.strip()
    return None if value in NO_TEXT else value or None


def as_text(name: str, value: object) -> str | None:
    """Return the value of a column or key as a stripped string, None if it says nothing; a number may be an id.

    Raises:
        ValueError: it is a list, an object or a truth value.

    >>> as_text("id", 7.0), as_text("id", float("nan")), as_text("id", " a "), as_text("id", None)
    ('7', None, 'a', None)
    """
    if value is None or value != value:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{name} is {json.dumps(value, default=str)[:40]} and should be a string")
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # what pandas makes of whole numbers in a column with missing ones
    return str(value).strip() or None


def fact_of(row: Mapping[str, object], names: Sequence[str]) -> str | None:
    """Return what a row says in the first of these columns or keys whose value does not say that it is missing.

    Raises:
        ValueError: a value is a list, an object or a truth value.

    >>> fact_of({"accent": "NaN", "accents": "Chile"}, ("accent", "accents"))
    'Chile'
    """
    return next((fact for name in names if (fact := known_fact(as_text(name, row.get(name)) or ""))), None)


def parse_split(name: str) -> str | None:
    """Return the split that a list names in its own words, None if it names none.

    Raises:
        ValueError: it is no split.

    >>> parse_split("Validation"), parse_split("test.clean"), parse_split(" ")
    ('dev', 'test', None)
    """
    split = split_in(name)
    if split is None and name.strip():
        raise ValueError(f"{name!r} is no split: use train, dev or test")
    return split


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
    if len(roles) != 1 or len(units) > 1 or not {*words} <= {*roles, *units} | _OTHER_WORDS:
        return None
    return _ROLES[roles[0]], _UNITS[units[0]] if units else 1.0


def times_among(columns: Iterable[str]) -> dict[str, tuple[Role, float]]:
    """Return which of the columns of one list say something of stretches, and what.

    ``offset`` beside ``onset`` is the end, and ``from`` and ``to`` are times where both are there.
    """
    columns = tuple(columns)
    found = {name: what for name in columns if (what := time_of(name))}
    if any("onset" in name.lower() for name in found):
        found |= {name: ("end", unit) for name, (_, unit) in found.items() if "offset" in name.lower()}
    if {"from", "to"} <= {*columns}:
        found |= {"from": ("start", 1.0), "to": ("end", 1.0)}
    return found


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
    start_name, start = _first_time(row, columns, "start", START)
    end_name, end = _first_time(row, columns, "end", END)
    length_name, length = _first_time(row, columns, "duration", ())
    if start is None and end is None:
        return 0.0, None
    begin = start or 0.0
    if end is not None:
        # of equal decimals, so that 2.3 - 1.1 is no 1.1999999999999997
        length = round(end - begin, 9)
        if length <= 0:
            raise ValueError(f"{end_name} {end:g} is not after {start_name or 'its start'} {begin:g}")
    elif length is not None and length <= 0:
        raise ValueError(f"{length_name} is 0")
    return begin, length


def _first_time(
    row: Mapping[str, object], columns: Mapping[str, tuple[Role, float]], role: Role, usual: Sequence[str]
) -> tuple[str, float | None]:
    """Return the first column of this role with a value, and its seconds; the usual columns come before others."""
    names = [name for name, (is_of, _) in columns.items() if is_of == role]
    for name in sorted(names, key=lambda name: usual.index(name) if name in usual else len(usual)):
        value, unit = row.get(name), columns[name][1]
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        if math.isnan(unit):
            raise ValueError(f"{name} is not in seconds: give the seconds in columns start and end")
        return name, _seconds(name, value, unit)
    return "", None


def _seconds(name: str, value: object, unit: float) -> float:
    text = str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = clock.groups()
        return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))
    try:
        number = float("nan" if "_" in text else text.replace(",", "."))
    except ValueError:
        number = math.nan
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
    if value is None or value != value:
        return None
    word = "?" if isinstance(value, bool | list | dict) else str(value).strip().lower().removesuffix(".0")
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
    facts: dict[str, Any] = {name: fact_of(row, columns) for name, columns in names.items()}
    if facts["language"] is not None:
        resolve_language(facts["language"])
    facts["split"] = parse_split(facts["split"] or "")
    given = (value for name in CHANNEL if (value := row.get(name)) is not None)
    channel = next((value for value in given if not isinstance(value, str) or known_fact(value)), None)
    return facts | {"start_s": start, "length_s": length, "channel": channel_of(channel)}
