"""How much memory a training needs, estimated before its first step, and how large its forward passes may be.

What a backward pass needs is not guessed from the model's shape: one forward pass of the longest clip is made, and
what autograd keeps of it is counted. That holds for every family, strategy, window and precision.
docs/concepts/memory.md compares the estimate with what processes really took.
"""

import gc
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from humanize import naturalsize as size_text
from torch import Tensor

from acento.core.errors import ModelError
from acento.models.trainable import Trainable
from acento.scoring.table import counted
from acento.training.data.contexts import Contexts
from acento.training.data.feed import FEATURE_BYTES, PREFIX_BYTES
from acento.training.data.prepared import Prepared
from acento.training.job import FinetuneJob
from acento.training.loop.step import SMALLER, autocast
from acento.training.loop.teacher import teacher_bytes
from acento.training.recipe import Recipe

FACTOR = 1.5
"""Peak of a backward pass over what autograd keeps of the forward pass: gradients of activations, and work space."""
MARGIN = 0.1
"""The share of the free memory that is left to others when forward passes are made smaller."""
_GRADIENT, _ADAM, _ADAM_8BIT, _COPY = 4, 8, 2, 4
"""Bytes for each learned number."""
_CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat", "inactive_file"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat",
        "total_inactive_file",
    ),
)


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that a training takes beside its loaded model."""

    fixed: int
    """Gradients, the optimizer's state, and copies of the weights that learn."""
    clip: int
    """One clip of the longest kind in a forward pass, to the end of its backward pass."""

    def of(self, clips: int) -> int:
        """Return the bytes with so many clips in a forward pass."""
        return self.fixed + clips * self.clip


def need_of(trainable: Trainable, train: Prepared, recipe: Recipe, precision: AbstractContextManager[Any]) -> Need:
    """Return what a training takes beside its loaded model, which is not changed by it."""
    kept, inputs = kept_by_a_clip(trainable, train, recipe, precision)
    learned = sum(parameter.numel() for parameter in trainable.learned().values())
    each = _GRADIENT + (_ADAM_8BIT if recipe.optimizer == "adamw-8bit" else _ADAM)
    each += _COPY * (bool(recipe.average) + (recipe.interpolate < 1))
    fixed = learned * each
    if recipe.augmentation.is_off:
        most = PREFIX_BYTES if trainable.has_frozen_prefix and not trainable.fits else FEATURE_BYTES
        fixed += min(most, inputs * len(train.examples))  # what the feed keeps from one epoch to the next
    if recipe.objective == "distill":
        fixed += teacher_bytes(trainable, train.examples, recipe)
    return Need(fixed, round(FACTOR * kept))


def kept_by_a_clip(
    trainable: Trainable, train: Prepared, recipe: Recipe, precision: AbstractContextManager[Any]
) -> tuple[int, int]:
    """Return the bytes that autograd keeps of a forward pass of the longest clip with the most labels.

    In fitted windows that is in the longest context that the clip may get; in the whole window where some steps have a
    pass through that too. The second number is the bytes of the clip's input, as the feed keeps it.
    """
    longest = max(range(len(train.examples)), key=lambda row: train.examples[row].samples)
    labels = max((example.labels for example in train.examples), key=len)
    own = {parameter.untyped_storage().data_ptr() for parameter in trainable.model.parameters()}
    found: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    buffers = {name: buffer.clone() for name, buffer in trainable.model.named_buffers()}  # such as running means
    learning = trainable.model.training
    trainable.train()
    try:
        with precision:
            audio = train.audio(longest)
            features = trainable.features([audio])
            contexts = Contexts.of(recipe, trainable.window_s)
            context = None if contexts is None or recipe.keep_full else contexts.most(len(audio))
            inputs = trainable.in_context(features, context)
            if trainable.has_frozen_prefix:
                inputs = trainable.frozen_prefix(inputs)
            with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
                loss, _ = trainable.loss(inputs, [labels], 0.0, past_prefix=trainable.has_frozen_prefix)
        size = sum(tensor.nbytes for tensor in (features if trainable.fits else inputs))
        del loss, inputs
    finally:
        with torch.no_grad():
            for name, buffer in trainable.model.named_buffers():
                buffer.copy_(buffers[name])
        if not learning:
            trainable.eval()
        gc.collect()
    return sum(found.values()), size


def free_memory(device: str) -> int | None:
    """Return the bytes that a process can still take on a device; None where that is not known."""
    if device == "cuda":
        free, _ = torch.cuda.mem_get_info()
        return int(free) + torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
    if device != "cpu":
        return None
    import psutil

    here = int(psutil.virtual_memory().available)
    return min([here, *(left for left in map(_left_of_cgroup, _CGROUPS) if left is not None)])


def fitting_size(need: Need, free: int | None, recipe: Recipe, title: str) -> int | None:
    """Return how many clips a forward pass may have; None: as many as the recipe says.

    The gradients are those of the whole batch all the same, however it is dealt out to passes.

    Raises:
        ModelError: one clip alone cannot fit; the sentence says what would help.
    """
    if free is None or need.of(recipe.batch_size) <= (1 - MARGIN) * free:
        return None
    clips = recipe.batch_size
    while clips > 1 and need.of(clips) > (1 - MARGIN) * free:
        clips = -(-clips // 2)
    if clips == 1 and need.of(1) > free:
        raise ModelError(
            f"{title[:1].upper()}{title[1:]} needs about {size_text(need.of(1))} of memory beside the model with one "
            f"clip in a forward pass, and {size_text(free)} are free; {SMALLER}."
        )
    return clips


def plan_passes(trainable: Trainable, train: Prepared, job: FinetuneJob) -> tuple[int | None, str]:
    """Return how many clips a forward pass may have, None for as many as the recipe says, and a sentence if fewer.

    Raises:
        ModelError: one clip alone cannot fit.
    """
    recipe, device = job.recipe, job.options.device_type
    free = free_memory(device)
    if free is None:
        return None, ""
    try:
        need = need_of(trainable, train, recipe, autocast(recipe, device))
    except Exception as error:
        if not trainable.is_out_of_memory(error):
            raise
        trainable.release_memory()  # the first step makes its passes smaller
        return None, ""
    clips = fitting_size(need, free, recipe, job.title)
    if clips is None:
        return None, ""
    return clips, (
        f"A batch of {recipe.batch_size} clips needs about {size_text(need.of(recipe.batch_size))} of memory beside "
        f"the model, and {size_text(free)} are free: forward passes have {counted(clips, 'clip')}, with the gradients "
        "of the whole batch."
    )


def _left_of_cgroup(files: tuple[str, str, str, str]) -> int | None:
    """Return what a container's limit leaves, its file cache not counted; None where there is no limit."""
    limit, usage, stat, cache = files
    with suppress(OSError, ValueError):
        most, used = int(Path(limit).read_text()), int(Path(usage).read_text())
        if most < 1 << 60:
            kept = dict(line.split() for line in Path(stat).read_text().splitlines() if len(line.split()) == 2)
            return max(0, most - used + int(kept.get(cache, 0)))
    return None
