"""The training loop: one optimizer step after another, dev decoded now and then, a checkpoint before anything is lost.

What a step does depends on the weights, the optimizer's state and the step's number, and on nothing else: its clips,
its augmentation and its dropout are drawn from the seed and the number. So a resumed training goes the way that an
unbroken one goes; on a CPU, with the same threads, to the bit.
"""

from contextlib import closing

from acento.core.progress import report
from acento.models.trainable import Trainable, fitting
from acento.scoring.counting.headline import RATE_NAMES, headline_of
from acento.training.data.contexts import ALIKE, Contexts, batches_of
from acento.training.data.feed import Feed
from acento.training.job import FinetuneJob, Why
from acento.training.loop.checkpoints import Checkpoints, Weights
from acento.training.loop.evaluate import JobClips, evaluate
from acento.training.loop.ranks import Ranks
from acento.training.loop.schedule import evaluation_steps, total_steps
from acento.training.loop.state import Hooks, Stopped, TrainingState
from acento.training.loop.step import Diverged, Stepper, make_optimizer
from acento.training.loop.teacher import Teacher


def note(loss: float, state: TrainingState, rate: str = "WER") -> str:
    """Say in a few words how a training goes; ``rate`` is what dev is measured by.

    >>> note(0.4123, TrainingState(best_wer=0.179))
    'loss 0.412, dev WER 17.9 %'
    """
    wer = state.base_wer if state.best_wer is None else state.best_wer
    return f"loss {loss:.3f}" + ("" if wer is None else f", dev {rate} {100 * wer:.1f} %")


class Loop:
    """A training from wherever its state is to its end."""

    def __init__(
        self,
        job: FinetuneJob,
        trainable: Trainable,
        clips: JobClips,
        checkpoints: Checkpoints,
        hooks: Hooks,
        ranks: Ranks | None = None,
    ) -> None:
        """Take what learns, as the base model has it, what it learns from, and who shares the steps.

        Raises:
            ModelError: the recipe's optimizer is not installed.
        """
        recipe, examples, learned = job.recipe, clips.train.examples, trainable.learned()
        unit = None if trainable.fills_window else ALIKE if trainable.fits else 1
        batches = batches_of(recipe, examples, unit)
        self._job, self._recipe, self._trainable, self._dev = job, recipe, trainable, clips.dev
        self._checkpoints, self._hooks = checkpoints, hooks
        self._rate = RATE_NAMES[headline_of(job.normalizer)]
        self._steps_per_epoch = batches.steps_per_epoch
        self.total = total_steps(recipe, batches.steps_per_epoch)
        """All optimizer steps, if nothing ends the training sooner."""
        self.weights, self._optimizer = Weights(learned, recipe), make_optimizer(learned, recipe)
        contexts = Contexts.of(recipe, trainable.window_s)
        self._feed = Feed(trainable, clips.train, batches, recipe.augmentation, recipe.seed, contexts=contexts)
        teacher = Teacher(fitting(trainable), recipe) if recipe.objective == "distill" else None
        steps = self.total, batches.steps_per_epoch
        self._step = Stepper(trainable, self._feed, recipe, self._optimizer, *steps, teacher, ranks)

    def restore(self, state: TrainingState) -> None:
        """Set weights and optimizer to the checkpoint that a state is of; a training that has not begun has none."""
        if state.step or state.evaluated is not None:
            self.weights.restore(self._checkpoints.weights(state.step))
            self._checkpoints.restore_optimizer(state.step, self._optimizer)

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
                f"Dev {self._rate} was no better than {state.best_wer:.1%} for {state.worse} evaluations in a row."
            )
        return "finished", f"All {self.total} steps are done."

    def follow(self, state: TrainingState) -> None:
        """Share the steps after a state with rank 0, which decodes dev, writes the checkpoints, and ends it."""
        self._trainable.train()
        with closing(self._feed.steps(state.step, self.total)) as steps:  # type: ignore[type-var]
            for clips in steps:
                self._step(clips, state)
                state.step += 1

    def _train(self, state: TrainingState) -> None:
        due = evaluation_steps(self._recipe, self._steps_per_epoch)
        self._evaluate_if(state, due)
        if self._ends(state):
            return
        if state.step == 0:
            self._save(state)
        self._trainable.train()
        with closing(self._feed.steps(state.step, self.total)) as steps:  # type: ignore[type-var]
            for clips in steps:
                self._hooks.check(self._when(state))
                try:
                    row = self._step(clips, state)
                except Diverged as diverged:
                    kept = max((step for step in self._checkpoints.steps() if step <= state.step), default=None)
                    raise Stopped(
                        "diverged",
                        f"{diverged} in step {state.step + 1} of {self.total}: training stopped and the checkpoint "
                        f"after step {kept} is kept; lower learning_rate (now {self._recipe.learning_rate:g}) or raise "
                        "warmup.",
                    ) from None
                state.step += 1
                self.weights.after_step(state.step)
                state.history.append(row)
                self._hooks.callbacks.on_metrics(row)
                report(
                    f"fine-tune {self._job.name}", state.step, self.total, "steps", note(row["loss"], state, self._rate)
                )
                evaluated = self._evaluate_if(state, due)
                if self._ends(state):
                    return
                if evaluated or state.step % self._recipe.checkpoint_every == 0:
                    self._save(state)

    def _evaluate_if(self, state: TrainingState, due: frozenset[int]) -> bool:
        """Decode dev if it is time to, and has not been done; return whether it was."""
        if state.step not in due or state.evaluated == state.step:
            return False
        self._trainable.eval()
        with self.weights.as_saved():
            score = evaluate(
                # a teacher's texts are the references: the first rate says how far it strays from them in short windows
                self._trainable.recognizer(as_base=state.step == 0 and self._recipe.objective == "text"),
                self._dev,
                normalizer=self._recipe.normalizer,
                batch_size=self._recipe.eval_batch_size,
                language=self._job.language,
                after_batch=self._hooks.while_decoding(self._dev, "decode dev", self._when(state)),
            )
        self._trainable.train()
        row = {
            "step": state.step,
            "epoch": round(state.step / self._steps_per_epoch, 6),
            "dev_wer": score.wer,
            "dev_low": score.low,
            "dev_high": score.high,
            "runaways": score.runaways,
            "clips": score.clips,
            "failed": score.failed,
            "headline": score.headline,
            "normalizer": score.normalizer,
        }
        # who does in short windows what it does in full ones has nothing to learn
        state.record_evaluation(row, base_counts=self._recipe.objective == "distill")
        self._hooks.callbacks.on_metrics(row)
        return True

    def _ends(self, state: TrainingState) -> bool:
        """Set ``ended`` if there is nothing left to train; return whether that is so."""
        if state.evaluated == state.step:
            if state.step >= self.total:
                state.ended = "finished"
            elif state.worse >= self._recipe.patience:
                state.ended = "early stopping"
        return state.ended is not None

    def _when(self, state: TrainingState) -> str:
        return f"after {state.step} of {self.total} steps"

    def _save(self, state: TrainingState) -> None:
        self._checkpoints.save(state, self.weights.tensors(), self._optimizer)
        self._hooks.alive()
