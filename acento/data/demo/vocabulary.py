"""The words of the demo language, from ``vocabulary.yaml`` beside this file."""

from importlib.resources import files
from typing import Any, Final

import yaml

Words = tuple[str, ...]


def _words(text: str) -> Words:
    """Split a list of words, and refuse a word written twice.

    >>> _words("tren leche")
    ('tren', 'leche')
    """
    words = tuple(text.split())
    if len(set(words)) != len(words):
        raise ValueError(f"a word stands twice in: {text[:60]}")
    return words


def _phrases(text: str) -> Words:
    """Split a list of phrases.

    >>> _phrases("a veces | esta tarde")
    ('a veces', 'esta tarde')
    """
    return tuple(text.split(" | "))


def _by_class(lists: dict[str, str]) -> dict[str, Words]:
    return {kind: _words(text) for kind, text in lists.items()}


_ALL: Final[dict[str, Any]] = yaml.safe_load((files(__package__) / "vocabulary.yaml").read_text(encoding="utf-8"))
NAMES: Final = _words(_ALL["names"])
NOUNS: Final = {kind: (_words(two["masculine"]), _words(two["feminine"])) for kind, two in _ALL["nouns"].items()}
"""For each class its masculine and its feminine nouns."""
VERBS: Final = _by_class(_ALL["verbs"])
"""For each class of objects the verbs that take it."""
ADJECTIVES: Final = _by_class(_ALL["adjectives"])
"""For each class its adjectives in the masculine singular; those in -o agree in gender, all agree in number."""
STATES: Final = {**ADJECTIVES, **_by_class(_ALL["states"])}
"""What follows a form of *estar* or *quedar*, for each class."""
WHEN: Final = _phrases(_ALL["when"])
HOW: Final = _phrases(_ALL["how"])
"""When, and how: what may end a sentence."""
