"""The teacher of a model that learns short windows from itself: what it was before the first step, at its full window.

It is a copy of what learns; all else is the pupil's own memory. Where only the encoder learns, that is the encoder.
What it holds of a clip is made once, clip by clip on a CPU, so that it depends on no other clip and a resumed training
learns from the same, and is kept as long as there is room: in later epochs the teacher costs nothing.
"""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from acento.models.trainable import FittingTrainable, States, Trainable
from acento.training.data.feed import StepClips
from acento.training.losses import divergence
from acento.training.recipe import Recipe

if TYPE_CHECKING:
    from acento.training.data.prepared import Example

KEPT_BYTES: Final = 2 << 30
"""What is kept of the teacher's states, in host memory: 5,500 clips of 3.5 s of a model of whisper-base's width."""
_NUMBER: Final = 4
"""Bytes of a float32."""
_FRAME: Final = 320
"""Samples of an encoder frame."""


class Teacher:
    """The frozen copy."""

    def __init__(self, trainable: FittingTrainable, recipe: Recipe, *, kept_bytes: int = KEPT_BYTES) -> None:
        """Copy what learns, before the first step; with augmentation no clip is heard twice alike, and none is kept."""
        learned = {id(parameter) for parameter in trainable.learned().values()}
        tensors = (*trainable.model.parameters(), *trainable.model.buffers())
        shared = [trainable.recognizer(), *(one for one in tensors if id(one) not in learned)]
        self._copy = copy.deepcopy(trainable, {id(one): one for one in shared})
        self._copy.model.requires_grad_(False)
        self._copy.eval()
        self._room = kept_bytes if recipe.augmentation.is_off else 0
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}

    @torch.no_grad()
    def states(self, clips: StepClips, places: Sequence[int]) -> States:
        """Return what it holds of the clips at some places of a step, at its full window."""
        missing = [place for place in places if clips.rows[place] not in self._kept]
        size = 1 if self._copy.device.type == "cpu" else max(1, len(missing))
        made: dict[int, tuple[Tensor, Tensor]] = {}
        for start in range(0, len(missing), size):
            some = missing[start : start + size]
            found = self._copy.states(
                self._copy.in_context([clips.features[place] for place in some], None),
                [clips.labels[place] for place in some],
                [clips.samples[place] for place in some],
            )
            made |= dict(zip(some, zip(found.encoded, found.decoded, strict=True), strict=True))
        for place, pair in made.items():
            self._keep(clips.rows[place], pair)
        device = self._copy.device
        pairs = [made[place] if place in made else self._kept[clips.rows[place]] for place in places]
        return States([one.to(device) for one, _ in pairs], [one.to(device) for _, one in pairs])

    def loss(self, pupil: FittingTrainable, states: States, targets: States) -> Tensor:
        """Return the SUM over labels of how far what the pupil writes diverges from what the teacher does, in nats."""
        with torch.no_grad():
            wanted = self._copy.logits(targets)
        return divergence(pupil.logits(states), wanted)

    def _keep(self, row: int, pair: tuple[Tensor, Tensor]) -> None:
        size = sum(one.numel() * one.element_size() for one in pair)
        if row not in self._kept and size <= self._room:
            self._room -= size
            # memory of their own: they are parts of a whole window's
            self._kept[row] = (pair[0].cpu().clone(), pair[1].cpu().clone())


def teacher_bytes(trainable: Trainable, examples: "Sequence[Example]", recipe: Recipe) -> int:
    """Return the bytes that a teacher takes beside its pupil: the copy, and what it keeps."""
    learned = sum(parameter.numel() for parameter in trainable.learned().values())
    places = sum(-(-example.samples // _FRAME) + len(example.labels) for example in examples)
    kept = _NUMBER * places * int(trainable.model.config.d_model) if recipe.augmentation.is_off else 0
    return _NUMBER * learned + min(KEPT_BYTES, kept)
