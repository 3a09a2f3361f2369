"""What each step of training is given, made in a thread prefetch of the model; what never changes is made once.

Without augmentation a clip's features are the same each time, and so is what frozen layers at the model's beginning
make of them. Both are kept as long as there is room, and made again beyond it. Everything is made clip by clip, so that
a clip's numbers depend on nothing that stands beside it: a resumed training sees the same ones. Where a model is taught
fitted windows, features are as long as their clip and padded to the context of the step when a batch is put together;
what frozen layers make of them depends on that context, and is kept for no other step.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from acento.data.utterance import SAMPLE_RATE
from acento.inference.clock import Stopwatch, prefetch
from acento.models.trainable import Trainable
from acento.training.augment.options import Augmentation
from acento.training.augment.spectrogram import masked, warped
from acento.training.augment.waveform import augment

if TYPE_CHECKING:
    from acento.training.data.contexts import Contexts
    from acento.training.data.prepared import Prepared
    from acento.training.data.sampling import Batches

PREFIX_BYTES = 2 << 30
"""What is kept of the frozen prefix's output; on a GPU it is the GPU's memory. 1,000 clips of whisper-tiny's window."""
FEATURE_BYTES = 1 << 30
"""What is kept of features, in host memory: 1,100 windows of 30 s with 80 mel bins."""
_DEPTH = 2
"""Steps that the thread may be prefetch."""


@dataclass(frozen=True, slots=True)
class StepClips:
    """The clips of one optimizer step."""

    step: int
    rows: Sequence[int]
    labels: Sequence[Sequence[int]]
    features: dict[int, Tensor]
    """By the clip's place in the step, as the model's family makes them; none for clips whose prefix output is kept."""
    samples: Sequence[int] = ()
    """Of each clip, as it is heard; only in fitted windows."""
    context: int | None = None
    """Samples that every clip is padded to; None: the model's own window, or any length."""

    @property
    def tokens(self) -> int:
        """Labels of all clips: what the step's loss is divided by."""
        return sum(map(len, self.labels))


class Feed:
    """Yields steps, and turns some of a step's clips into what the model is given at once."""

    def __init__(
        self,
        trainable: Trainable,
        train: "Prepared",
        batches: "Batches",
        augmentation: Augmentation,
        seed: int,
        *,
        contexts: "Contexts | None" = None,
        prefix_bytes: int = PREFIX_BYTES,
        feature_bytes: int = FEATURE_BYTES,
    ) -> None:
        """Take the prepared split, which of its clips each step has, and how long the context of each step is."""
        self._trainable, self._train, self._batches = trainable, train, batches
        self._augmentation, self._seed = augmentation, seed
        self._contexts = contexts
        keeps_prefix = augmentation.is_off and trainable.has_frozen_prefix and contexts is None
        self._prefixes = _Kept(prefix_bytes if keeps_prefix else 0)
        self._features = _Kept(feature_bytes if augmentation.is_off else 0)
        self.waiting = Stopwatch()
        """The time in which the model waited for features."""

    def steps(self, first: int, end: int) -> Iterator[StepClips]:
        """Yield the steps from ``first`` to before ``end``, counted from 0; close it to stop the thread."""
        made = (self._make(step) for step in range(first, end))
        return prefetch(made, depth=_DEPTH, waiting=self.waiting, name="make features")

    def inputs(
        self, clips: StepClips, places: Sequence[int], *, full_window: bool = False
    ) -> tuple[list[Tensor], bool]:
        """Return the inputs of the clips at some places of a step, and whether they have passed the frozen prefix.

        They are padded to the step's context, or with ``full_window`` to the model's window.
        """
        if self._contexts is not None:
            features = [clips.features[place] for place in places]
            padded = self._trainable.in_context(features, None if full_window else clips.context)
            past_prefix = self._trainable.has_frozen_prefix
            return self._trainable.frozen_prefix(padded) if past_prefix else padded, past_prefix
        if not self._trainable.has_frozen_prefix:
            return [clips.features[place] for place in places], False
        outputs = {place: self._prefixes.tensors.get(clips.rows[place]) for place in places}
        missing = [place for place in places if outputs[place] is None]
        if missing:
            made = self._trainable.frozen_prefix([clips.features[place] for place in missing])
            for place, output in zip(missing, made, strict=True):
                outputs[place] = output
                self._prefixes.keep(clips.rows[place], output)
        return [output for output in outputs.values() if output is not None], True

    def _make(self, step: int) -> StepClips:
        """Make one step's features; runs in the thread."""
        rows = self._batches.at(step)
        labels = [self._train.examples[row].labels for row in rows]
        made = {
            place: self._features_of(step, row) for place, row in enumerate(rows) if row not in self._prefixes.tensors
        }
        features = {place: one for place, (one, _) in made.items()}
        if self._contexts is None:
            return StepClips(step, rows, labels, features)
        samples = [count for _, count in made.values()]
        return StepClips(step, rows, labels, features, samples, self._contexts.at(step, max(samples)))

    def _features_of(self, step: int, row: int) -> tuple[Tensor, int]:
        """Return a clip's features in a step, and the samples that they are of."""
        kept = self._features.tensors.get(row)
        if kept is not None:
            return kept, self._train.examples[row].samples
        options, audio = self._augmentation, self._train.audio(row)
        if options.is_off:
            features = self._trainable.features([audio])[0]
            self._features.keep(row, features)
            return features, len(audio)
        rng = np.random.default_rng([self._seed, step, row])
        window = self._trainable.window_s
        audio, speech = augment(audio, options, rng, max_samples=None if window is None else int(window * SAMPLE_RATE))
        features = self._trainable.features([audio])[0]
        if not options.changes_features:
            return features, len(audio)
        changed = warped(features.detach().numpy(), options, rng)
        return torch.from_numpy(masked(changed, speech, options, rng) if options.masks else changed), len(audio)


class _Kept:
    """Tensors by row, as many as there is room for; what is kept stays."""

    def __init__(self, room: int) -> None:
        self.tensors: dict[int, Tensor] = {}
        self._room = room

    def keep(self, row: int, tensor: Tensor) -> None:
        """Keep a tensor, memory of its own, if there is room."""
        size = tensor.numel() * tensor.element_size()
        if row not in self.tensors and size <= self._room:
            self._room -= size
            self.tensors[row] = tensor.clone()
