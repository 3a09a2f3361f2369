"""The training loop: one optimizer step after another, dev decoded now and then, a checkpoint before anything is lost.

What a step does depends on the weights, the optimizer's state and the step's number, and on nothing else: its clips,
its augmentation and its dropout are drawn from the seed and the number. So a resumed training goes the way that an
unbroken one goes; on a CPU, with the same threads, to the bit.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

from acento.core.callbacks import NO_CALLBACKS, Callbacks
from acento.core.progress import report
from acento.data.utterance import SAMPLE_RATE
from acento.models.trainable import Trainable
from acento.training.data.feed import Feed
from acento.training.loop.checkpoints import Checkpoints
from acento.training.loop.evaluate import evaluate
from acento.training.loop.history import dev_row
from acento.training.loop.schedule import evaluation_steps, total_steps
from acento.training.loop.state import TrainingState
from acento.training.loop.step import Diverged, Stepper
from acento.training.loop.weights import Weights
from acento.training.recipe import Recipe

if TYPE_CHECKING:
    from acento.training.data.prepared import Prepared

Why = Literal["finished", "early stopping", "time limit", "stopped", "diverged"]


def note(loss: float, state: TrainingState) -> str:
    """Say in a few words how a training goes.

    >>> note(0.4123, TrainingState(best_wer=0.179))
    'loss 0.412, dev WER 17.9 %'
    """
    wer = state.base_wer if state.best_wer is None else state.best_wer
    return f"loss {loss:.3f}" + ("" if wer is None else f", dev WER {100 * wer:.1f} %")


class Stopped(Exception):  # noqa: N818 - nothing went wrong
    """A training ends before its end."""

    def __init__(self, why: Why, sentence: str) -> None:
        """Keep the reason and the sentence."""
        super().__init__(sentence)
        self.why, self.sentence = why, sentence


@dataclass(frozen=True, slots=True)
class Hooks:
    """What watches over a training."""

    callbacks: Callbacks = NO_CALLBACKS
    alive: Callable[[], None] = lambda: None
    """Is called before each step, each batch of dev and after each checkpoint; what it raises ends the training."""
    deadline: float = math.inf
    """When time is up, by ``time.monotonic``, in seconds."""

    def check(self, when: str) -> None:
        """End the training if somebody asks for it or its time is up; ``when`` is the end of the sentence that says so.

        Raises:
            Stopped: it ends here.
        """
        self.alive()
        reason = self.callbacks.should_stop()
        if reason is not None:
            raise Stopped("stopped", f"Stopped {when} ({reason}).")
        if monotonic() >= self.deadline:
            raise Stopped("time limit", f"The time limit was reached {when}.")


@dataclass(slots=True)
class Loop:
    """A training from wherever its state is to its end."""

    trainable: Trainable
    feed: Feed
    dev: "Prepared"
    recipe: Recipe
    steps_per_epoch: int
    language: str | None
    optimizer: Any
    weights: Weights
    checkpoints: Checkpoints
    name: str
    hooks: Hooks = field(default_factory=Hooks)

    @property
    def total(self) -> int:
        """All optimizer steps, if nothing ends the training sooner."""
        return total_steps(self.recipe, self.steps_per_epoch)

    def run(self, state: TrainingState) -> tuple[Why, str]:
        """Train on, changing ``state``, and return why it ended, with a sentence; a checkpoint stands for all of it.

        Raises:
            StoreError: a checkpoint cannot be written; those before it are there.
        """
        try:
            self._train(state)
        except Stopped as stopped:
            if stopped.why != "diverged":
                self._save(state)
            return stopped.why, stopped.sentence
        self._save(state)
        if state.ended == "early stopping":
            return "early stopping", (
                f"Dev WER was no better than {state.best_wer:.1%} for {state.worse} evaluations in a row."
            )
        return "finished", f"All {self.total} steps are done."

    def _train(self, state: TrainingState) -> None:
        due = evaluation_steps(self.recipe, self.steps_per_epoch)
        stepper = Stepper(self.trainable, self.feed, self.recipe, self.optimizer, self.total, self.steps_per_epoch)
        self._evaluate_if(state, due)
        if self._ends(state):
            return
        if state.step == 0:
            self._save(state)
        self.trainable.train()
        clips_ahead = self.feed.steps(state.step, self.total)
        try:
            for clips in clips_ahead:
                self.hooks.check(f"after {state.step} of {self.total} steps")
                try:
                    row = stepper(clips, state)
                except Diverged as diverged:
                    raise Stopped("diverged", self._diverged(state, diverged)) from None
                state.step += 1
                self.weights.after_step(state.step)
                state.history.append(row)
                self.hooks.callbacks.on_metrics(row)
                report(f"fine-tune {self.name}", state.step, self.total, "steps", note(row["loss"], state))
                evaluated = self._evaluate_if(state, due)
                if self._ends(state):
                    return
                if evaluated or state.step % self.recipe.checkpoint_every == 0:
                    self._save(state)
        finally:
            clips_ahead.close()  # type: ignore[attr-defined]

    def _evaluate_if(self, state: TrainingState, due: frozenset[int]) -> bool:
        """Decode dev if it is time to, and has not been done; tell whether it was."""
        if state.step not in due or state.evaluated == state.step:
            return False
        total = sum(example.samples for example in self.dev.examples) / SAMPLE_RATE
        done = 0.0

        def after_batch(seconds: float) -> None:
            nonlocal done
            done += seconds
            report("decode dev", done, total, "s")
            self.hooks.check(f"after {state.step} of {self.total} steps")

        self.trainable.eval()
        with self.weights.as_saved():
            score = evaluate(
                self.trainable.recognizer(),
                self.dev,
                normalizer=self.recipe.normalizer,
                batch_size=self.recipe.eval_batch_size,
                language=self.language,
                after_batch=after_batch,
            )
        self.trainable.train()
        row = dev_row(state.step, state.step / self.steps_per_epoch, score)
        state.heard(row)
        self.hooks.callbacks.on_metrics(row)
        return True

    def _ends(self, state: TrainingState) -> bool:
        """Note whether there is nothing left to train; tell so."""
        if state.evaluated == state.step:
            if state.step >= self.total:
                state.ended = "finished"
            elif state.worse >= self.recipe.patience:
                state.ended = "early stopping"
        return state.ended is not None

    def _save(self, state: TrainingState) -> None:
        self.checkpoints.save(state, self.weights.tensors(), self.optimizer)
        self.hooks.alive()

    def _diverged(self, state: TrainingState, diverged: "Diverged") -> str:
        kept = max((step for step in self.checkpoints.steps() if step <= state.step), default=None)
        return (
            f"{diverged} in step {state.step + 1} of {self.total}: training stopped and the checkpoint after step "
            f"{kept} is kept; lower learning_rate (now {self.recipe.learning_rate:g}) or raise warmup."
        )
