"""Which checkpoints transformers' auto classes for speech recognition load."""

from collections.abc import Mapping
from typing import Any


def loads(config: Mapping[str, Any]) -> bool:
    """Tell whether ``AutoModelForCTC`` or ``AutoModelForSpeechSeq2Seq`` loads a model with this config."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CTC_MAPPING_NAMES,
        MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES,
    )

    kind = config.get("model_type")
    return kind in MODEL_FOR_CTC_MAPPING_NAMES or kind in MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES


def is_ctc(config: Any) -> bool:
    """Tell whether a loaded config is of a CTC model: by its architecture, or where it names none by its type."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CTC_MAPPING_NAMES

    named = getattr(config, "architectures", None)
    if named:
        return any(name.endswith("ForCTC") for name in named)
    return config.model_type in MODEL_FOR_CTC_MAPPING_NAMES
