"""NIST's RTTM: who speaks when, a line a turn.

``SPEAKER recording channel begin duration <NA> <NA> speaker <NA> <NA>``, times in seconds. Other types of lines, such
as ``SPKR-INFO``, say nothing of when somebody speaks and are passed over.
"""

import re
from collections.abc import Iterable

from acento.core.errors import InputError
from acento.data.words import Turn

_TYPES = {
    *("SPEAKER", "SPKR-INFO", "LEXEME", "NON-LEX", "NON-SPEECH", "NOSCORE", "NO_RT_METADATA"),
    *("FILLER", "EDIT", "IP", "SU", "CB", "A/P", "SEGMENT", "SPECIAL"),
}
_SPEAKER_AT = 7
_NOT_KNOWN = "<NA>"


def read_rttm(text: str) -> dict[str, list[Turn]]:
    """Return the turns of each recording, in the order of their starts.

    Fields may be apart by any white space, and what follows the speaker's name may lack; blank lines and comments
    (``;;``, ``#``) are passed over.

    >>> read_rttm("SPEAKER meeting 1 0.50 1.25 <NA> <NA> ana <NA> <NA>")
    {'meeting': [Turn(start=0.5, end=1.75, speaker='ana')]}

    Raises:
        InputError: a line is none of RTTM's, or its times are none; the sentence names the line.
    """
    found: dict[str, list[Turn]] = {}
    for number, line in enumerate(text.lstrip("\ufeff").split("\n"), start=1):
        fields = line.split()
        if not fields or fields[0].startswith((";;", "#")):
            continue
        kind = fields[0].upper()
        if kind not in _TYPES:
            raise InputError(
                f"Line {number} is none of RTTM's: it begins with {fields[0]!r}, not with SPEAKER; such a line is "
                "SPEAKER recording channel begin duration <NA> <NA> speaker."
            )
        if kind == "SPEAKER":
            recording, turn = _turn(number, fields)
            found.setdefault(recording, []).append(turn)
    return {recording: sorted(turns) for recording, turns in found.items()}


def rttm_of(name: str, turns: Iterable[Turn]) -> str:
    """Return the lines of a recording, in the order of the turns' starts; white space in names becomes ``_``.

    >>> print(rttm_of("my meeting", [Turn(0.5, 1.75, "ana")]), end="")
    SPEAKER my_meeting 1 0.500 1.250 <NA> <NA> ana <NA> <NA>
    """
    recording = _one_word(name)
    lines = []
    for turn in sorted(turns):
        start = round(turn.start, 3)
        length = round(turn.end, 3) - start
        lines.append(f"SPEAKER {recording} 1 {start:.3f} {length:.3f} <NA> <NA> {_one_word(turn.speaker)} <NA> <NA>\n")
    return "".join(lines)


def _turn(number: int, fields: list[str]) -> tuple[str, Turn]:
    if len(fields) <= _SPEAKER_AT:
        raise InputError(
            f"Line {number} has {len(fields)} fields: a turn is "
            "SPEAKER recording channel begin duration <NA> <NA> speaker."
        )
    start, length = (_seconds(number, what, fields[at]) for what, at in (("begin", 3), ("duration", 4)))
    if fields[_SPEAKER_AT] == _NOT_KNOWN:
        raise InputError(f"Line {number} names no speaker: it has <NA> in its eighth field.")
    return fields[1], Turn(start, round(start + length, 6), fields[_SPEAKER_AT])


def _seconds(number: int, what: str, field: str) -> float:
    try:
        seconds = float(field)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise InputError(f"Line {number}: the {what} {field!r} is no time in seconds.")
    return seconds


def _one_word(name: str) -> str:
    return re.sub(r"\s+", "_", name.strip()) or "_"
