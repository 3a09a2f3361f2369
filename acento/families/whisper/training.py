"""Whisper as a model that learns: every size, multilingual or English-only, 80 or 128 mel bins, any window.

What a checkpoint's config says of SpecAugment plays no part: masking is the recipe's, over speech only.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from acento.families.whisper.labels import WhisperLabeler
from acento.families.whisper.labels import load as load_labeler
from acento.families.whisper.recognizer import WhisperRecognizer
from acento.families.whisper.recognizer import load as load_recognizer
from acento.models.base import Audio, DecodeOptions, DeviceType
from acento.training.encoder_decoder import EncoderDecoderTrainable
from acento.training.recipe import Recipe


def load(folder: Path, language: str | None, recipe: Recipe, device_type: DeviceType) -> "WhisperTrainable":
    """Load a checkpoint in float32, whatever it is kept in, and freeze what the recipe says.

    Raises:
        ModelError: the checkpoint is not whole, does not know the language, or has no layer that the recipe names.
    """
    options = DecodeOptions(
        language=language, device_type=device_type, dtype="float32", threads=torch.get_num_threads()
    )
    labeler = load_labeler(folder, language)
    torch.manual_seed(recipe.seed)  # adapters begin at random
    return WhisperTrainable(load_recognizer(folder, options), labeler, folder, language, recipe)


class WhisperTrainable(EncoderDecoderTrainable):
    """A loaded Whisper with some of its parameters set to learn."""

    fills_window = True

    def __init__(
        self,
        recognizer: WhisperRecognizer,
        labeler: WhisperLabeler,
        folder: Path,
        language: str | None,
        recipe: Recipe,
    ) -> None:
        """Take a recognizer, whose weights will learn in place, and the folder that it was loaded from."""
        # sinusoids, fixed by design; from_pretrained of transformers 5 forgets that they are
        recognizer.model.model.encoder.embed_positions.requires_grad_(False)
        super().__init__(recognizer, labeler, folder, recipe)
        self._recognizer, self._labeler, self._language = recognizer, labeler, language

    def features(self, windows: Sequence[Audio]) -> list[Tensor]:
        """See :meth:`Trainable.features`; always the whole window, as Whisper was trained."""
        return list(self._recognizer.log_mel(windows).clone())  # made in inference mode, which no gradient may follow

    @torch.no_grad()
    def frozen_prefix(self, features: Sequence[Tensor]) -> list[Tensor]:
        """See :meth:`Trainable.frozen_prefix`; shape ``(frames / 2, d_model)`` each."""
        parts: list[Tensor] = []
        for part in self._stacked(features).split(self._rows(len(features))):
            hidden = self._embed(part)
            for layer in self._encoder.layers[: self._frozen]:
                hidden = layer(hidden, None)
            if self._frozen > len(self._encoder.layers):
                hidden = self._encoder.layer_norm(hidden)
            parts += hidden.float()
        return parts

    def encoded(self, inputs: Sequence[Tensor], *, past_prefix: bool) -> tuple[Tensor, None]:
        """See :meth:`EncoderDecoderTrainable.encoded`; a window has no padding."""
        batch = self._stacked(inputs)
        return self._rest(batch) if past_prefix else self._encoder(batch).last_hidden_state, None

    def recognizer(self) -> WhisperRecognizer:
        """See :meth:`Trainable.recognizer`."""
        return self._recognizer

    def _set_generation(self, generation: Any) -> None:
        """Set language and task."""
        if getattr(generation, "forced_decoder_ids", None) is not None:
            generation.forced_decoder_ids = None  # the old way to say it, and against it today's generate() raises
        if self._labeler.prompt and self._language is not None and getattr(generation, "lang_to_id", None):
            generation.language, generation.task = self._language, "transcribe"

    def _stacked(self, clips: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(clips)).to(self._device, non_blocking=True)

    def _embed(self, features: Tensor) -> Tensor:
        """Return what the encoder's layers are given, as ``WhisperEncoder.forward`` makes it, without dropout."""
        encoder = self._encoder
        hidden = functional.gelu(encoder.conv1(features))
        hidden = functional.gelu(encoder.conv2(hidden)).permute(0, 2, 1)
        return hidden + encoder.embed_positions.weight

    def _rest(self, hidden: Tensor) -> Tensor:
        """Return the encoder's output from that of its frozen prefix; the layers that learn may be dropped whole."""
        encoder = self._encoder
        for layer in encoder.layers[self._frozen :]:
            dropped = encoder.training and encoder.layerdrop > 0 and torch.rand([]).item() < encoder.layerdrop
            if not dropped:
                hidden = layer(hidden, None)
        return hidden if self._frozen > len(encoder.layers) else encoder.layer_norm(hidden)
