"""The Whisper recognizer with beam search, or with second tries at higher temperatures, or with both."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from acento.families.whisper.fallback import Attempt, seed_of, with_fallback
from acento.families.whisper.generation import no_speech_token
from acento.families.whisper.recognizer import Heard, WhisperRecognizer, Written, written_tokens
from acento.families.whisper.search import SearchDecoder
from acento.models.base import Audio, DecodeOptions


class SearchingWhisper(WhisperRecognizer):
    """A loaded Whisper that looks for likelier texts than the greedy one."""

    _decoder: SearchDecoder

    def __init__(self, model: Any, extractor: Any, tokenizer: Any, options: DecodeOptions) -> None:
        """See :meth:`WhisperRecognizer.__init__`."""
        super().__init__(model, extractor, tokenizer, options)
        self._beam_size, self._temperatures = options.beam_size, options.temperatures
        self._likeliest = options.likeliest

    def prepare_in(self, windows: Sequence[Audio], context: int | None) -> Heard:
        """Return log-mel features in the model's dtype, and seeds."""
        features = self.log_mel(windows, context).to(self._model.dtype)
        return Heard(features, [len(window) for window in windows], [seed_of(window) for window in windows])

    def _make_decoder(self, model: Any) -> SearchDecoder:
        return SearchDecoder(
            model,
            **written_tokens(model.generation_config),
            no_speech=no_speech_token(self._tokenizer.get_vocab()),
            start=len(self._prompt.before),
        )

    def _texts(self, heard: Heard, encoded: Tensor, prompts: Tensor, most: int) -> list[Written]:
        def write(rows: Sequence[int], temperature: float) -> list[Attempt]:
            some = torch.tensor(rows, device=encoded.device)
            if temperature == 0:
                return self._decoder.search(encoded[some], prompts[some], self._beam_size, most)
            seeds = [heard.seeds[row] for row in rows]
            return self._decoder.sample(encoded[some], prompts[some], temperature, seeds, most)

        rows = range(len(encoded))
        if self._temperatures:
            short = heard.features.shape[-1] < self._frames
            found = with_fallback(
                write, self._text, self._temperatures, len(rows), short=short, likeliest=self._likeliest
            )
        else:
            found = write(rows, 0.0)
        return [Written(one.ids, one.ended) for one in found]
