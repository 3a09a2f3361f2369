"""Canary of transformers."""

from acento.models.family import FEATURES, ONE_FILE, Family

FAMILIES = (
    Family(
        name="canary",
        model_types=frozenset({"canary"}),
        loader="acento.families.canary.recognizer:load",
        decoding_version=1,
        batch_size={"cpu": 4, "cuda": 32, "mps": 4},
        parts=(ONE_FILE, FEATURES),
        languages="acento.families.canary.languages:languages",
    ),
)
