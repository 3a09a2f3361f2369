"""Models of any type that transformers' auto classes load, decoded as transformers does it: ``generate``, or argmax.

Nothing is known of such a model but transformers' own interface, so each clip passes it alone: no padding can matter.
Code that a model brings (``auto_map`` in its config) is run only where the model is trusted by name.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoModelForCTC,
    AutoModelForSpeechSeq2Seq,
    AutoProcessor,
    AutoTokenizer,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CTC_MAPPING_NAMES

from acento.data.utterance import SAMPLE_RATE
from acento.families.ctc.recognizer import refuse_translation
from acento.families.ctc.tokenizer import CtcTokenizer, checked, collapsed
from acento.models.autoregressive import ClipFeatures, GreedyRecognizer
from acento.models.base import Audio, DecodeOptions, Recognizer
from acento.models.checkpoints.pretrained import TorchRecognizer, explained, load_part, load_pretrained
from acento.models.checkpoints.self_check import check_pretrained

WINDOW_S: Final = 30.0
_TITLE: Final = "Generic"
_RATE: Final = 15.0
"""The most tokens for each second of audio; a model that repeats itself without end is stopped there."""
_REQUEST: Final = "apply_transcription_request"
"""What the processors of speech models with a language model behind them make the prompt with."""
_SHORTEST_TEXT: Final = 16
"""Tokens that any clip may have."""
_SHORTEST: Final = SAMPLE_RATE // 10
"""Samples to which shorter audio of a CTC model is filled up; what its first layers need is not known."""


def load(folder: Path, options: DecodeOptions) -> Recognizer:
    """Load a checkpoint with its processor; see :meth:`Family.load`."""
    return _load("Generic", folder, options)


def load_own_code(folder: Path, options: DecodeOptions) -> Recognizer:
    """Load a CTC checkpoint, and run the code that lies beside it; see :meth:`Family.load`."""
    return _load("CTC", folder, options, trust_remote_code=True)


def _load(title: str, folder: Path, options: DecodeOptions, **settings: Any) -> Recognizer:
    refuse_translation(options)
    kinds = (AutoConfig, AutoFeatureExtractor, AutoTokenizer)
    parts = [load_part(title, partial(kind.from_pretrained, **settings), folder) for kind in kinds]
    config, extractor, tokenizer = parts
    names = getattr(config, "architectures", None) or []
    is_ctc = any(name.endswith("ForCTC") for name in names)
    if settings or is_ctc or (not names and config.model_type in MODEL_FOR_CTC_MAPPING_NAMES):
        model = load_pretrained(title, AutoModelForCTC, folder, options, attn_implementation=None, **settings)
        return ArgmaxRecognizer(model, extractor, checked(CtcTokenizer(tokenizer, config), folder))
    model = load_pretrained(title, AutoModelForSpeechSeq2Seq, folder, options, attn_implementation=None)
    check_pretrained(folder, len(tokenizer), tokenizer)
    processor = load_part(title, AutoProcessor.from_pretrained, folder)
    return GenerateRecognizer(model, extractor, tokenizer, getattr(processor, _REQUEST, None), options.language, folder)


class ArgmaxRecognizer(TorchRecognizer):
    """A loaded CTC model of any architecture."""

    window_s = WINDOW_S

    def __init__(self, model: Any, extractor: Any, tokenizer: CtcTokenizer) -> None:
        """Take a model that is on its device, in evaluation mode."""
        super().__init__(model, tokenizer)
        self._extractor = extractor

    def prepare(self, windows: Sequence[Audio]) -> list[Any]:
        """Return what the model's own feature extractor makes of each window, on the host."""
        filled = (np.pad(window, (0, max(0, _SHORTEST - len(window)))) for window in windows)
        return [self._extractor(window, sampling_rate=SAMPLE_RATE, return_tensors="pt") for window in filled]

    @torch.inference_mode()
    def infer(self, features: list[Any]) -> list[list[int]]:
        """Return the ids of each window's best path, collapsed."""
        paths = [self._model(**_on_device(self._model, one)).logits[0].argmax(dim=-1) for one in features]
        return [collapsed(path.tolist(), self._tokenizer.blank) for path in paths]

    def _text(self, ids: list[int]) -> str:
        return str(self._tokenizer.text(ids))


class GenerateRecognizer(GreedyRecognizer):
    """A loaded encoder-decoder, or speech model with a language model behind it."""

    window_s = WINDOW_S

    def __init__(
        self, model: Any, extractor: Any, tokenizer: Any, request: Any, language: str | None, folder: Path
    ) -> None:
        """Take a model that is on its device, in evaluation mode; ``request`` makes a prompt, where it needs one."""
        super().__init__(model, tokenizer)
        self._extractor, self._request, self._folder = extractor, request, folder
        self._language = {} if language is None else {"language": language}
        decoder = getattr(model.config, "decoder", model.config)
        places = [getattr(decoder, name, None) for name in ("max_target_positions", "max_position_embeddings")]
        self._longest = min((int(one) for one in places if one), default=None)

    def prepare(self, windows: Sequence[Audio]) -> ClipFeatures:
        """See :meth:`Recognizer.prepare`; what the model's own processor raises becomes a sentence."""
        with explained(_TITLE, self._folder):
            return super().prepare(windows)

    def values(self, window: Audio) -> Any:
        """Return the model's inputs: of a request to transcribe, where its processor knows one, or of audio alone."""
        if self._request is not None:
            return self._request(audio=window, **self._language)
        return self._extractor(window, sampling_rate=SAMPLE_RATE, return_tensors="pt")

    def limit(self, samples: int) -> int:
        """See :meth:`GreedyRecognizer.limit`."""
        return _SHORTEST_TEXT + ceil(_RATE * samples / SAMPLE_RATE)

    def write(self, values: Sequence[Any], limits: Sequence[int]) -> list[list[int]]:
        """See :meth:`GreedyRecognizer.write`."""
        found = []
        for one, most in zip(values, limits, strict=True):
            inputs = _on_device(self._model, one)
            prompt = inputs["input_ids"].shape[1] if "input_ids" in inputs else 0
            most = most if self._longest is None else max(1, min(most, self._longest - prompt - 1))
            written = self._model.generate(**inputs, max_new_tokens=most, do_sample=False, num_beams=1)
            found.append(written[0].tolist()[prompt:])
        return found

    def warm_up(self, batch_size: int) -> None:  # noqa: ARG002 - each clip passes alone
        """See :meth:`Recognizer.warm_up`; what the model raises becomes a sentence."""
        with explained(_TITLE, self._folder):
            super().warm_up(1)


def _on_device(model: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs on a model's device, numbers in its precision."""

    def moved(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        return value.to(model.device, model.dtype if value.is_floating_point() else value.dtype)

    return {name: moved(value) for name, value in inputs.items()}
