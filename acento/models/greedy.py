"""Greedy decoding by transformers' own ``generate``, with a bound of its own for each clip."""

from collections.abc import Sequence
from typing import Any

import torch


@torch.inference_mode()
def write(model: Any, limits: Sequence[int], **inputs: Any) -> list[list[int]]:
    """Return the token ids written for each row, without prompt and end token, always taking the likeliest next one.

    A row's text is the one that it would have alone: what the batch writes beyond a row's own limit is cut off.

    Args:
        model: an encoder-decoder of transformers, in evaluation mode.
        limits: the most tokens of each row; a model that repeats itself without end is stopped there.
        inputs: what ``generate`` takes; ``decoder_input_ids``, where it is given, of one length for all rows.
    """
    longest = max(limits)
    if longest < 1:
        return [[] for _ in limits]
    prompt = inputs["decoder_input_ids"].shape[1] if "decoder_input_ids" in inputs else 1
    generated = model.generate(**inputs, max_new_tokens=longest, do_sample=False, num_beams=1)
    ends = model.generation_config.eos_token_id
    ends = set(ends) if isinstance(ends, list) else {ends}
    written = []
    for row, limit in zip(generated[:, prompt:].tolist(), limits, strict=True):
        end = next((place for place, token in enumerate(row) if token in ends), len(row))
        written.append(row[: min(end, limit)])
    return written
