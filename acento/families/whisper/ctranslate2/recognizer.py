"""The Whisper family on CTranslate2: a checkpoint that was exported with its weights in 8 or 16 bits.

Features, prompt, suppressed tokens and texts are those of the transformers recognizer, so that the two differ in the
arithmetic of the model only.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from acento.core.heap import give_back
from acento.data.utterance import SAMPLE_RATE
from acento.families.whisper.fallback import Attempt
from acento.families.whisper.prompt import Prompt
from acento.families.whisper.recognizer import Heard, Written, most_tokens, transcript_of
from acento.families.whisper.timing import POSITION_S, onset_s, positions_of
from acento.models.base import Audio, Recognizer, Transcript
from acento.models.log_mel import LogMel
from acento.models.timing.words import Timing
from acento.models.windows import Fit

_UNLOADING_TRIES = 500
_FEW = 4
"""Tokens that a model writes to warm up."""
_ADDED = 2
"""Tokens that CTranslate2 adds where it finds times: "no timestamps", and the end."""
_LEAST = 1e-30
"""Of a token's probability."""


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
        words: bool = False,
    ) -> None:
        """Take a CTranslate2 model, what its checkpoint says of itself, and how short its windows are.

        ``words``: it says when each word was said.
        """
        self._features = LogMel(extractor, source["num_mel_bins"])
        self._frames: int = source["max_source_positions"] * 2
        self.window_s: float = self._frames * self._features.hop / SAMPLE_RATE
        self.fit, self._words = fit, words
        self._model, self._tokenizer, self._prompt = model, tokenizer, prompt
        self._suppress = list(generation.suppress_tokens or ())
        self._positions: int = source["max_target_positions"]
        self._no_times: int | None = getattr(generation, "no_timestamps_token_id", None)
        self._codes: dict[int, str] = {}
        if prompt.languages:
            self._codes = {number: token.strip("<|>") for token, number in generation.lang_to_id.items()}

    def prepare(self, windows: Sequence[Audio]) -> Heard:
        """Return log-mel features, float32, shape ``(batch, mel bins, frames)``, on the host."""
        return self.prepare_in(windows, None)

    def prepare_in(self, windows: Sequence[Audio], context: int | None) -> Heard:
        """See :meth:`Recognizer.prepare_in`; CTranslate2 encodes features of any even length as they are."""
        frames = self._frames if context is None else context // self._features.hop
        return Heard(self._features(windows, frames), [len(window) for window in windows])

    def infer(self, features: Heard) -> list[Written]:
        """Return the tokens written for each window."""
        return self._decode(features)

    def finish(self, tokens: list[Written]) -> list[Transcript]:
        """See :meth:`Recognizer.finish`."""
        return [transcript_of(one, self._text(one.ids), self._tokenizer) for one in tokens]

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
                give_back()
                return
            time.sleep(0.01)

    def _decode(self, heard: Heard, max_new_tokens: int | None = None) -> list[Written]:
        """Write until the end token, or until there are so many tokens, or all that the window allows."""
        features = heard.features
        encoded = self._encode(features)
        prompt, languages = self._prompt, [self._prompt.language] * len(features)
        if prompt.language is None and prompt.languages:
            guesses = [ranked[0][0] for ranked in self._model.detect_language(encoded)]
            languages = [self._tokenizer.convert_tokens_to_ids(guess) for guess in guesses]
        prompts = [prompt.ids(language) for language in languages]
        most = most_tokens(self._positions - len(prompts[0]), features.shape[-1], self._frames)
        if max_new_tokens is not None:
            most = min(most, max_new_tokens)
        found = self._texts(encoded, features, prompts, most)
        codes = ["en" if language is None else self._codes[language] for language in languages]
        timings = self._timings(encoded, heard, languages, found) if self._words else [None] * len(found)
        rows = zip(found, codes, timings, strict=True)
        return [Written(one.ids, one.ended, code, timing) for one, code, timing in rows]

    def _encode(self, features: Tensor) -> Any:
        """Return the encoder's output; on a processor window by window, in a fraction of the memory of a batch."""
        if self._model.device != "cpu":
            return self._model.encode(_view(features.contiguous().numpy()))
        encoded = [np.array(self._model.encode(_view(one.contiguous().numpy()))) for one in features.split(1)]
        return _view(np.concatenate(encoded))

    def _rows(self, encoded: Any, features: Tensor, rows: Sequence[int]) -> Any:
        """Return the encoder's output for some rows of a batch, in their order."""
        if len(rows) == len(features):
            return encoded
        if self._model.device != "cpu":
            return self._encode(features[list(rows)])
        return _view(np.array(encoded)[list(rows)])

    def _texts(self, encoded: Any, features: Tensor, prompts: list[list[int]], most: int) -> list[Attempt]:  # noqa: ARG002
        """Return what is written for each row of at most so many tokens; always the likeliest next one."""
        return self._generate(encoded, prompts, most, scored=self._words, beam_size=1)

    def _generate(
        self, encoded: Any, prompts: list[list[int]], most: int, *, scored: bool = True, **search: Any
    ) -> list[Attempt]:
        """Return texts; how likely they are is not known where they are not scored."""
        found = self._model.generate(
            encoded,
            prompts,
            # CTranslate2 writes half of this at most, as OpenAI's Whisper keeps the other half for a longer prompt
            max_length=2 * most,
            suppress_blank=True,
            suppress_tokens=self._suppress,
            return_scores=scored,
            return_no_speech_prob=scored,
            **search,
        )
        return [_attempt(one, most) for one in found]

    def _timings(
        self, encoded: Any, heard: Heard, languages: Sequence[int | None], found: Sequence[Attempt]
    ) -> list[Timing]:
        """Return the times of each row's tokens, as CTranslate2 finds them: row by row, as prompts may differ."""
        positions = heard.features.shape[-1] // 2
        timings = [Timing((), (), (), one.mean_logprob, one.no_speech) for one in found]
        for language in dict.fromkeys(languages):
            rows = [row for row, own in enumerate(languages) if own == language and found[row].ids]
            if not rows:
                continue
            # it adds "no timestamps" itself
            opening = [token for token in self._prompt.opening(language) if token != self._no_times]
            aligned = self._model.align(
                self._rows(encoded, heard.features, rows),
                opening,
                # of a text without an end the last token has no place beside those that it adds
                [found[row].ids[: self._positions - len(opening) - _ADDED] for row in rows],
                [2 * positions_of(heard.samples[row], positions) for row in rows],
            )
            for row, one in zip(rows, aligned, strict=True):
                edges = _edges(one.alignments, len(found[row].ids))
                gains = [math.log(max(likely, _LEAST)) for likely in one.text_token_probs]
                gains += gains[-1:] * (len(found[row].ids) - len(gains))
                onset = onset_s(heard.features[row], positions_of(heard.samples[row], positions))
                timings[row] = replace(timings[row], starts=edges[:-1], ends=edges[1:], logprobs=gains, onset=onset)
        return timings

    def _text(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True)).strip()


def _view(array: Any) -> Any:
    """Return an array as CTranslate2 takes it."""
    import ctranslate2

    return ctranslate2.StorageView.from_array(array)


def _attempt(result: Any, most: int) -> Attempt:
    """Return what CTranslate2 found; its score is a mean that does not count the end token."""
    ids = list(result.sequences_ids[0])
    score = result.scores[0] if result.scores else 0.0
    return Attempt(ids, score * max(len(ids), 1), result.no_speech_prob, len(ids) < most)


def _edges(way: Sequence[tuple[int, int]], tokens: int) -> list[float]:
    """Return in seconds where each token begins, and where the last one ends, by steps of a warping.

    Of a single frame CTranslate2 may count one before the first. Tokens beyond the steps are at the end.
    """
    first = dict(reversed(way))
    return [max(0, first.get(row, way[-1][1])) * POSITION_S for row in range(tokens + 1)]
