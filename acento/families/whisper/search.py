"""Beam search and sampling for the Whisper architecture, by the steps of the greedy decoder.

The beam search is that of OpenAI's Whisper at patience 1 and without length penalty: the beams of a window are its
``beam_size`` likeliest unfinished texts, the search ends once as many have ended, and of these the one of the highest
sum of log probabilities a token wins, the end token in the sum and not in the count.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import torch
from torch import Tensor

from acento.families.whisper.decoder import DecoderState, GreedyDecoder
from acento.families.whisper.fallback import Attempt

_ROOM = 32
"""Positions by which the buffers of keys and values grow."""


class SearchDecoder(GreedyDecoder):
    """Writes tokens for a batch of encoded windows, and says how likely they are."""

    def __init__(
        self,
        model: Any,
        *,
        eos: int,
        suppress: Sequence[int],
        begin_suppress: Sequence[int],
        no_speech: int | None,
        start: int = 0,
    ) -> None:
        """See :meth:`GreedyDecoder.__init__`.

        ``no_speech`` is the token that says that nobody speaks, ``start`` the place of the start token in prompts.
        """
        super().__init__(model, eos=eos, suppress=suppress, begin_suppress=begin_suppress)
        self._no_speech, self._start = no_speech, start

    @torch.inference_mode()
    def search(self, encoded: Tensor, prompts: Tensor, beam_size: int, most: int) -> list[Attempt]:
        """Return the likeliest text of each row that a beam search finds; with one beam it is the greedy one.

        Args:
            encoded: encoder output, shape ``(batch, frames, d_model)``.
            prompts: token ids, shape ``(batch, prompt)``; the same length for each row.
            beam_size: texts that are followed at a time.
            most: the most tokens of a text.
        """
        state = _Beams(self, encoded, prompts.shape[1])
        logits = self._forward(prompts, state)
        silent = self._silence(logits[:, self._start])
        searches = [_Search(beam_size) for _ in silent]
        open_ = list(range(len(searches)))
        never = self._never_first
        logits = logits[:, -1]
        for count in range(1, most + 1):
            likely, tokens = logits.masked_fill(never, float("-inf")).log_softmax(-1).topk(beam_size + 1)
            width = len(likely) // len(open_)
            rows = zip(likely.tolist(), tokens.tolist(), strict=True)
            for number in open_:
                searches[number].extend([next(rows) for _ in range(width)], self._eos)
            still = [place for place, number in enumerate(open_) if not searches[number].done]
            if not still or count == most:
                break
            parents = [place * width + beam for place in still for beam in searches[open_[place]].parents]
            if len(still) < len(open_):
                state.keep_windows(torch.tensor(still, device=encoded.device))
            open_ = [open_[place] for place in still]
            state.follow(torch.tensor(parents, device=encoded.device))
            last = [text[-1] for number in open_ for text in searches[number].texts]
            logits = self._forward(torch.tensor(last, device=encoded.device)[:, None], state)[:, -1]
            never = self._never
        return [one.best(heard) for one, heard in zip(searches, silent, strict=True)]

    @torch.inference_mode()
    def sample(
        self, encoded: Tensor, prompts: Tensor, temperature: float, seeds: Sequence[str], most: int
    ) -> list[Attempt]:
        """Return a text for each row, its tokens drawn by their probabilities at a temperature above 0.

        The draws of a row follow from its seed and the temperature alone. See :meth:`search` for the other arguments.
        """
        state = DecoderState(self, encoded, prompts.shape[1] + most)
        logits = self._forward(prompts, state)
        silent = self._silence(logits[:, self._start])
        draws = [Random(f"{seed} {temperature}") for seed in seeds]
        texts: list[list[int]] = [[] for _ in draws]
        sums, ended = [0.0] * len(draws), [False] * len(draws)
        open_, never = list(range(len(draws))), self._never_first
        logits = logits[:, -1]
        for count in range(1, most + 1):
            allowed = logits.masked_fill(never, float("-inf"))
            tokens = _drawn(allowed / temperature, [draws[row].random() for row in open_])
            gains = allowed.log_softmax(-1).gather(1, tokens[:, None])[:, 0].tolist()
            alive = []
            for place, (row, token, gain) in enumerate(zip(open_, tokens.tolist(), gains, strict=True)):
                sums[row] += gain
                ended[row] = token == self._eos
                if not ended[row]:
                    texts[row].append(token)
                    alive.append(place)
            if not alive or count == most:
                break
            if len(alive) < len(open_):
                keep = torch.tensor(alive, device=tokens.device)
                open_, tokens = [open_[place] for place in alive], tokens[keep]
                state.keep(keep)
            logits = self._forward(tokens[:, None], state)[:, -1]
            never = self._never
        return [Attempt(*one) for one in zip(texts, sums, silent, ended, strict=True)]

    def _silence(self, logits: Tensor) -> list[float]:
        """Return for each row how likely the token that says "no speech" is after the start."""
        if self._no_speech is None:
            return [0.0] * len(logits)
        likely: list[float] = logits.softmax(-1)[:, self._no_speech].tolist()
        return likely

    def _attend(self, attention: Any, normed: Tensor, keys: Tensor, values: Tensor, *, causal: bool) -> Tensor:
        """Return one attention's output; all beams of a window ask its audio together, so that it is held once."""
        if len(keys) == len(normed):
            return super()._attend(attention, normed, keys, values, causal=causal)
        together = normed.view(len(keys), -1, normed.shape[-1])
        return super()._attend(attention, together, keys, values, causal=False).view(normed.shape)


