"""Executes a fine-tuning job: from its last checkpoint, or from the base model, to weights that are worth a version."""

import logging
import math
from collections.abc import Callable
from dataclasses import replace
from time import monotonic

import torch

from acento.core.callbacks import NO_CALLBACKS, Callbacks
from acento.core.errors import DamagedError
from acento.core.store import Store
from acento.core.store.coordination import Lease
from acento.models.checkpoints.resolver import resolve
from acento.models.checkpoints.taught import resolve_fit
from acento.models.trainable import Trainable
from acento.scoring.counting.headline import RATE_NAMES, headline_of
from acento.training.data.contexts import fit_of
from acento.training.devices import Join, ranks_of, threads_of
from acento.training.job import FinetuneJob, FinetuneResult, Why, state
from acento.training.loop.checkpoints import Checkpoints, Weights
from acento.training.loop.evaluate import JobClips, Role, clips_of, decode_test
from acento.training.loop.loop import Loop
from acento.training.loop.memory import plan_passes
from acento.training.loop.ranks import Ranks
from acento.training.loop.state import HISTORY, Hooks, Stopped, TrainingState, write_history
from acento.training.planning import load_trainable

_log = logging.getLogger(__name__)
Publish = Callable[[Store, FinetuneJob, Trainable, Weights, TrainingState], str]


def train(
    store: Store,
    job: FinetuneJob,
    publish: Publish,
    *,
    minutes: float | None = None,
    callbacks: Callbacks = NO_CALLBACKS,
) -> FinetuneResult:
    """Train until the recipe ends it, and hand the weights that are best on dev to ``publish`` (if the job wants it).

    The job goes on from its last checkpoint if it has one, and does nothing if it is done. On a CPU, with the same
    threads, a training that was killed and one that never was end in bit-equal weights. On a GPU, whose sums have no
    fixed order, what is equal are the batches, and the best metric and patience that the checkpoint holds.

    Args:
        store: where data, checkpoints and models are.
        job: what :func:`plan_finetune` returned.
        publish: makes a model version of the weights that the model holds now, and returns the version's digits.
        minutes: so many minutes after the model is loaded it ends with a checkpoint.
        callbacks: ``should_stop`` is called between steps and between batches of dev.

    Raises:
        ModelError: the base model cannot be loaded, or what the recipe asks for is not installed.
        DataError: no clip of dev has a word to score.
        TransientError: another process is training this job, or one of several that share it was killed.
        StoreError: the store cannot be written; the last whole checkpoint is kept.
    """
    done = state(store, job)
    if done is not None:
        return done
    store.check_writable()
    with Lease(store, f"{job.key}/lease", f"{job.base.id} on {job.dataset} is being trained") as lease:
        done = state(store, job)  # whoever had the lease may have finished
        if done is not None:
            return done
        with ranks_of(store, job) as (ranks, join):
            return _train(store, job, publish, Hooks(callbacks, lease.check), minutes, ranks, join)


def _train(
    store: Store, job: FinetuneJob, publish: Publish, hooks: Hooks, minutes: float | None, ranks: Ranks, join: Join
) -> FinetuneResult:
    clips = clips_of(store, job)
    trainable = load_base(job, clips)
    checkpoints = Checkpoints(store, job.key)
    reached = checkpoints.latest() or TrainingState()
    smaller = ""
    if reached.ended is None and reached.forward_size is None:
        reached.forward_size, smaller = plan_passes(trainable, clips.train, job)
        if smaller:
            _log.warning("%s", smaller)
    # from here on, or a short limit would be spent on loading each time, and the training never get on
    hooks = replace(hooks, deadline=math.inf if minutes is None else monotonic() + 60 * minutes)
    loop = Loop(job, trainable, clips, checkpoints, hooks, ranks)

    def measure(role: Role) -> None:
        trainable.eval()
        decode_test(store, job, role, trainable.recognizer(as_base=role == "base"), clips.test, hooks)

    def result(why: Why, sentence: str, *, done: bool = False) -> FinetuneResult:
        return FinetuneResult(
            key=job.key,
            name=job.name,
            done=done,
            why=why,
            sentence=sentence,
            step=reached.step,
            steps=loop.total,
            best_step=reached.best_step,
            dev_wer_before=reached.base_wer,
            dev_wer=reached.best_wer,
            version=None,
            cached=False,
        )

    try:
        if job.part is not None:
            measure("base")  # before anything is restored
        loop.restore(reached)
        with join(reached):
            why, sentence = loop.run(reached)
        sentence = f"{sentence} {smaller}".rstrip()
        if reached.ended is None:
            return result(why, sentence, done=why == "diverged")
        assert reached.best_step is not None, "a training that ended has decoded dev after its last step"
        if (job.publish or job.part is not None) and reached.best_step != reached.step:
            loop.weights.restore(checkpoints.weights(reached.best_step))
        if job.part is not None:
            with loop.weights.as_saved():
                measure("tuned")
    except Stopped as stopped:
        return result(stopped.why, stopped.sentence)
    final = result(why, sentence, done=True)
    if job.recipe.objective == "distill" and not final.came_near:
        trainable.teaches = None  # no recognizer may take by itself windows that stray as far as the base's
    if job.publish:
        version = publish(store, job, trainable, loop.weights, reached)
        final = final.model_copy(update={"version": version, "sentence": f"{sentence} {_outcome(final, job)}"})
    with store.publish(job.result_key) as draft:
        write_history(reached.history, draft.folder / HISTORY)
        draft.info["result"] = final.model_dump(mode="json")
    if job.part is not None:
        checkpoints.clear()
    return final


def load_base(job: FinetuneJob, clips: JobClips) -> Trainable:
    """Load the base model, which must still be the one that was planned."""
    torch.set_num_threads(threads_of(job))
    checkpoint = resolve(job.base.id, job.base.revision)
    if checkpoint.digest != job.base.digest:
        raise DamagedError(f"Model {job.base.id} has changed since the training was planned; start it again.")
    trainable = load_trainable(checkpoint.family, checkpoint.folder, job.language, job.recipe, job.options.device_type)
    trainable.teaches = fit_of(job.recipe, clips.train.examples, trainable.window_s)
    trainable.was_taught = resolve_fit(checkpoint, "auto")
    return trainable


def _outcome(result: FinetuneResult, job: FinetuneJob) -> str:
    before, after = result.dev_wer_before, result.dev_wer
    if before is None or after is None:
        return ""
    rule = job.normalizer
    rate, where = RATE_NAMES[headline_of(rule)], f"(step {result.best_step}, normalizer {rule.identity})"
    if job.recipe.objective == "distill":
        told = f"On dev, short windows differ from full ones by a {rate} of {after:.1%} {where}; before, {before:.1%}."
        return told if result.came_near else f"{told} They came no nearer, so that the version is used with full ones."
    if result.improved:
        return f"Dev {rate} went from {before:.1%} to {after:.1%} {where}."
    return (
        f"Nothing was better on dev than the base model's {before:.1%}: the best, {after:.1%} at step "
        f"{result.best_step}, is published all the same, and a gate will not promote it on these numbers."
    )
