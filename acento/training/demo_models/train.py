"""The training loop of the shipped models: attention and CTC together, on windows no longer than they need be."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from acento.training.demo_models.corpus import Clip, batches, collate
from acento.training.demo_models.recipe import FRAMES, Phase

_FULL_WINDOWS: Final = 0.15  # share of batches padded to the whole window, and of the last steps, where all are
_IGNORED: Final = -100

Report = Callable[[int, float, float], None]


def encode(model: Any, features: Any) -> Any:
    """The encoder on a window that may be shorter than its own: (clips, frames / 2, width).

    `WhisperEncoder.forward` refuses such windows; positions being absolute, the first ones are all it takes.
    """
    import torch.nn.functional as functional

    encoder = model.model.encoder
    hidden = functional.gelu(encoder.conv1(features))
    hidden = functional.gelu(encoder.conv2(hidden)).permute(0, 2, 1)
    hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
    hidden = functional.dropout(hidden, p=encoder.dropout, training=encoder.training)
    for layer in encoder.layers:
        hidden = layer(hidden, None)
    return encoder.layer_norm(hidden)


def rate_at(step: int, phase: Phase) -> float:
    """The learning rate at a step of a phase.

    >>> phase = Phase(steps=100, learning_rate=1e-3, warmup=10)
    >>> rate_at(5, phase), rate_at(10, phase), rate_at(100, phase)
    (0.0005, 0.001, 0.0)
    """
    if step < phase.warmup:
        return phase.learning_rate * step / phase.warmup
    share = (step - phase.warmup) / max(1, phase.steps - phase.warmup)
    return phase.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


def train(
    model: Any, tokenizer: Any, clips: Sequence[Clip], phase: Phase, batch: int, seed: int, report: Report
) -> None:
    """Train in place on CPU for one phase; `report(step, loss, CTC loss)` after every step.

    Where the phase says so, the text is learned twice: by the decoder, and by a CTC head on the encoder that is
    thrown away afterwards, because with it the decoder finds out where to look several times sooner (Watanabe
    et al. 2017). The label's end token is learned; what pads the labels, although it has the same number, is not.
    """
    import torch
    import torch.nn.functional as functional

    blank = model.config.eos_token_id  # free: CTC never writes an end
    head = torch.nn.Linear(model.config.d_model, model.config.vocab_size)
    parameters = [p for p in (*model.parameters(), *head.parameters()) if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=phase.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    labels = [tokenizer.encode(clip.text) for clip in clips]
    prompt = len(tokenizer.prefix_tokens)
    letters = torch.tensor(sorted({token for row in labels for token in row[prompt:-1]}))
    generator = np.random.default_rng(seed)
    half = torch.cpu._is_avx512_bf16_supported()  # elsewhere bfloat16 is slower than float32
    model.train()
    order = batches(clips, batch, seed, short_first=int(phase.steps * phase.short_first))
    for step, chosen in zip(range(1, phase.steps + 1), order, strict=False):
        whole = generator.random() < _FULL_WINDOWS or step > phase.steps * (1 - _FULL_WINDOWS)
        window = FRAMES if whole else None
        features = torch.from_numpy(collate([clips[i] for i in chosen], window, generator, phase.altered))
        rows = [labels[i] for i in chosen]
        tokens = _padded(rows, blank)
        tokens[:, prompt:] = _disturbed(tokens[:, prompt:], letters, phase.replaced)
        targets = _padded([row[1:] for row in rows], _IGNORED)
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, phase)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            hidden = encode(model, features)
            decoded = model.model.decoder(
                input_ids=tokens[:, :-1], encoder_hidden_states=hidden, use_cache=False
            ).last_hidden_state
            logits = model.proj_out(decoded)
            frames = head(hidden) if phase.ctc else None
        attention = functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=_IGNORED)
        ctc = attention.new_zeros(()) if frames is None else _ctc(frames, [row[prompt:-1] for row in rows], blank)
        loss = (1 - phase.ctc) * attention + phase.ctc * ctc
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        report(step, float(attention.detach()), float(ctc.detach()))
    model.eval()


def _ctc(logits: Any, spoken: Sequence[Sequence[int]], blank: int) -> Any:
    import torch
    import torch.nn.functional as functional

    return functional.ctc_loss(
        functional.log_softmax(logits.float(), dim=-1).transpose(0, 1),
        torch.tensor([token for row in spoken for token in row]),
        torch.full((len(spoken),), logits.shape[1], dtype=torch.long),
        torch.tensor([len(row) for row in spoken]),
        blank=blank,
        zero_infinity=True,
    )


def _padded(rows: Sequence[Sequence[int]], filler: int) -> Any:
    import torch

    out = torch.full((len(rows), max(map(len, rows))), filler, dtype=torch.long)
    for line, row in zip(out, rows, strict=True):
        line[: len(row)] = torch.tensor(row)
    return out


def _disturbed(tokens: Any, letters: Any, share: float) -> Any:
    """Tokens of which a share are other letters."""
    import torch

    replaced = torch.rand(tokens.shape) < share
    return torch.where(replaced, letters[torch.randint(len(letters), tokens.shape)], tokens)
