"""Executes a fine-tuning job: from its last checkpoint, or from the base model, to weights that are worth a version."""

import logging
import math
from collections.abc import Callable
from time import monotonic

import torch

from acento.core.callbacks import NO_CALLBACKS, Callbacks
from acento.core.errors import DamagedError
from acento.core.store import Store
from acento.core.store.coordination import Lease
from acento.models.checkpoints.resolver import resolve
from acento.models.trainable import Trainable
from acento.training.data.feed import Feed
from acento.training.data.prepared import Prepared
from acento.training.data.sampling import Batches, weights_for
from acento.training.job import FinetuneJob, FinetuneResult, state
from acento.training.loading import load_trainable
from acento.training.loop.checkpoints import Checkpoints
from acento.training.loop.history import FILE as HISTORY
from acento.training.loop.history import write_history
from acento.training.loop.loop import Hooks, Loop, Stopped, Why
from acento.training.loop.memory import plan_passes
from acento.training.loop.optimizer import make_optimizer
from acento.training.loop.schedule import total_steps
from acento.training.loop.state import TrainingState
from acento.training.loop.step import autocast
from acento.training.loop.weights import Weights
from acento.training.measured import JobClips, Who, clips_of, hear

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
    """Train until the recipe ends it, and hand the best weights by dev WER to ``publish`` (where the job wants that).

    The job goes on from its last checkpoint if it has one, and does nothing if it is done. On a CPU, with the same
    threads, a training that was killed and one that never was end in bit-equal weights. On a GPU, whose sums have no
    fixed order, what is equal are the batches, and the best metric and patience that the checkpoint holds.

    Args:
        store: where data, checkpoints and models are.
        job: what :func:`plan_finetune` returned.
        publish: makes a model version of the weights that the model holds now, and returns the version's digits.
        minutes: after so many minutes of this call it ends with a checkpoint.
        callbacks: ``should_stop`` is called between steps and between batches of dev.

    Raises:
        ModelError: the base model cannot be loaded, or what the recipe asks for is not installed.
        DataError: no clip of dev has a word to score.
        TransientError: another process is training this job.
        StoreError: the store cannot be written; the last whole checkpoint is kept.
    """
    done = state(store, job)
    if done is not None:
        return done
    store.check_writable()
    deadline = math.inf if minutes is None else monotonic() + 60 * minutes
    with Lease(store, f"{job.key}/lease", f"{job.base.id} on {job.dataset} is being trained") as lease:
        done = state(store, job)  # whoever had the lease may have finished
        if done is not None:
            return done
        hooks = Hooks(callbacks, lease.check, deadline)
        return _train(store, job, publish, hooks)


