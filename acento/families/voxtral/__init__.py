"""Voxtral."""

from acento.models.family import FEATURES, Family, ModelPart

FAMILIES = (
    Family(
        name="voxtral",
        model_types=frozenset({"voxtral"}),
        loader="acento.families.voxtral.recognizer:load",
        decoding_version=1,
        batch_size={"cpu": 2, "cuda": 16, "mps": 2},
        trainer="acento.families.voxtral.training:load",
        labeler="acento.families.voxtral.labels:load",
        strategies=("lora", "encoder"),
        learning_rate=1e-5,  # adapters take ten times that
        parts=(ModelPart("tokenizer", (("tekken.json",),)), FEATURES),
    ),
)
