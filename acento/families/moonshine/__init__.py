"""Moonshine, and its streaming kind."""

from acento.models.family import FEATURES, ONE_FILE, Family

FAMILIES = (
    Family(
        name="moonshine",
        model_types=frozenset({"moonshine"}),
        loader="acento.families.moonshine.recognizer:load",
        decoding_version=1,
        batch_size={"cpu": 8, "cuda": 32, "mps": 8},
        trainer="acento.families.moonshine.training:load",
        labeler="acento.families.moonshine.labels:load",
        spectrogram=False,
        parts=(ONE_FILE, FEATURES),
    ),
    Family(
        name="moonshine-streaming",
        model_types=frozenset({"moonshine_streaming"}),
        loader="acento.families.moonshine.recognizer:load_streaming",
        decoding_version=1,
        batch_size={"cpu": 8, "cuda": 32, "mps": 8},
        spectrogram=False,
        parts=(ONE_FILE, FEATURES),
    ),
)
