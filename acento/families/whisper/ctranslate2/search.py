"""Whisper on CTranslate2 with its own beam search, or with second tries at higher temperatures, or with both.

Its beam search is close to OpenAI's: beams of the highest sum of log probabilities, patience 1, the winner by the sum a
token, the end token not counted. Its draws come from generators of its own, one in each of its threads, that cannot be
set for a clip: a text that failed at temperature 0 may be another when it is decoded again.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from acento.families.whisper.ctranslate2.recognizer import CTranslate2Whisper
from acento.families.whisper.fallback import Attempt, with_fallback
from acento.models.base import DecodeOptions

_SEED = 0
"""Of threads that begin to draw after the model is loaded."""


class SearchingCTranslate2(CTranslate2Whisper):
    """A loaded Whisper that looks for likelier texts than the greedy one."""

    def __init__(self, *loaded: Any, options: DecodeOptions) -> None:
        """See :meth:`CTranslate2Whisper.__init__`."""
        import ctranslate2

        super().__init__(*loaded)
        self._beam_size, self._temperatures = options.beam_size, options.temperatures
        self._likeliest = options.likeliest
        ctranslate2.set_random_seed(_SEED)

    def _texts(self, encoded: Any, features: Tensor, prompts: list[list[int]], most: int) -> list[Attempt]:
        def write(rows: Sequence[int], temperature: float) -> list[Attempt]:
            drawing = {"sampling_topk": 0, "sampling_temperature": temperature}
            search = {"beam_size": 1} | drawing if temperature > 0 else {"beam_size": self._beam_size}
            some = self._rows(encoded, features, rows)
            return self._generate(some, [prompts[row] for row in rows], most, **search)

        if self._temperatures:
            short = features.shape[-1] < self._frames
            return with_fallback(
                write, self._text, self._temperatures, len(prompts), short=short, likeliest=self._likeliest
            )
        return write(range(len(prompts)), 0.0)
