"""Greedy decoding for the Whisper architecture: the same sums as transformers', without its bookkeeping each step.

Keys and values live in buffers allocated once for a batch, cross-attention's are computed once, and a row that has
ended leaves the batch, so that a short clip does not pay for the longest one beside it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_KEEP = 0.75
"""The batch is made smaller once at most this share of its rows is still being written."""

Look = Callable[[int, Tensor, Tensor], None]
"""Is told of a layer's number, the queries of its cross-attention and the keys, ``(batch, heads, n, width)`` each."""


class GreedyDecoder:
    """Writes tokens for a batch of encoded windows, always taking the likeliest next one."""

    def __init__(self, model: Any, *, eos: int, suppress: Sequence[int], begin_suppress: Sequence[int]) -> None:
        """Wrap the decoder of a ``WhisperForConditionalGeneration`` in evaluation mode.

        Args:
            model: the transformers model; its own modules are called, so adapters on them keep working.
            eos: the token that ends a text.
            suppress: tokens that are never written.
            begin_suppress: tokens that are not written first.
        """
        self._decoder = model.model.decoder
        self._head: nn.Module = model.proj_out
        self.layers: list[Any] = list(self._decoder.layers)
        attention = self.layers[0].self_attn
        self._heads: int = attention.num_heads
        self._width: int = attention.head_dim
        self._scaling: float = attention.scaling
        self._eos = eos
        self.max_length: int = model.config.max_target_positions
        # the head of a model in int8 has no weight to be asked
        vocabulary, device = model.config.vocab_size, self._decoder.embed_tokens.weight.device
        # one query a row: on a CPU two products of matrices are a fifth faster than fused attention
        self._by_hand = device.type == "cpu"
        self._never = _mask(suppress, vocabulary, device)
        self._never_first = self._never | _mask(begin_suppress, vocabulary, device)

    @torch.inference_mode()
    def __call__(self, encoded: Tensor, prompts: Tensor, max_new_tokens: int | None = None) -> list[list[int]]:
        """Return the token ids written for each row after its prompt, without the end token.

        Args:
            encoded: encoder output, shape ``(batch, frames, d_model)``.
            prompts: token ids, shape ``(batch, prompt)``; the same length for each row.
            max_new_tokens: stop there; default: what the model's positions allow.
        """
        batch, length = prompts.shape
        limit = self.max_length if max_new_tokens is None else min(self.max_length, length + max_new_tokens)
        state = DecoderState(self, encoded, limit)
        logits = self._forward(prompts, state)[:, -1]
        token = logits.masked_fill(self._never_first, float("-inf")).argmax(-1)
        written: list[list[int]] = [[] for _ in range(batch)]
        rows = list(range(batch))
        while True:
            values = token.tolist()
            alive = [index for index, value in enumerate(values) if value != self._eos]
            for index in alive:
                written[rows[index]].append(values[index])
            if not alive or state.position + 1 >= limit:
                return written
            riding = sorted(set(range(len(rows))) - set(alive))
            if len(alive) <= _KEEP * len(rows):
                keep = torch.tensor(alive, device=token.device)
                rows, riding, token = [rows[index] for index in alive], [], token[keep]
                state.keep(keep)
            logits = self._forward(token[:, None], state)[:, -1]
            token = logits.masked_fill(self._never, float("-inf")).argmax(-1)
            token[riding] = self._eos  # a row that has ended stays ended, whatever it would write next

    @torch.inference_mode()
    def next_logits(self, encoded: Tensor, prompts: Tensor) -> Tensor:
        """Return the logits of what follows each row's prompt, float32, shape ``(batch, vocabulary)``."""
        return self._forward(prompts, DecoderState(self, encoded, prompts.shape[1]))[:, -1]

    def _forward(self, tokens: Tensor, state: "DecoderState") -> Tensor:
        """Append tokens, shape ``(batch, n)``, to the state; return logits, shape ``(batch, n, vocabulary)``."""
        return self._logits(self._hidden(tokens, state))

    def _logits(self, hidden: Tensor) -> Tensor:
        return _linear(self._head, _norm(self._decoder.layer_norm, hidden)).float()

    def _hidden(self, tokens: Tensor, state: "DecoderState", look: Look | None = None) -> Tensor:
        """Append tokens to the state; return what the last layer makes of them, shape ``(batch, n, d_model)``."""
        decoder, start, count = self._decoder, state.position, tokens.shape[1]
        positions = decoder.embed_positions.weight[start : start + count]
        hidden = decoder.embed_tokens(tokens) + positions
        state.position = start + count
        for index, layer in enumerate(self.layers):
            normed = _norm(layer.self_attn_layer_norm, hidden)
            keys, values = state.append(index, normed, layer.self_attn, start)
            hidden = hidden + self._attend(layer.self_attn, normed, keys, values, causal=count > 1)
            normed = _norm(layer.encoder_attn_layer_norm, hidden)
            keys, values = state.cross[index]
            if look is not None:
                look(index, self._queries(layer.encoder_attn, normed), keys)
            hidden = hidden + self._attend(layer.encoder_attn, normed, keys, values, causal=False)
            normed = _norm(layer.final_layer_norm, hidden)
            hidden = hidden + _linear(layer.fc2, layer.activation_fn(_linear(layer.fc1, normed)))
        return hidden

    def _queries(self, attention: Any, normed: Tensor) -> Tensor:
        return self.split(_linear(attention.q_proj, normed) * self._scaling)

    def _attend(self, attention: Any, normed: Tensor, keys: Tensor, values: Tensor, *, causal: bool) -> Tensor:
        """Return one attention's output, shape as ``normed``."""
        queries = self._queries(attention, normed)
        if self._by_hand and queries.shape[2] == 1:
            rows, positions = queries.shape[:2], keys.shape[2]
            weights = torch.bmm(queries.flatten(0, 1), keys.flatten(0, 1).transpose(1, 2)).softmax(-1)
            mixed = torch.bmm(weights, values.reshape(-1, positions, self._width)).unflatten(0, rows)
        else:
            mixed = functional.scaled_dot_product_attention(queries, keys, values, is_causal=causal, scale=1.0)
        return _linear(attention.out_proj, mixed.transpose(1, 2).flatten(2))

    def split(self, projected: Tensor) -> Tensor:
        """Reshape ``(batch, n, d_model)`` to ``(batch, heads, n, width)``."""
        return projected.unflatten(-1, (self._heads, self._width)).transpose(1, 2)


