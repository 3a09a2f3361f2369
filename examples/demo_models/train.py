"""The training loop of the shipped models: what is written by a decoder and by a CTC head is learned together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from examples.demo_models.corpus import Clip, batches
from examples.demo_models.family import Learner
from examples.demo_models.recipe import Phase

Report = Callable[[int, float, float], None]


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


def train(learner: Learner, clips: Sequence[Clip], phase: Phase, batch: int, seed: int, report: Report) -> None:
    """Train in place on CPU for one phase; `report(step, loss, CTC loss)` after every step.

    Where the phase says so and there is a decoder, the text is learned twice: by the decoder, and by a CTC head on
    the encoder that is thrown away afterwards, because with it the decoder finds out where to look several times
    sooner (Watanabe et al. 2017).
    """
    import torch

    parameters = learner.parameters()
    optimizer = torch.optim.AdamW(parameters, lr=phase.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    generator = np.random.default_rng(seed)
    learner.model.train()
    order = batches(clips, batch, seed, short_first=int(phase.steps * phase.short_first))
    for step, chosen in zip(range(1, phase.steps + 1), order, strict=False):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, phase)
        attention, ctc = learner.losses([clips[i] for i in chosen], phase, step, generator)
        loss = (1 - phase.ctc) * attention + phase.ctc * ctc
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        report(step, float(attention.detach()), float(ctc.detach()))
    learner.model.eval()
