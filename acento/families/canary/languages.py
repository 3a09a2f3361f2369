"""The languages of Canary."""

from pathlib import Path

CANARY = frozenset(
    {"bg", "hr", "cs", "da", "nl", "en", "et", "fi", "fr", "de", "el", "hu", "it"}
    | {"lv", "lt", "mt", "pl", "pt", "ro", "sk", "sl", "es", "sv", "ru", "uk"}
)
"""The languages that Canary was trained on, as its processor lists them; its vocabulary has tokens for more."""


def languages(_: Path) -> frozenset[str]:
    """Return the codes of the languages that every Canary can be told."""
    return CANARY
