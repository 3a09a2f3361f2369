"""When a Whisper's words were said: a second pass over what was written tells where the decoder looked meanwhile."""

from collections.abc import Sequence
from math import ceil
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from acento.data.words import Word
from acento.families.whisper.decoder import DecoderState, GreedyDecoder
from acento.models.timing.pieces import byte_letters, texts_of
from acento.models.timing.warping import Floats, attended_words, likeness, warp
from acento.models.timing.words import Timing

POSITION_S: Final = 0.02
"""Seconds of an encoder's position."""
SAMPLES: Final = 320
"""The same in samples."""
_ONSET: Final = 0.25
"""Share of a window's range of loudness above which there is sound."""


class TimingDecoder(GreedyDecoder):
    """Reads texts that were written, and says when each token was said and how likely it was."""

    def __init__(
        self, model: Any, *, eos: int, suppress: Sequence[int], begin_suppress: Sequence[int], no_speech: int | None
    ) -> None:
        """See :meth:`GreedyDecoder.__init__`; ``no_speech`` is the token that says that nobody speaks."""
        super().__init__(model, eos=eos, suppress=suppress, begin_suppress=begin_suppress)
        self._no_speech = no_speech
        self._looking = alignment_heads(model.generation_config, len(self.layers), self._heads)

    @torch.inference_mode()
    def read(
        self,
        encoded: Tensor,
        prompts: Sequence[Sequence[int]],
        texts: Sequence[Sequence[int]],
        ended: Sequence[bool],
        positions: Sequence[int],
    ) -> list[Timing]:
        """Return the times of each row's tokens, found by dynamic time warping of its cross-attention.

        Args:
            encoded: encoder output, shape ``(batch, positions, d_model)``.
            prompts: of one length; what was held to have been said before is not among them.
            texts: the tokens written behind the prompts.
            ended: whether the end token was written too.
            positions: those of the encoder that hear the row's audio; what comes behind is silence.
        """
        skip = len(prompts[0]) - 1
        rows = [[*prompt, *text] for prompt, text in zip(prompts, texts, strict=True)]
        longest = max(map(len, rows))
        tokens = torch.tensor([row + [self._eos] * (longest - len(row)) for row in rows], device=encoded.device)
        likely: list[Floats] = [np.zeros((len(row), own), np.float32) for row, own in zip(rows, positions, strict=True)]

        def look(layer: int, queries: Tensor, keys: Tensor) -> None:
            heads = self._looking.get(layer)
            if heads is None:
                return
            for row, found in enumerate(likely):
                length, own = found.shape
                seen = queries[row, heads, :length] @ keys[row, heads, :own].transpose(1, 2)
                found += likeness(seen.float().softmax(-1).cpu().numpy())

        state = DecoderState(self, encoded, longest)
        hidden = self._hidden(tokens, state, look)
        return [
            self._timing(hidden[row], skip, text, found, whole)
            for row, (text, found, whole) in enumerate(zip(texts, likely, ended, strict=True))
        ]

    def _timing(self, hidden: Tensor, skip: int, text: Sequence[int], likely: Floats, ended: bool) -> Timing:
        """Return the times of one text, its logits made here, as those of a whole batch would be gigabytes."""
        said = torch.tensor([*text, self._eos], device=hidden.device)
        logits = self._logits(hidden[None, skip : skip + len(said)])[0]
        logits[0].masked_fill_(self._never_first, float("-inf"))
        gains = logits.masked_fill(self._never, float("-inf")).log_softmax(-1).gather(1, said[:, None])[:, 0].tolist()
        no_speech = None
        if self._no_speech is not None:
            no_speech = float(self._logits(hidden[None, :1])[0, 0].softmax(-1)[self._no_speech])
        edges = [frame * POSITION_S for frame in warp(-likely[skip : skip + len(said)])]
        total = sum(gains) if ended else sum(gains[:-1])
        return Timing(edges[:-1], edges[1:], gains[:-1], total / len(gains), no_speech)


def alignment_heads(generation: Any, layers: int, heads: int) -> dict[int, list[int]]:
    """Return the heads of each layer that look at what is being written: the model's own, or the upper half of all."""
    named = getattr(generation, "alignment_heads", None) or ()
    found: dict[int, list[int]] = {}
    for layer, head in named:
        if 0 <= layer < layers and 0 <= head < heads:
            found.setdefault(layer, []).append(head)
    return found or {layer: list(range(heads)) for layer in range(layers // 2, layers)}


def positions_of(samples: int, most: int) -> int:
    """Return the encoder's positions that hear so many samples, at least one and at most those that there are.

    >>> positions_of(16_000, 1500), positions_of(0, 1500)
    (50, 1)
    """
    return min(max(1, ceil(samples / SAMPLES)), most)


def onset_s(features: Tensor, positions: int) -> float:
    """Return when sound begins in a window, as warping gives the silence before it to the first token.

    It begins a position before the first of two frames in a row that are louder than a quarter of the way from the
    softest tenth of the frames to the loudest tenth.

    Args:
        features: log-mel, shape ``(bins, frames)``.
        positions: those of the encoder that hear the audio.
    """
    levels = features[:, : 2 * positions].float().mean(dim=0)
    low, high = torch.quantile(levels, 0.1), torch.quantile(levels, 0.9)
    loud = levels > low + _ONSET * (high - low)
    first = (loud[:-1] & loud[1:]).nonzero()
    return max(0.0, (int(first[0]) // 2 - 1) * POSITION_S) if len(first) else 0.0


def words_in(ids: Sequence[int], timing: Timing, tokenizer: Any) -> tuple[Word, ...]:
    """Return the words of a Whisper's tokens."""
    tokens = byte_letters(tokenizer.convert_ids_to_tokens(list(ids)))
    pieces = texts_of(ids, tokens, lambda some: str(tokenizer.decode(some, skip_special_tokens=True)))
    return attended_words(pieces, timing)