class DecoderState:
    """Keys and values of a batch while it is written."""

    def __init__(self, decoder: GreedyDecoder, encoded: Tensor, limit: int) -> None:
        self.position = 0
        self._decoder = decoder
        self.cross = []
        for layer in decoder.layers:
            attention = layer.encoder_attn
            self.cross.append(
                (
                    decoder.split(attention.k_proj(encoded)).contiguous(),
                    decoder.split(attention.v_proj(encoded)).contiguous(),
                )
            )
        batch, heads, _, width = self.cross[0][0].shape
        shape = (len(decoder.layers), 2, batch, heads, limit, width)
        self._own = encoded.new_zeros(shape)

    def append(self, index: int, normed: Tensor, attention: Any, start: int) -> tuple[Tensor, Tensor]:
        """Add keys and values of new tokens to a layer's buffer; return all so far."""
        end = start + normed.shape[1]
        own = self._own[index]
        own[0, :, :, start:end] = self._decoder.split(_linear(attention.k_proj, normed))
        own[1, :, :, start:end] = self._decoder.split(_linear(attention.v_proj, normed))
        return own[0, :, :, :end], own[1, :, :, :end]

    def keep(self, rows: Tensor) -> None:
        """Drop every other row of the batch."""
        self.cross = [(keys[rows], values[rows]) for keys, values in self.cross]
        self._own = self._own[:, :, rows]


def _linear(module: nn.Module, inputs: Tensor) -> Tensor:
    """Apply a linear layer; a plain one without the ceremony of a module's call, which a short step would feel."""
    if type(module) is nn.Linear:
        return functional.linear(inputs, module.weight, module.bias)
    return module(inputs)


def _norm(module: nn.LayerNorm, inputs: Tensor) -> Tensor:
    """Apply a layer norm likewise."""
    return functional.layer_norm(inputs, module.normalized_shape, module.weight, module.bias, module.eps)


def _mask(tokens: Sequence[int], vocabulary: int, device: torch.device) -> Tensor:
    """Return a boolean mask, shape ``(vocabulary,)``, true for the tokens."""
    mask = torch.zeros(vocabulary, dtype=torch.bool, device=device)
    mask[[token for token in tokens if 0 <= token < vocabulary]] = True
    return mask