class _Beams(DecoderState):
    """Keys and values of a batch of windows, of each of which several texts are followed."""

    def __init__(self, decoder: GreedyDecoder, encoded: Tensor, length: int) -> None:
        super().__init__(decoder, encoded, length + _ROOM)

    def keep_windows(self, windows: Tensor) -> None:
        """Drop every other window; the rows of the texts are chosen by :meth:`follow`."""
        self.cross = [(keys[windows], values[windows]) for keys, values in self.cross]

    def follow(self, parents: Tensor) -> None:
        """Let each row be a copy of the row that its text goes on from."""
        written = self._own[..., : self.position, :].index_select(2, parents)
        if written.shape[2] != self._own.shape[2] or self.position == self._own.shape[-2]:
            shape = list(written.shape)
            shape[-2] += _ROOM
            self._own = written.new_zeros(shape)
        self._own[..., : self.position, :] = written


@dataclass(slots=True)
class _Search:
    """The texts of one window: those that are followed, and those that have ended."""

    size: int
    texts: list[tuple[int, ...]] = field(default_factory=lambda: [()])
    sums: list[float] = field(default_factory=lambda: [0.0])
    parents: list[int] = field(default_factory=list)
    """The row from which each of the texts went on."""
    finished: dict[tuple[int, ...], float] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        return len(self.finished) >= self.size

    def extend(self, rows: Sequence[tuple[list[float], list[int]]], eos: int) -> None:
        """Take the next tokens of each text: the likeliest go on; what ends above the last of these has ended."""
        found = sorted(self._candidates(rows), key=lambda one: -one[0])
        texts, self.texts, self.sums, self.parents = self.texts, [], [], []
        for total, parent, token in found:
            if token == eos:
                if not self.done:
                    self.finished[texts[parent]] = total
                continue
            self.texts.append((*texts[parent], token))
            self.sums.append(total)
            self.parents.append(parent)
            if len(self.texts) == self.size:
                return

    def best(self, no_speech: float) -> Attempt:
        """Return the winner; where too few have ended the likeliest of the others are candidates as they are."""
        rest = sorted(zip(self.texts, self.sums, strict=True), key=lambda one: -one[1])
        some = [(text, total, True) for text, total in self.finished.items()]
        some += [(text, total, False) for text, total in rest[: self.size - len(some)]]
        text, total, ended = max(some, key=lambda one: one[1] / max(len(one[0]), 1))
        return Attempt(list(text), total, no_speech, ended)

    def _candidates(self, rows: Sequence[tuple[list[float], list[int]]]) -> Iterator[tuple[float, int, int]]:
        for parent, (likely, tokens) in enumerate(rows):
            for gain, token in zip(likely, tokens, strict=True):
                yield self.sums[parent] + gain, parent, token


def _drawn(logits: Tensor, places: Sequence[float]) -> Tensor:
    """Return for each row the token whose share of the probability is at a place from 0 to 1; found on the host."""
    shares = logits.cpu().double().softmax(-1).cumsum(-1)
    wanted = torch.tensor(places, dtype=torch.float64)[:, None] * shares[:, -1:]
    found = torch.searchsorted(shares, wanted, right=True)[:, 0].clamp(max=logits.shape[-1] - 1)
    return found.to(logits.device)
