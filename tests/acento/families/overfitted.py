"""Models that know eight clips by heart: their texts are words, so that what changes a text shows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from eight_clips import LANGUAGE, TEXTS, eight_clips

from acento.models.base import Audio, Recognizer
from acento.models.checkpoints.resolver import resolve
from acento.training.loop.step import make_optimizer
from acento.training.planning import load_labeler, load_trainable
from acento.training.recipe import Recipe

_SURE = 0.1
"""Loss for each token below which a text does not change with the last digits of a sum."""


def overfit(
    folder: Path,
    out: Path,
    *,
    language: str | None = LANGUAGE,
    max_steps: int = 600,
    every: int = 10,
    **recipe: object,
) -> Path:
    """Let a checkpoint learn the eight clips until it writes each of their texts, then save it; return its path.

    Args:
        folder: the checkpoint to begin with; a folder, or the one file of a family that has archives.
        out: a folder to save into, made here.
        language: what the model is told.
        max_steps: steps after which it is given up.
        every: steps from one decoding to the next.
        recipe: values of the recipe, such as ``learning_rate=3e-3``.

    Raises:
        AssertionError: it has not learned them.
    """
    import torch

    chosen = Recipe.checked({"strategy": "full", "weight_decay": 0.0, **recipe})
    checkpoint = resolve(str(folder))
    labeler = load_labeler(checkpoint.family, checkpoint.folder, language)
    trainable = load_trainable(checkpoint.family, checkpoint.folder, language, chosen, "cpu")
    optimizer = make_optimizer(trainable.learned(), chosen)
    features, labels = trainable.features(eight_clips()), [labeler.labels(text) for text in TEXTS]
    heard: list[str] = []
    for step in range(1, max_steps + 1):
        trainable.train()
        optimizer.zero_grad()
        loss, tokens = trainable.loss(features, labels, 0.0)
        mean = loss / tokens
        mean.backward()
        torch.nn.utils.clip_grad_norm_(list(trainable.learned().values()), chosen.max_grad_norm)
        optimizer.step()
        if step % every == 0 and mean.item() < _SURE:
            trainable.eval()
            heard = texts(trainable.recognizer(), eight_clips())
            if heard == list(TEXTS):
                out.mkdir(parents=True)
                trainable.save(out)
                return out
    raise AssertionError(f"After {max_steps} steps the loss is {mean.item():.3f}, and it writes {heard}.")


def texts(recognizer: Recognizer, audio: Sequence[Audio]) -> list[str]:
    """Return what a recognizer writes for clips in one batch."""
    return [found.text for found in recognizer.finish(recognizer.infer(recognizer.prepare(audio)))]


def mixed(window_s: float | None) -> list[Audio]:
    """Return clips whose lengths differ as much as they may in one batch, none longer than the window.

    They are silence, the eight, 0.1 s of one, nothing, and up to 6 s of all.
    """
    first, *others = eight_clips()
    most = int(16000 * min(6.0, window_s or 6.0))
    longest = np.concatenate(eight_clips())[:most]
    return [np.zeros(16000, np.float32), first, longest, first[:1600], *others, np.zeros(0, np.float32)]
