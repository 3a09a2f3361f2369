"""Voxtral."""

from acento.models.family import FEATURES, Family, ModelPart

FAMILIES = (
    Family(
        name="voxtral",
        model_types=frozenset({"voxtral"}),
        loader="acento.families.voxtral.recognizer:load",
        batch_size={"cpu": 2, "cuda": 16, "mps": 2},
        trainer="acento.families.voxtral.training:VoxtralTrainable",
        labeler="acento.families.voxtral.training:load_labeler",
        strategies=("lora", "encoder"),
        learning_rate=1e-5,  # adapters take ten times that
        parts=(ModelPart("tokenizer", (("tekken.json",),)), FEATURES),
    ),
)
