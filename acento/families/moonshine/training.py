"""Moonshine as a model that learns: its convolutions hear each clip alone, its attention all clips of a batch.

Its learning rate is by width, as Whisper's: 5.6e-5 for moonshine-tiny, 3.3e-5 for moonshine-base. Fine-tunings of both
on the hub took 5e-6 (aomocelin/moonshine_tiny_pt_v08) to 2e-4 (h-gajdov/full_moonshine_base_all_data_wup1_ep3_lr2e-4).
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from acento.families.moonshine.labels import MoonshineLabeler
from acento.families.moonshine.labels import load as load_labeler
from acento.families.moonshine.recognizer import MoonshineRecognizer, attend, embed, together
from acento.families.moonshine.recognizer import load as load_recognizer
from acento.models.base import Audio, DecodeOptions, DeviceType
from acento.training.encoder_decoder import EncoderDecoderTrainable
from acento.training.recipe import Recipe


def load(folder: Path, language: str | None, recipe: Recipe, device_type: DeviceType) -> "MoonshineTrainable":
    """Load a checkpoint in float32, whatever it is kept in, and freeze what the recipe says.

    Raises:
        ModelError: the checkpoint is not whole, or has no layer that the recipe names.
    """
    options = DecodeOptions(
        language=language, device_type=device_type, dtype="float32", threads=torch.get_num_threads()
    )
    labeler = load_labeler(folder, language)
    torch.manual_seed(recipe.seed)  # adapters begin at random
    return MoonshineTrainable(load_recognizer(folder, options), labeler, folder, recipe)


class MoonshineTrainable(EncoderDecoderTrainable):
    """A loaded Moonshine with some of its parameters set to learn."""

    spectrogram = False

    def __init__(
        self, recognizer: MoonshineRecognizer, labeler: MoonshineLabeler, folder: Path, recipe: Recipe
    ) -> None:
        """Take a recognizer, whose weights will learn in place, and the folder that it was loaded from."""
        super().__init__(recognizer, labeler, folder, recipe)
        self._recognizer = recognizer

    def features(self, windows: Sequence[Audio]) -> list[Tensor]:
        """See :meth:`Trainable.features`; shape ``(samples,)`` each."""
        return self._recognizer.prepare(windows).values

    @torch.no_grad()
    def frozen_prefix(self, features: Sequence[Tensor]) -> list[Tensor]:
        """See :meth:`Trainable.frozen_prefix`; shape ``(frames, hidden)`` each, of 24 ms."""
        parts: list[Tensor] = []
        rows = self._rows(len(features))
        for first in range(0, len(features), rows):
            embedded = self._embedded(features[first : first + rows])
            hidden, mask = together(embedded)
            hidden = attend(self._encoder, hidden, mask, end=self._frozen)
            if self._frozen > len(self._encoder.layers):
                hidden = self._encoder.layer_norm(hidden)
            parts += [row[: len(own)].float() for row, own in zip(hidden, embedded, strict=True)]
        return parts

    def encoded(self, inputs: Sequence[Tensor], *, past_prefix: bool) -> tuple[Tensor, Tensor | None]:
        """See :meth:`EncoderDecoderTrainable.encoded`."""
        hidden, mask = together(list(inputs) if past_prefix else self._embedded(inputs))
        if self._frozen > len(self._encoder.layers):
            return hidden, mask
        return self._encoder.layer_norm(attend(self._encoder, hidden, mask, first=self._frozen)), mask

    def recognizer(self) -> MoonshineRecognizer:
        """See :meth:`Trainable.recognizer`."""
        return self._recognizer

    def _embedded(self, clips: Sequence[Tensor]) -> list[Tensor]:
        """Return what the encoder's layers are given, for each clip."""
        return [embed(self._encoder, clip.to(self._device, non_blocking=True)) for clip in clips]
