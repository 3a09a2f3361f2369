"""Parakeet of transformers: CTC and transducers."""

from acento.models.family import FEATURES, ONE_FILE, Family

FAMILIES = (
    Family(
        name="parakeet-ctc",
        model_types=frozenset({"parakeet_ctc"}),
        loader="acento.families.parakeet.recognizer:load",
        aligns=True,
        trainer="acento.families.ctc.training:CtcTrainable",
        labeler="acento.families.ctc.labels:load_labeler",
        learning_rate=5e-5,
        parts=(ONE_FILE, FEATURES),
    ),
    Family(
        name="parakeet-transducer",
        model_types=frozenset({"parakeet_rnnt", "parakeet_tdt"}),
        loader="acento.families.parakeet.recognizer:load",
        parts=(ONE_FILE, FEATURES),
    ),
)
