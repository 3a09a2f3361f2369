"""Canary of transformers."""

from pathlib import Path

from acento.models.family import FEATURES, ONE_FILE, Family

FAMILIES = (
    Family(
        name="canary",
        model_types=frozenset({"canary"}),
        loader="acento.families.canary.recognizer:load",
        batch_size={"cpu": 4, "cuda": 32, "mps": 4},
        parts=(ONE_FILE, FEATURES),
        languages="acento.families.canary:languages",
    ),
)

CANARY = frozenset(
    {"bg", "hr", "cs", "da", "nl", "en", "et", "fi", "fr", "de", "el", "hu", "it"}
    | {"lv", "lt", "mt", "pl", "pt", "ro", "sk", "sl", "es", "sv", "ru", "uk"}
)
"""The languages that Canary was trained on, as its processor lists them; its vocabulary has tokens for more."""


def languages(_: Path) -> frozenset[str]:
    """Return the codes of the languages that every Canary can be told."""
    return CANARY
