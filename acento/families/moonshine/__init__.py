"""Moonshine, and its streaming kind."""

from acento.models.family import FEATURES, ONE_FILE, Family

FAMILIES = (
    Family(
        name="moonshine",
        model_types=frozenset({"moonshine"}),
        loader="acento.families.moonshine.recognizer:load",
        trainer="acento.families.moonshine.training:MoonshineTrainable",
        labeler="acento.families.moonshine.training:load_labeler",
        spectrogram=False,
        parts=(ONE_FILE, FEATURES),
    ),
    Family(
        name="moonshine-streaming",
        model_types=frozenset({"moonshine_streaming"}),
        loader="acento.families.moonshine.recognizer:load_streaming",
        spectrogram=False,
        parts=(ONE_FILE, FEATURES),
    ),
)
