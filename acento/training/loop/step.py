"""The optimizer, and its steps: the gradients of all clips of a step, in one or many forward passes, applied."""

import logging
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import nn

from acento.core.errors import ModelError
from acento.core.extras import require
from acento.data.utterance import SAMPLE_RATE
from acento.models.trainable import States, Trainable, fitting
from acento.training.data.contexts import keeps_full
from acento.training.data.feed import Feed, StepClips
from acento.training.loop.ranks import Ranks
from acento.training.loop.schedule import rate_at
from acento.training.loop.state import Row, TrainingState
from acento.training.loop.teacher import Teacher
from acento.training.losses import distance
from acento.training.recipe import Recipe

_log = logging.getLogger(__name__)
SMALLER = "set activation_checkpointing, take strategy=lora or last-n, or optimizer=adamw-8bit, or a smaller model"
"""What lets a training take less memory."""


class Diverged(Exception):  # noqa: N818 - a finding, which the loop makes a sentence of
    """The loss or its gradients are no numbers any more; the weights were left as they were."""


class Stepper:
    """Makes optimizer steps."""

    def __init__(
        self,
        trainable: Trainable,
        feed: Feed,
        recipe: Recipe,
        optimizer: Any,
        total: int,
        steps_per_epoch: int,
        teacher: Teacher | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        """Take what learns, what it learns from, how, and who shares the steps.

        With a teacher it learns to be like that instead of to write labels.
        """
        self._teacher = teacher
        self._trainable, self._feed, self._recipe, self._optimizer = trainable, feed, recipe, optimizer
        self._total, self._steps_per_epoch = total, steps_per_epoch
        self._parameters = list(trainable.learned().values())
        self._device = self._parameters[0].device.type
        self._ranks = ranks or Ranks()

    def __call__(self, clips: StepClips, state: TrainingState) -> Row:
        """Make the step that follows ``state.step``; return its row of the history.

        ``loss`` is in nats for each token, ``grad_norm`` before clipping, ``seconds`` are wall time. Where memory made
        forward passes smaller, ``forward_size`` says how many clips they have. In fitted windows ``context_s`` is how
        long the step's was; in steps that also keep the full window ``keep_loss`` is how far its states were from the
        fitted one's, for each clip and before its weight (see :func:`acento.training.losses.distance`), and
        ``keep_seconds`` is what that took. With a teacher ``loss`` is the divergence from what it would write, and
        ``state_loss`` how far the states at the fitted window were from its own.

        Raises:
            Diverged: the loss or a gradient is not finite.
            ModelError: not even one clip fits into memory.
        """
        began = perf_counter()
        losses = self.gradients(clips, state)
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, self._recipe.max_grad_norm).item()
        for loss in (losses["loss"], losses.get("keep_loss", 0.0), losses.get("state_loss", 0.0)):
            if not math.isfinite(loss):
                raise Diverged(f"The loss became {loss}")
        if not math.isfinite(norm):
            raise Diverged(f"The gradients' norm became {norm}")
        rate = rate_at(clips.step, self._total, self._recipe)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        step = clips.step + 1
        row = {
            "step": step,
            "epoch": round(step / self._steps_per_epoch, 6),
            "learning_rate": rate,
            "grad_norm": norm,
            "seconds": round(perf_counter() - began, 6),
            **losses,
        }
        if clips.context is not None:
            row["context_s"] = clips.context / SAMPLE_RATE
        return row if state.forward_size is None else row | {"forward_size": state.forward_size}

    def gradients(self, clips: StepClips, state: TrainingState) -> Row:
        """Set the gradients of the mean loss over all tokens of the step; return ``loss``, and what was lost beside it.

        Each forward pass adds the gradients of its own tokens' sum, divided by the tokens of the whole step, so that
        how the clips are dealt out to passes, and to processes, does not matter. When memory runs out, of one process,
        the step is begun anew with passes of half as many clips, and so are all that follow.
        """
        while True:
            size = state.forward_size or self._recipe.batch_size
            lost = self._passes_if_they_fit(clips, size)
            (unfit,) = self._ranks.add([float(lost is None)])
            if lost is not None and not unfit:
                self._ranks.add_gradients(self._parameters)
                shared = [name for name in lost if name != "keep_seconds"]
                return lost | dict(zip(shared, self._ranks.add([lost[name] for name in shared]), strict=True))
            # outside the handler, so that the failed call's frames, and the memory they hold, are gone
            self._optimizer.zero_grad(set_to_none=True)
            self._trainable.release_memory()
            most = -(-len(clips.rows) // self._ranks.count)
            state.forward_size = -(-min(size, most) // 2)
            _log.warning("%d clips do not fit into memory; taking %d in a forward pass.", size, state.forward_size)

    def _passes_if_they_fit(self, clips: StepClips, size: int) -> Row | None:
        """Make the passes of this process; None where memory ran out."""
        try:
            return self._passes(clips, size)
        except Exception as error:
            if not self._trainable.is_out_of_memory(error):
                raise
            if size == 1:
                raise ModelError(f"Not even one clip at a time fits into memory; {SMALLER}.") from error
        return None

    def _passes(self, clips: StepClips, size: int) -> Row:
        shared = [self._ranks.rank] if self._ranks.count > 1 else []
        seed = np.random.SeedSequence([self._recipe.seed, clips.step, *shared]).generate_state(1, np.uint64)[0]
        torch.manual_seed(int(seed))  # dropout depends on the step alone
        self._optimizer.zero_grad(set_to_none=True)
        total: Any = 0.0
        kept: Any = 0.0
        strayed: Any = 0.0
        keeps, seconds = keeps_full(self._recipe, clips.step), 0.0
        own = self._ranks.share(len(clips.rows))
        for start in range(0, len(own), size):
            places = own[start : start + size]
            labels = [clips.labels[place] for place in places]
            targets = far = None
            with autocast(self._recipe, self._device):
                if self._teacher is not None:
                    states, targets = self._states(clips, places), self._teacher.states(clips, places)
                    loss, far = self._teacher.loss(fitting(self._trainable), states, targets), distance(states, targets)
                    strayed = strayed + far.detach()
                elif keeps:
                    states = self._states(clips, places)
                    loss = fitting(self._trainable).states_loss(states, labels, self._recipe.label_smoothing)
                else:
                    inputs, past_prefix = self._feed.inputs(clips, places)
                    loss, _ = self._trainable.loss(
                        inputs, labels, self._recipe.label_smoothing, past_prefix=past_prefix
                    )
            term = loss / clips.tokens
            (term if far is None else term + self._recipe.keep_weight * far / len(clips.rows)).backward()
            total = total + loss.detach()
            if keeps:
                began = perf_counter()
                kept = kept + self._keep_full(clips, places, targets or states.detached())
                seconds += perf_counter() - began
        row = {"loss": float(total) / clips.tokens}
        if self._teacher is not None:
            row["state_loss"] = float(strayed) / len(clips.rows)
        return row | ({"keep_loss": float(kept) / len(clips.rows), "keep_seconds": round(seconds, 6)} if keeps else {})

    def _keep_full(self, clips: StepClips, places: range, targets: States) -> Any:
        """Add the gradients that pull the states at the full window to those at the fitted one, or to the teacher's.

        Return how far they are, summed over the clips. The step's term is the mean over all its clips, times the
        recipe's weight.
        """
        with autocast(self._recipe, self._device):
            far = distance(self._states(clips, places, full_window=True), targets)
        (self._recipe.keep_weight * far / len(clips.rows)).backward()
        return far.detach()

    def _states(self, clips: StepClips, places: range, *, full_window: bool = False) -> States:
        inputs, past_prefix = self._feed.inputs(clips, places, full_window=full_window)
        labels, samples = [clips.labels[place] for place in places], [clips.samples[place] for place in places]
        return fitting(self._trainable).states(inputs, labels, samples, past_prefix=past_prefix)


def autocast(recipe: Recipe, device: str) -> AbstractContextManager[Any]:
    """Compute in bfloat16 where the recipe says so; weights, their gradients and the loss stay float32."""
    half = recipe.precision == "bfloat16"
    if recipe.precision == "auto":
        half = device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device, dtype=torch.bfloat16) if half else nullcontext()


def make_optimizer(learned: Mapping[str, nn.Parameter], recipe: Recipe) -> Any:
    """Return an optimizer whose decay pulls at matrices only.

    Raises:
        ModelError: the recipe asks for 8-bit states, and what keeps them is not installed.
    """
    parameters = list(learned.values())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if recipe.optimizer == "adamw-8bit":
        require("eight-bit", "optimizer=adamw-8bit")
        try:
            eight_bit = import_module("bitsandbytes.optim").AdamW8bit
        except ImportError as error:
            raise ModelError(
                f"optimizer=adamw-8bit needs bitsandbytes, which cannot be imported here ({error}): "
                "take optimizer=adamw."
            ) from error
        return eight_bit(groups, lr=recipe.learning_rate, betas=recipe.betas)
    # one kernel for all parameters; Apple's GPU has none
    fused = all(parameter.device.type in ("cpu", "cuda") for parameter in parameters)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=recipe.betas, fused=fused)
