"""What all encoder-decoders of transformers share as they learn: what is frozen, the loss, and the files of a save.

Encoder and decoder are called apart from each other, so that a frozen encoder's output can be kept.
"""

import copy
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from acento.models.checkpoints.pretrained import TorchRecognizer
from acento.models.checkpoints.weights import save_as, stored_dtype
from acento.models.trainable import Needs, Trainable
from acento.training.data.tokenizer_files import copy_unchanged
from acento.training.recipe import Recipe
from acento.training.sequence_loss import sequence_loss
from acento.training.strategies import choose, frozen_layers, plain_state


class SequenceLabeler(Protocol):
    """A labeler for a decoder."""

    needs: Needs
    start: int
    """The token that the decoder is given first; never one of the labels."""
    end: int
    """The token that ends a text."""


class EncoderDecoderTrainable(Trainable):
    """A loaded encoder-decoder with some of its parameters set to learn."""

    def __init__(self, recognizer: TorchRecognizer, labeler: SequenceLabeler, folder: Path, recipe: Recipe) -> None:
        """Take a recognizer, whose weights will learn in place, and the folder that it was loaded from.

        Raises:
            ModelError: the model has no layer that the recipe names.
        """
        self.model: Any = recognizer.model
        self.window_s, self.max_labels = recognizer.window_s, labeler.needs.max_labels
        self._start, self._end, self._folder = labeler.start, labeler.end, folder
        self._encoder, self._decoder = self.model.model.encoder, self.model.model.decoder
        choose(self.model, self._encoder, self._decoder, recipe)
        self._frozen = frozen_layers(self._encoder)
        self.has_front = self._frozen > 0
        if recipe.activation_checkpointing:
            self.model.activation_checkpointing_enable()

    @abstractmethod
    def encoded(self, inputs: Sequence[Tensor], *, fronted: bool) -> tuple[Tensor, Tensor | None]:
        """Return the encoder's output, shape ``(clips, frames, width)``, and which frames are not padding.

        The mask is None where all are the clips' own.

        Args:
            inputs: each clip's features, or with ``fronted`` what ``front`` made of them.
            fronted: whether the frozen front has been passed already.
        """

    def loss(
        self, inputs: Sequence[Tensor], labels: Sequence[Sequence[int]], smoothing: float, *, fronted: bool = False
    ) -> tuple[Tensor, int]:
        """See :meth:`Trainable.loss` and :func:`sequence_loss`."""
        if self.has_front and not fronted:
            inputs, fronted = self.front(inputs), True
        encoded, mask = self.encoded(inputs, fronted=fronted)

        def decode(given: Tensor) -> Tensor:
            hidden: Tensor = self._decoder(
                input_ids=given,
                encoder_hidden_states=encoded,
                use_cache=False,
                **({} if mask is None else {"encoder_attention_mask": mask}),
            ).last_hidden_state
            return hidden

        return sequence_loss(
            labels,
            decode,
            self.model.proj_out,
            smoothing,
            start=self._start,
            filler=self._end,
            device=self._device,
        )

    def train(self) -> None:
        """See :meth:`Trainable.train`."""
        self.model.train()
        for layer in self._encoder.layers[: self._frozen]:
            layer.eval()

    def save(self, folder: Path) -> None:
        """See :meth:`Trainable.save`.

        Weights are kept as the base keeps its own, in float32 or in half precision. Tokenizer and feature extractor are
        the base's own files.
        """
        generation = copy.deepcopy(self.model.generation_config)
        self._tell(generation)
        save_as(self.model, plain_state(self.model), folder, stored_dtype(self._folder))
        generation.save_pretrained(folder)
        copy_unchanged(self._folder, folder)

    def _tell(self, generation: Any) -> None:
        """Write into a copy of the generation config what the model has been taught."""

    @property
    def _device(self) -> torch.device:
        device: torch.device = self.model.device
        return device

    def _rows(self, clips: int) -> int:
        """Return how many clips pass the frozen front at once: one on a CPU.

        So a clip's output does not depend on which others stand beside it, and is the same after a restart.
        """
        return 1 if self._device.type == "cpu" else clips
