"""The Whisper family on CTranslate2: a checkpoint that was exported with its weights in 8 or 16 bits.

Features, prompt, suppressed tokens and texts are those of the transformers recognizer, so that the two differ in the
arithmetic of the model only.
"""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from acento.data.utterance import SAMPLE_RATE
from acento.families.whisper.recognizer import Prompt, Written, most_tokens
from acento.models.base import Audio, Recognizer, Transcript
from acento.models.log_mel import LogMel
from acento.models.windows import Fit

_UNLOADING_TRIES = 500
_FEW = 4
"""Tokens that a model writes to warm up."""


class CTranslate2Whisper(Recognizer):
    """A loaded Whisper; CTranslate2 hands the calls of several threads to workers that share its weights."""

    shareable = True

    def __init__(
        self,
        model: Any,
        source: dict[str, Any],
        extractor: Any,
        tokenizer: Any,
        generation: Any,
        prompt: Prompt,
        fit: Fit | None = None,
    ) -> None:
        """Take a CTranslate2 model, what its checkpoint says of itself, and how short its windows are."""
        self._features = LogMel(extractor, source["num_mel_bins"])
        self._frames: int = source["max_source_positions"] * 2
        self.window_s: float = self._frames * self._features.hop / SAMPLE_RATE
        self.fit = fit
        self._model, self._tokenizer, self._prompt = model, tokenizer, prompt
        self._suppress = list(generation.suppress_tokens or ())
        self._positions: int = source["max_target_positions"]

    def prepare(self, windows: Sequence[Audio]) -> Tensor:
        """Return log-mel features, float32, shape ``(batch, mel bins, frames)``, on the host."""
        return self.prepare_in(windows, None)

    def prepare_in(self, windows: Sequence[Audio], context: int | None) -> Tensor:
        """See :meth:`Recognizer.prepare_in`; CTranslate2 encodes features of any even length as they are."""
        return self._features(windows, self._frames if context is None else context // self._features.hop)

    def infer(self, features: Tensor) -> list[Written]:
        """Return the tokens written for each window."""
        return self._decode(features)

    def finish(self, tokens: list[Written]) -> list[Transcript]:
        """See :meth:`Recognizer.finish`."""
        return [Transcript(self._text(one.ids), one.ended) for one in tokens]

    def warm_up(self, batch_size: int) -> None:
        """See :meth:`Recognizer.warm_up`: a batch of soft noise, a few tokens long."""
        noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32) * 1e-3
        count = batch_size if self._model.device != "cpu" else 1
        windows = [noise] * count
        self._decode(self.prepare_in(windows, self.context(windows)), _FEW)

    def synchronize(self) -> None:
        """See :meth:`Recognizer.synchronize`: tokens are in host memory when CTranslate2 returns."""

    def is_out_of_memory(self, error: BaseException) -> bool:
        """See :meth:`Recognizer.is_out_of_memory`; CTranslate2 says it in a plain RuntimeError."""
        if isinstance(error, MemoryError):
            return True
        return isinstance(error, RuntimeError) and any(words in str(error) for words in ("out of memory", "bad_alloc"))

    def close(self) -> None:
        """See :meth:`Recognizer.close`; a worker that has just answered may hold the model for a moment longer."""
        for _ in range(_UNLOADING_TRIES):
            self._model.unload_model()
            if not self._model.model_is_loaded:
                return
            time.sleep(0.01)

    def _decode(self, features: Tensor, max_new_tokens: int | None = None) -> list[Written]:
        """Write until the end token, or until there are so many tokens, or all that the window allows."""
        encoded = self._encode(features)
        prompt, languages = self._prompt, [self._prompt.language] * len(features)
        if prompt.language is None and prompt.languages:
            guesses = [ranked[0][0] for ranked in self._model.detect_language(encoded)]
            languages = [self._tokenizer.convert_tokens_to_ids(guess) for guess in guesses]
        prompts = [prompt.ids(language) for language in languages]
        most = most_tokens(self._positions - len(prompts[0]), features.shape[-1], self._frames)
        if max_new_tokens is not None:
            most = min(most, max_new_tokens)
        return self._texts(encoded, features, prompts, most)

    def _encode(self, features: Tensor) -> Any:
        import ctranslate2

        return self._model.encode(ctranslate2.StorageView.from_array(features.contiguous().numpy()))

    def _texts(self, encoded: Any, features: Tensor, prompts: list[list[int]], most: int) -> list[Written]:  # noqa: ARG002
        """Return what is written for each row of at most so many tokens; always the likeliest next one."""
        texts = (list(one.sequences_ids[0]) for one in self._generate(encoded, prompts, most, beam_size=1))
        return [Written(ids, len(ids) < most) for ids in texts]

    def _generate(self, encoded: Any, prompts: list[list[int]], most: int, **search: Any) -> list[Any]:
        found: list[Any] = self._model.generate(
            encoded,
            prompts,
            # CTranslate2 writes half of this at most, as OpenAI's Whisper keeps the other half for a longer prompt
            max_length=2 * most,
            suppress_blank=True,
            suppress_tokens=self._suppress,
            **search,
        )
        return found

    def _text(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True)).strip()