def _train(store: Store, job: FinetuneJob, publish: Publish, hooks: Hooks) -> FinetuneResult:
    clips = clips_of(store, job)
    train, dev = clips.train, clips.dev
    trainable = _load(job)
    recipe = job.recipe
    batches = Batches(
        [1 if trainable.fills_window else example.samples for example in train.examples],
        recipe.batch_size * recipe.accumulate,
        recipe.seed,
        weights_for(train.examples, recipe.balance) if recipe.balance else None,
    )
    learned = trainable.learned()
    checkpoints = Checkpoints(store, job.key)
    where = checkpoints.latest() or TrainingState()
    smaller = _fit_into_memory(job, trainable, train, where)
    weights, optimizer = Weights(learned, recipe), make_optimizer(learned, recipe)
    if job.part is not None:
        try:
            _hear(store, job, "base", trainable, clips, hooks)  # before anything is restored
        except Stopped as stopped:
            total = total_steps(recipe, batches.steps_per_epoch)
            return _result(job, where, stopped.why, stopped.sentence, steps=total, done=False)
    if where.step or where.evaluated is not None:
        weights.restore(checkpoints.weights(where.step))
        checkpoints.restore_optimizer(where.step, optimizer)
    loop = Loop(
        trainable=trainable,
        feed=Feed(trainable, train, batches, recipe.augmentation, recipe.seed),
        dev=dev,
        recipe=recipe,
        steps_per_epoch=batches.steps_per_epoch,
        language=job.language,
        optimizer=optimizer,
        weights=weights,
        checkpoints=checkpoints,
        name=job.name,
        hooks=hooks,
    )
    why, sentence = loop.run(where)
    sentence = f"{sentence} {smaller}".rstrip()
    done = where.ended is not None or why == "diverged"
    result = _result(job, where, why, sentence, steps=loop.total, done=done)
    if where.ended is None:
        return result
    assert where.best_step is not None, "a training that ended has decoded dev after its last step"
    if (job.publish or job.part is not None) and where.best_step != where.step:
        weights.restore(checkpoints.weights(where.best_step))
    if job.part is not None:
        try:
            with weights.as_saved():
                _hear(store, job, "tuned", trainable, clips, hooks)
        except Stopped as stopped:
            return _result(job, where, stopped.why, stopped.sentence, steps=loop.total, done=False)
    if job.publish:
        version = publish(store, job, trainable, weights, where)
        result = result.model_copy(update={"version": version, "sentence": f"{sentence} {_outcome(result)}"})
    with store.publish(job.result_key) as draft:
        write_history(where.history, draft.folder / HISTORY)
        draft.info["result"] = result.model_dump(mode="json")
    if job.part is not None:
        checkpoints.clear()
    return result


def _fit_into_memory(job: FinetuneJob, trainable: Trainable, train: Prepared, where: TrainingState) -> str:
    """Make forward passes smaller where the whole batch would not fit, and return a sentence that says so.

    Raises:
        ModelError: not even one clip at a time fits.
    """
    if where.ended is not None or where.forward_size is not None:
        return ""
    device = job.options.device_type
    try:
        where.forward_size, sentence = plan_passes(
            trainable, train, job.recipe, autocast(job.recipe, device), device, job.title
        )
    except Exception as error:
        if not trainable.is_out_of_memory(error):
            raise
        trainable.release_memory()  # the first step makes its passes smaller
        return ""
    if sentence:
        _log.warning("%s", sentence)
    return sentence


def _result(
    job: FinetuneJob, where: TrainingState, why: Why, sentence: str, *, steps: int, done: bool
) -> FinetuneResult:
    """Return what an execution came to, without a version."""
    return FinetuneResult(
        key=job.key,
        name=job.name,
        done=done,
        why=why,
        sentence=sentence,
        step=where.step,
        steps=steps,
        best_step=where.best_step,
        dev_wer_before=where.base_wer,
        dev_wer=where.best_wer,
        version=None,
        cached=False,
    )


def _hear(store: Store, job: FinetuneJob, who: Who, trainable: Trainable, clips: JobClips, hooks: Hooks) -> None:
    """Decode the test clips of a part with the model as it is now.

    Raises:
        Stopped: somebody asked for the end, or time is up.
    """
    trainable.eval()
    hear(store, job, who, trainable.recognizer(), clips.test, hooks.check)


def _load(job: FinetuneJob) -> Trainable:
    """Load the base model, which must still be the one that was planned."""
    torch.set_num_threads(job.options.threads)
    checkpoint = resolve(job.base.id, job.base.revision)
    if checkpoint.digest != job.base.digest:
        raise DamagedError(f"Model {job.base.id} has changed since the training was planned; start it again.")
    return load_trainable(checkpoint.family, checkpoint.folder, job.language, job.recipe, job.options.device_type)


def _outcome(result: FinetuneResult) -> str:
    """Say what training did to dev WER."""
    before, after = result.dev_wer_before, result.dev_wer
    if before is None or after is None:
        return ""
    if after < before:
        return f"Dev WER went from {before:.1%} to {after:.1%} (step {result.best_step})."
    return (
        f"Nothing was better on dev than the base model's {before:.1%}: the best, {after:.1%} at step "
        f"{result.best_step}, is published all the same, and a gate will not promote it on these numbers."
    )
