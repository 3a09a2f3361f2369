"""Ordinary checkpoints of families that Acento does not know: transformers' auto classes load and decode them."""

from acento.models.family import Family

FAMILIES = (
    Family(
        name="generic",
        model_types=frozenset(),
        accepts="acento.families.generic.types:loads",
        loader="acento.families.generic.recognizer:load",
        decoding_version=1,
        batch_size={"cpu": 8, "cuda": 8, "mps": 8},
    ),
)
