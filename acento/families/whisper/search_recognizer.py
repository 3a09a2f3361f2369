"""The Whisper recognizer with beam search, or with second tries at higher temperatures, or with both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from acento.families.whisper.fallback import Attempt, seed_of, with_fallback
from acento.families.whisper.generation import no_speech_token
from acento.families.whisper.recognizer import WhisperRecognizer, Written, written_tokens
from acento.families.whisper.search import SearchDecoder
from acento.models.base import Audio, DecodeOptions


@dataclass(frozen=True, slots=True)
class Heard:
    """What the model is given for a batch of windows."""

    features: Tensor
    seeds: list[str]
    """For each window what its draws follow from."""


class SearchingWhisper(WhisperRecognizer):
    """A loaded Whisper that looks for likelier texts than the greedy one."""

    _decoder: SearchDecoder

    def __init__(self, model: Any, extractor: Any, tokenizer: Any, options: DecodeOptions) -> None:
        """See :meth:`WhisperRecognizer.__init__`."""
        super().__init__(model, extractor, tokenizer, options)
        self._beam_size, self._temperatures = options.beam_size, options.temperatures

    def prepare_in(self, windows: Sequence[Audio], context: int | None) -> Heard:
        """Return log-mel features in the model's dtype, and seeds."""
        return Heard(super().prepare_in(windows, context), [seed_of(window) for window in windows])

    def spoken_languages(self, features: Heard) -> list[dict[str, float]] | None:
        """See :meth:`Recognizer.spoken_languages`."""
        return super().spoken_languages(features.features)

    def _make_decoder(self, model: Any) -> SearchDecoder:
        return SearchDecoder(
            model,
            **written_tokens(model.generation_config),
            no_speech=no_speech_token(self._tokenizer.get_vocab()),
        )

    def _write(self, features: Heard, max_new_tokens: int | None = None) -> list[Written]:
        encoded = self._encode(features.features)
        prompts = self._prompts(encoded)
        most = self._most(features.features, prompts, max_new_tokens)

        def write(rows: Sequence[int], temperature: float) -> list[Attempt]:
            some = torch.tensor(rows, device=encoded.device)
            if temperature == 0:
                return self._decoder.search(encoded[some], prompts[some], self._beam_size, most)
            seeds = [features.seeds[row] for row in rows]
            return self._decoder.sample(encoded[some], prompts[some], temperature, seeds, most)

        rows = range(len(encoded))
        if self._temperatures:
            short = features.features.shape[-1] < self._frames
            found = with_fallback(write, self._text, self._temperatures, len(rows), short=short)
        else:
            found = write(rows, 0.0)
        return [Written(one.ids, one.ended) for one in found]
