"""Models of any type that transformers' auto classes load, decoded as transformers does it: ``generate``, or argmax.

Nothing is known of such a model but transformers' own interface, so each clip passes it alone: no padding can matter.
"""

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any, Final

import torch
from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoModelForCTC,
    AutoModelForSpeechSeq2Seq,
    AutoProcessor,
    AutoTokenizer,
)

from acento.core.errors import ModelError
from acento.data.utterance import SAMPLE_RATE
from acento.families.ctc.remote_code import OwnCodeRecognizer
from acento.families.ctc.tokenizer import CtcTokenizer, checked
from acento.families.generic.types import is_ctc
from acento.models.base import Audio, DecodeOptions, Recognizer, Transcript
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


def load(folder: Path, options: DecodeOptions) -> Recognizer:
    """Load a checkpoint with its processor.

    Raises:
        ModelError: a file is missing or damaged, the model is asked to translate, or transformers cannot give it audio
            alone.
    """
    if options.task != "transcribe":
        raise ModelError(f"Model {folder} is run by transformers' own generate, which is told no task: take a Whisper.")
    config = load_part(_TITLE, AutoConfig.from_pretrained, folder)
    extractor = load_part(_TITLE, AutoFeatureExtractor.from_pretrained, folder)
    tokenizer = load_part(_TITLE, AutoTokenizer.from_pretrained, folder)
    kind = AutoModelForCTC if is_ctc(config) else AutoModelForSpeechSeq2Seq
    model = load_pretrained(_TITLE, kind, folder, options, attn_implementation=None)
    if kind is AutoModelForCTC:
        return OwnCodeRecognizer(model, extractor, checked(CtcTokenizer(tokenizer, config), folder))
    check_pretrained(folder, len(tokenizer), tokenizer)
    processor = load_part(_TITLE, AutoProcessor.from_pretrained, folder)
    return GenerateRecognizer(model, extractor, tokenizer, getattr(processor, _REQUEST, None), options.language, folder)


class GenerateRecognizer(TorchRecognizer):
    """A loaded encoder-decoder, or speech model with a language model behind it."""

    window_s = WINDOW_S

    def __init__(
        self, model: Any, extractor: Any, tokenizer: Any, request: Any, language: str | None, folder: Path
    ) -> None:
        """Take a model that is on its device, in evaluation mode; ``request`` makes a prompt, where it needs one."""
        super().__init__(model, model.device)
        self._extractor, self._tokenizer, self._request = extractor, tokenizer, request
        self._told = {} if language is None else {"language": language}
        self._folder = folder
        decoder = getattr(model.config, "decoder", model.config)
        places = [getattr(decoder, name, None) for name in ("max_target_positions", "max_position_embeddings")]
        self._longest = min((int(one) for one in places if one), default=None)

    def prepare(self, windows: Sequence[Audio]) -> list[tuple[int, dict[str, Any]]]:
        """Return for each window the most tokens of its text, and what the model's own processor makes of it."""
        with explained(_TITLE, self._folder):
            return [(self._most_tokens(window), self._inputs(window)) for window in windows]

    @torch.inference_mode()
    def infer(self, features: list[tuple[int, dict[str, Any]]]) -> list[list[int]]:
        """Return the token ids that ``generate`` writes for each window, always taking the likeliest next one."""
        found = []
        for most, inputs in features:
            given = {name: self._moved(value) for name, value in inputs.items()}
            prompt = given["input_ids"].shape[1] if "input_ids" in given else 0
            most = most if self._longest is None else max(1, min(most, self._longest - prompt - 1))
            written = self._model.generate(**given, max_new_tokens=most, do_sample=False, num_beams=1)
            found.append(written[0].tolist()[prompt:])
        return found

    def finish(self, tokens: list[list[int]]) -> list[Transcript]:
        """See :meth:`Recognizer.finish`."""
        texts = self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [Transcript(text.strip()) for text in texts]

    def warm_up(self, batch_size: int) -> None:  # noqa: ARG002 - each clip passes alone
        """See :meth:`Recognizer.warm_up`: a second of soft noise."""
        noise = torch.randn(SAMPLE_RATE, generator=torch.Generator().manual_seed(0)).numpy() * 1e-3
        with explained(_TITLE, self._folder):
            self.infer(self.prepare([noise]))
        self.synchronize()

    def _inputs(self, window: Audio) -> dict[str, Any]:
        """Return the model's inputs: of a request to transcribe, where its processor knows one, or of audio alone."""
        if self._request is not None:
            return dict(self._request(audio=window, **self._told))
        return dict(self._extractor(window, sampling_rate=SAMPLE_RATE, return_tensors="pt"))

    def _most_tokens(self, window: Audio) -> int:
        return _SHORTEST_TEXT + ceil(_RATE * len(window) / SAMPLE_RATE)

    def _moved(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        return value.to(self._model.device, self._model.dtype if value.is_floating_point() else value.dtype)
