"""When the words of an encoder-decoder of transformers were said: it reads what it wrote once more, and is watched."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from acento.models.timing.warping import Floats, likeness, warp
from acento.models.timing.words import Timed, Timing

Looks = list[tuple[Tensor, Tensor]]
"""For each layer the queries ``(clips, tokens, width)`` and the keys ``(clips, frames, width)`` of cross-attention."""


@torch.inference_mode()
def read_again(
    model: Any,
    texts: Sequence[Sequence[int]],
    *,
    attentions: Sequence[Any],
    prompt: Sequence[int],
    end: int,
    frames: Sequence[int],
    frame_s: float,
    offset_s: float = 0.0,
    **inputs: Any,
) -> list[Timed]:
    """Return texts with the times of their tokens, found by dynamic time warping of cross-attention.

    Nothing says which heads look at what is being written, so all of the upper half of the layers are taken, as
    OpenAI's Whisper does where it does not know.

    Args:
        model: an encoder-decoder of transformers, in evaluation mode, that no other thread uses.
        texts: the tokens that it wrote for each clip.
        attentions: the cross-attention of each of its decoder's layers, with projections ``q_proj`` and ``k_proj``.
        prompt: the tokens before each text.
        end: the token after it.
        frames: those of the encoder that each clip has.
        frame_s: seconds of a frame.
        offset_s: seconds by which the middle of what a frame hears is behind the frame's own.
        inputs: what else the model takes, such as ``encoder_outputs``.
    """
    skip = len(prompt) - 1
    rows = [[*prompt, *text] for text in texts]
    longest = max(map(len, rows))
    device = next(model.parameters()).device
    tokens = torch.tensor([row + [end] * (longest - len(row)) for row in rows], device=device)
    upper = attentions[len(attentions) // 2 :]
    with _watched(upper) as looks:
        logits = model(decoder_input_ids=tokens, use_cache=False, **inputs).logits
    found = []
    for number, (text, own) in enumerate(zip(texts, frames, strict=True)):
        length = len(rows[number])
        seen = [
            likeness(_attention(one, queries[number, :length], keys[number, :own]))
            for one, (queries, keys) in zip(upper, looks, strict=True)
        ]
        likely: Floats = np.sum(seen, axis=0)
        edges = [frame * frame_s + offset_s for frame in warp(-likely[skip:])]
        said = torch.tensor([*text, end], device=device)
        gains = logits[number, skip:length].float().log_softmax(-1).gather(1, said[:, None])[:, 0].tolist()
        timing = Timing(edges[:-1], edges[1:], gains[:-1], sum(gains) / len(gains))
        found.append(Timed(list(text), timing))
    return found


@contextmanager
def _watched(attentions: Sequence[Any]) -> Iterator[Looks]:
    """Note what each attention asks and is asked while the model runs."""
    seen: dict[tuple[int, str], Tensor] = {}
    looks: Looks = []
    hooks = [
        getattr(one, name).register_forward_hook(
            lambda _module, _inputs, made, place=(number, name): seen.__setitem__(place, made)
        )
        for number, one in enumerate(attentions)
        for name in ("q_proj", "k_proj")
    ]
    try:
        yield looks
    finally:
        for hook in hooks:
            hook.remove()
    looks += [(seen[number, "q_proj"], seen[number, "k_proj"]) for number in range(len(attentions))]


def _attention(attention: Any, queries: Tensor, keys: Tensor) -> Floats:
    """Return the probabilities of each head, shape ``(heads, tokens, frames)``."""
    asked, held = (one.unflatten(-1, (-1, attention.head_dim)).transpose(0, 1).float() for one in (queries, keys))
    held = held.repeat_interleave(len(asked) // len(held), dim=0)
    seen: Floats = (asked @ held.transpose(1, 2) * attention.scaling).softmax(-1).cpu().numpy()
    return np.ascontiguousarray(seen)
