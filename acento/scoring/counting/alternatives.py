"""References that allow several readings, as NIST's sclite writes them: ``{a / b / @}`` and ``(optional)`` words.

The reading that has the fewest errors against a hypothesis is the one that is counted. The rules are those of sclite
(``doc/infmts.htm`` of usnistgov/SCTK): ``@`` is no word, alternations may hold alternations, and an optional word that
the hypothesis leaves out is counted as correct (sclite's option ``-D``). Only single words can be optional.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from acento.core.errors import InputError
from acento.scoring.counting.counts import ErrorCounts

_TOKEN = re.compile(r"[{}]|[^\s{}]+")
_OPTIONAL = re.compile(r"\(([^()\s]+)\)")
_MARKED = re.compile(r"[{}]|(?<!\S)\([^()\s]+\)(?!\S)")
_NULL = "@"

_ERROR = 1 << 32
_SUBSTITUTION, _GAP, _LEFT_OUT = _ERROR + 4, _ERROR + 3, 2
"""What an edit costs: an error each, and among readings with as few errors sclite's weights decide (``word.c``)."""
_FAR = 1 << 61

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Words:
    """Words that stand one after another; each of them may be left out if they are optional."""

    text: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several readings."""

    readings: tuple["Reading", ...]


Reading: TypeAlias = "tuple[Words | Choice, ...]"


@dataclass(frozen=True, slots=True)
class Best:
    """The reading of a reference that is nearest to a hypothesis."""

    text: str
    """Its words, without optional ones that the hypothesis leaves out."""
    forgiven: int
    """Optional words that the hypothesis leaves out: they count as correct."""
    counts: ErrorCounts = field(repr=False)
    """Of the way that was gone, without what is forgiven."""


def has_alternatives(text: str) -> bool:
    """Tell whether a reference has alternations or optional words.

    >>> has_alternatives("{ um / uh } sí"), has_alternatives("un (gran) día"), has_alternatives("sí (o no)")
    (True, True, False)
    """
    return _MARKED.search(text) is not None


def parse(text: str) -> Reading:
    """Return the readings of a reference.

    >>> parse("va { um / @ } (muy) bien")[:2]
    (Words(text='va', optional=False), Choice(readings=((Words(text='um', optional=False),), ())))

    Raises:
        InputError: a brace has no partner, or there is nothing to choose between two braces.
    """
    tokens = _TOKEN.findall(text)
    reading, end = _reading(tokens, 0, text, inside=False)
    if end != len(tokens):
        raise InputError(f"A brace is closed that was not opened in {_short(text)}: write {{ a / b }}.")
    return reading


def best_reading(reference: str, hypothesis: str, normalizer: Callable[[str], str]) -> Best:
    """Return the reading of a reference with the fewest word errors against a normalized hypothesis.

    What stands between two marks is normalized by itself.

    >>> best_reading("Va { um / uh / @ } (muy) bien", "va uh bien", str.lower)
    Best(text='va uh bien', forgiven=1)

    Raises:
        InputError: the marks are not balanced; see :func:`parse`.
    """
    arcs, nodes = _network(parse(reference), normalizer)
    return nearest(arcs, nodes, hypothesis.split())


@dataclass(frozen=True, slots=True)
class Arc:
    """A way from one node of a graph of words to another."""

    start: int
    end: int
    word: str | None
    """None: no word."""
    optional: bool = False
    exact: bool = False
    """Whether it may be gone only where that very word was heard."""


def nearest(arcs: Sequence[Arc], nodes: int, heard: Sequence[str], closed: Collection[int] = ()) -> Best:
    """Return the way through a graph of words that has the fewest errors against a list of words.

    Args:
        arcs: each from a node of a lower number to one of a higher number.
        nodes: how many there are; the way leads from the first, 0, to the last.
        heard: the words.
        closed: nodes at which no other word may have been heard.
    """
    known = {word: code for code, word in enumerate(dict.fromkeys(heard))}
    codes = np.array([known[word] for word in heard], dtype=np.int64)
    incoming: dict[int, list[Arc]] = {}
    for arc in arcs:
        incoming.setdefault(arc.end, []).append(arc)
    rows = _distances(incoming, nodes, codes, known, closed)
    words: list[str] = []
    substitutions = deletions = insertions = forgiven = 0
    node, place = nodes - 1, len(heard)
    while node > 0 or place > 0:
        for arc in incoming.get(node, ()):
            before = rows[arc.start]
            if arc.word is None:
                if before[place] == rows[node][place]:
                    node = arc.start
                    break
                continue
            wrong = place > 0 and codes[place - 1] != known.get(arc.word, -1)
            if (
                place > 0
                and not (wrong and arc.exact)
                and before[place - 1] + _SUBSTITUTION * wrong == rows[node][place]
            ):
                words.append(arc.word)
                substitutions += int(wrong)
                node, place = arc.start, place - 1
                break
            if not arc.exact and before[place] + (_LEFT_OUT if arc.optional else _GAP) == rows[node][place]:
                if arc.optional:
                    forgiven += 1
                else:
                    words.append(arc.word)
                    deletions += 1
                node = arc.start
                break
        else:
            insertions += 1
            place -= 1
    hits = len(words) - substitutions - deletions
    return Best(" ".join(reversed(words)), forgiven, ErrorCounts(substitutions, insertions, deletions, hits))


def _reading(tokens: Sequence[str], at: int, text: str, *, inside: bool) -> tuple[Reading, int]:
    """Return one reading and the place of the token after it: a closing brace, a slash, or the end."""
    found: list[Words | Choice] = []
    while at < len(tokens) and tokens[at] != "}" and not (inside and tokens[at] == "/"):
        if tokens[at] == "{":
            choice, at = _choice(tokens, at + 1, text)
            found.append(choice)
            continue
        optional = _OPTIONAL.fullmatch(tokens[at])
        if optional:
            found.append(Words(optional[1], optional=True))
        elif inside and tokens[at] == _NULL:
            pass
        elif found and isinstance(last := found[-1], Words) and not last.optional:
            found[-1] = Words(f"{last.text} {tokens[at]}")
        else:
            found.append(Words(tokens[at]))
        at += 1
    return tuple(found), at


def _choice(tokens: Sequence[str], at: int, text: str) -> tuple[Choice, int]:
    readings: list[Reading] = []
    while True:
        reading, at = _reading(tokens, at, text, inside=True)
        readings.append(reading)
        if at == len(tokens):
            raise InputError(f"A brace is not closed in {_short(text)}: write {{ a / b }}.")
        at += 1
        if tokens[at - 1] == "}":
            break
    if len(readings) == 1:
        raise InputError(f"There is one reading between two braces in {_short(text)}: write {{ a / b }}.")
    return Choice(tuple(readings)), at


def _network(reading: Reading, normalizer: Callable[[str], str]) -> tuple[list[Arc], int]:
    """Return the arcs of a graph of words, sorted so that each comes after all that lead to it, and its nodes."""
    arcs: list[Arc] = []
    nodes = 1

    def follow(reading: Reading, node: int) -> int:
        nonlocal nodes
        for part in reading:
            if isinstance(part, Words):
                for word in normalizer(part.text).split():
                    arcs.append(Arc(node, nodes, word, part.optional))
                    node, nodes = nodes, nodes + 1
            else:
                ends = [follow(one, node) for one in part.readings]
                arcs.extend(Arc(end, nodes, None) for end in ends)
                node, nodes = nodes, nodes + 1
        return node

    follow(reading, 0)
    return arcs, nodes


def _distances(
    incoming: dict[int, list[Arc]], nodes: int, codes: Ints, known: dict[str, int], closed: Collection[int]
) -> list[Ints]:
    """Return, for each node and each length of a beginning of the hypothesis, the least cost of the way there."""
    steps = _GAP * np.arange(len(codes) + 1, dtype=np.int64)
    rows: list[Ints] = [steps] + [np.full_like(steps, _FAR) for _ in range(nodes - 1)]
    for node, found in sorted(incoming.items()):
        row = rows[node]
        for arc in found:
            before = rows[arc.start]
            if arc.word is None:
                np.minimum(row, before, out=row)
                continue
            if not arc.exact:
                np.minimum(row, before + (_LEFT_OUT if arc.optional else _GAP), out=row)
            wrong = codes != known.get(arc.word, -1)
            np.minimum(row[1:], before[:-1] + (_FAR if arc.exact else _SUBSTITUTION) * wrong, out=row[1:])
        if node not in closed:
            row[:] = np.minimum.accumulate(row - steps) + steps
    return rows


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "…")
