"""Models of which nothing is known but transformers' own interface: its auto classes load them."""

from collections.abc import Mapping
from typing import Any

from acento.models.family import Family

FAMILIES = (
    Family(
        name="ctc-own-code",
        model_types=frozenset(),
        loader="acento.families.generic.recognizer:load_own_code",
        batch_size={"cpu": 8, "cuda": 8, "mps": 8},
        spectrogram=False,
    ),
    Family(
        name="generic",
        model_types=frozenset(),
        accepts="acento.families.generic:loads",
        loader="acento.families.generic.recognizer:load",
        batch_size={"cpu": 8, "cuda": 8, "mps": 8},
    ),
)


def loads(config: Mapping[str, Any]) -> bool:
    """Tell whether ``AutoModelForCTC`` or ``AutoModelForSpeechSeq2Seq`` loads a model with this config."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CTC_MAPPING_NAMES,
        MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES,
    )

    kind = config.get("model_type")
    return kind in MODEL_FOR_CTC_MAPPING_NAMES or kind in MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES
