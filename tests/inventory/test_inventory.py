"""What a user could do can still be done: commands, settings, flows, names; ``inventory.json`` has all commands."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent

GIVEN_UP: dict[str, str] = {
    "acento > commands > acento demo > --num-requests > minimum is new: 1": "less than one worker was refused later",
    "acento > flows > run-placement > board": "engines are the queue: the parent alone starts this flow",
    "acento > artifacts > placement": "a slice has the artifact now",
    "acento > commands > acento benchmark > --normalizer > default": "it follows the data set's language",
    "acento > flows > benchmark > normalizer > default": "it follows the data set's language",
    "acento > flows > benchmark > language > minLength is new: 1": "an empty language was refused later",
}
"""What is gone on purpose, by how ``lost`` names it, and why nobody misses it."""

_LOOSER = {"minimum": -1, "exclusiveMinimum": -1, "minLength": -1, "minItems": -1, "maximum": 1, "exclusiveMaximum": 1}
"""Bounds, and the direction in which one may move."""


def lost(before: Any, now: Any, *where: str) -> Iterator[str]:
    """Yield a line for everything that was there and is not: a name, a choice, a type, a default, a wider bound."""
    name = " > ".join(where)
    if isinstance(before, dict):
        for key, value in before.items():
            if isinstance(now, dict) and key in now:
                yield from lost(value, now[key], *where, key)
            elif key not in _LOOSER and key not in ("required", "choices"):  # without these more is allowed
                yield f"{name} > {key} is gone; it was {json.dumps(value, ensure_ascii=False)}"
        if isinstance(now, dict) and "types" in before:  # an option or a parameter: it may not ask for more
            yield from (
                f"{name} > {key} is new: {now[key]}" for key in ("required", *_LOOSER) if key in now.keys() - before
            )
    elif isinstance(before, list) and isinstance(now, list) and where[-1] != "default":
        yield from (f"{name} > {one} is gone" for one in before if one not in now)
    elif where[-1] in _LOOSER:
        if (now - before) * _LOOSER[where[-1]] < 0:
            yield f"{name} was {before}, and is {now}"
    elif before != now:
        yield f"{name} was {json.dumps(before, ensure_ascii=False)}, and is {json.dumps(now, ensure_ascii=False)}"


@pytest.mark.parametrize(
    ("before", "now", "lines"),
    [
        ({"--by": {"types": ["str"]}}, {"--by": {"types": ["str"]}, "--new": {"types": ["str"], "required": True}}, []),
        ({"--by": {"types": ["str"]}}, {}, ['acento > --by is gone; it was {"types": ["str"]}']),
        ({"--by": {"also": ["--by", "-b"]}}, {"--by": {"also": ["--by"]}}, ["acento > --by > also > -b is gone"]),
        ({"n": {"default": 1}}, {"n": {"default": 2}}, ["acento > n > default was 1, and is 2"]),
        ({"n": {"default": 1}}, {"n": {}}, ["acento > n > default is gone; it was 1"]),
        ({"n": {"types": ["int"], "minimum": 1}}, {"n": {"types": ["int"], "minimum": 0}}, []),
        ({"n": {"types": ["int"], "minimum": 1}}, {"n": {"types": ["int"]}}, []),
        (
            {"n": {"types": ["int"], "minimum": 1}},
            {"n": {"types": ["int"], "minimum": 2}},
            ["acento > n > minimum was 1, and is 2"],
        ),
        ({"n": {"types": ["int"]}}, {"n": {"types": ["int"], "maximum": 2}}, ["acento > n > maximum is new: 2"]),
        (
            {"n": {"types": ["int"]}},
            {"n": {"types": ["int"], "required": True}},
            ["acento > n > required is new: True"],
        ),
        ({"n": {"types": ["int"], "required": True}}, {"n": {"types": ["int"]}}, []),
        ({"n": {"types": ["int"], "choices": ["a"]}}, {"n": {"types": ["int"], "choices": ["a", "b"]}}, []),
    ],
)
def test_what_counts_as_lost(before: Any, now: Any, lines: list[str]) -> None:
    assert list(lost(before, now, "acento")) == lines


@pytest.mark.slow
def test_nothing_that_a_user_could_do_is_lost_and_what_is_new_is_written_down() -> None:
    printed = subprocess.run([sys.executable, HERE / "collect.py"], capture_output=True, text=True, check=True).stdout
    before, now = json.loads((HERE / "inventory.json").read_bytes()), json.loads(printed)
    missing = [line for line in lost(before, now, "acento") if line.partition(" is gone")[0] not in GIVEN_UP]
    assert not missing, "A user could do this before, and cannot now:\n" + "\n".join(missing)
    new = [name for kind in ("commands", "flows", "deployments") for name in now[kind] if name not in before[kind]]
    assert not new, f"Add {', '.join(new)}: python tests/inventory/collect.py tests/inventory/inventory.json"
