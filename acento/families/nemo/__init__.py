"""Models of NeMo, as ``.nemo`` files."""

from acento.models.family import Family

FAMILIES = (
    Family(
        name="nemo",
        model_types=frozenset(),
        loader="acento.families.nemo.recognizer:load",
        archive=".nemo",
        weights=(),
        trainer="acento.families.nemo.training:NemoTrainable",
        labeler="acento.families.nemo.labels:load_labeler",
        strategies=("encoder", "full", "decoder", "last-n"),
        learning_rate=1e-4,
        extra="nemo",
        languages="acento.families.nemo.archive:languages",
        inspect="acento.families.nemo.archive:inspect",
    ),
)
