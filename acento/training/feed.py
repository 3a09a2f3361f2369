"""What each step of training is given, made in a thread ahead of the model; what never changes is made once.

Without augmentation a clip's features are the same each time, and so is what frozen layers at the model's beginning
make of them. Both are kept as long as there is room, and made again beyond it. A clip's numbers depend on nothing that
a step's other clips are: features are made clip by clip, and the frozen front hears clips in groups that are the same
whichever step asks first. So a resumed training sees the same numbers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from acento.data.utterance import SAMPLE_RATE
from acento.inference.ahead import ahead
from acento.inference.clock import Stopwatch
from acento.training.augment.options import Augmentation
from acento.training.base import Trainable

if TYPE_CHECKING:
    from acento.training.prepared import Prepared
    from acento.training.sampling import Batches

FRONT_BYTES = 2 << 30
"""What is kept of the frozen front's output; on a GPU it is the GPU's memory. 1,000 clips of whisper-tiny's window."""
FRONT_GROUP = 8
"""Clips that the frozen front hears together: neighbors by their number in the split."""
FEATURE_BYTES = 1 << 30
"""What is kept of features, in host memory: 1,100 windows of 30 s with 80 mel bins."""
_DEPTH = 2
"""Steps that the thread may be ahead."""


@dataclass(frozen=True, slots=True)
class StepClips:
    """The clips of one optimizer step."""

    step: int
    rows: Sequence[int]
    labels: Sequence[Sequence[int]]
    features: dict[int, Tensor]
    """By the clip's place in the step, as the model's family makes them; none for clips whose front is kept."""
    groups: Sequence[tuple[Sequence[int], Sequence[Tensor]]] = ()
    """Rows and features of clips that the frozen front hears together in this step; they are kept from then on."""

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
        front_bytes: int = FRONT_BYTES,
        feature_bytes: int = FEATURE_BYTES,
    ) -> None:
        """Take the prepared split, and which of its clips each step has."""
        self._trainable, self._train, self._batches = trainable, train, batches
        self._augmentation, self._seed = augmentation, seed
        constant = not augmentation.changes_audio and not augmentation.changes_features
        self._fronts: dict[int, Tensor] = {}
        self._features = _Kept(feature_bytes if constant else 0)
        self._kept_rows = self._room_for(front_bytes) if constant and trainable.has_front else 0
        self.waiting = Stopwatch()
        """The time in which the model waited for features."""

    @property
    def kept_fronts(self) -> int:
        """How many clips' front is kept."""
        return len(self._fronts)

    def steps(self, first: int, end: int) -> Iterator[StepClips]:
        """Yield the steps from ``first`` to before ``end``, counted from 0; close it to stop the thread."""
        return ahead(self._made(first, end), depth=_DEPTH, waiting=self.waiting, name="make features")

    def inputs(self, clips: StepClips, places: Sequence[int]) -> tuple[list[Tensor], bool]:
        """Return the inputs of the clips at some places of a step, and whether the frozen front has been passed."""
        if not self._trainable.has_front:
            return [clips.features[place] for place in places], False
        for rows, features in clips.groups:
            if rows[0] not in self._fronts:
                self._fronts |= zip(rows, self._trainable.front(features), strict=True)
        return [
            self._trainable.front([clips.features[place]])[0] if place in clips.features else self._fronts[row]
            for place, row in ((place, clips.rows[place]) for place in places)
        ], True

    def _made(self, first: int, end: int) -> Iterator[StepClips]:
        """Yield steps with their features; runs in the thread."""
        passed = set(self._fronts)
        for step in range(first, end):
            rows = self._batches.at(step)
            features = {place: self._features_of(step, row) for place, row in enumerate(rows) if row >= self._kept_rows}
            groups = []
            for row in rows:
                if row < self._kept_rows and row not in passed:
                    start = row - row % FRONT_GROUP
                    group = range(start, min(start + FRONT_GROUP, self._kept_rows))
                    groups.append((group, [self._features_of(step, one) for one in group]))
                    passed |= set(group)
            yield StepClips(step, rows, [self._train.examples[row].labels for row in rows], features, groups)

    def _room_for(self, front_bytes: int) -> int:
        """Return of how many clips, the first by their number, the front is kept: as many as there is room for."""
        examples = self._train.examples
        first = self._trainable.front([self._features_of(0, 0)])[0]
        size, length = first.numel() * first.element_size(), examples[0].samples
        room = front_bytes
        for row, example in enumerate(examples):
            room -= size if self._trainable.fills_window else size * example.samples / length
            if room < 0:
                return row
        return len(examples)

    def _features_of(self, step: int, row: int) -> Tensor:
        kept = self._features.tensors.get(row)
        if kept is not None:
            return kept
        options, audio = self._augmentation, self._train.audio(row)
        if not options.changes_audio and not options.changes_features:
            features = self._trainable.features([audio])[0]
            self._features.keep(row, features)
            return features
        from acento.training.augment.spectrogram import masked
        from acento.training.augment.vocal_tract import warped
        from acento.training.augment.waveform import augmented_with_speech

        rng = np.random.default_rng([self._seed, step, row])
        window = self._trainable.window_s
        most = None if window is None else int(window * SAMPLE_RATE)
        audio, speech = augmented_with_speech(audio, options, rng, max_samples=most)
        features = warped(self._trainable.features([audio])[0], options, rng)
        return masked(features, speech, options, rng) if options.masks else features


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
