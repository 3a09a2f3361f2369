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
from torch.nn import functional

from acento.models.checkpoints.pretrained import TorchRecognizer
from acento.models.checkpoints.weights import save_as, stored_dtype
from acento.models.trainable import Needs, Trainable
from acento.training.data.tokenizer_files import copy_unchanged
from acento.training.recipe import Recipe
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
        self.has_frozen_prefix = self._frozen > 0
        if recipe.activation_checkpointing:
            self.model.activation_checkpointing_enable()

    @abstractmethod
    def encoded(self, inputs: Sequence[Tensor], *, past_prefix: bool) -> tuple[Tensor, Tensor | None]:
        """Return the encoder's output, shape ``(clips, frames, width)``, and which frames are not padding.

        The mask is None where all are the clips' own.

        Args:
            inputs: each clip's features, or with ``past_prefix`` the output of ``frozen_prefix``.
            past_prefix: whether ``inputs`` have passed the frozen prefix.
        """

    def loss(
        self, inputs: Sequence[Tensor], labels: Sequence[Sequence[int]], smoothing: float, *, past_prefix: bool = False
    ) -> tuple[Tensor, int]:
        """See :meth:`Trainable.loss`; it is the cross entropy.

        The decoder is given the start token and then the labels, but for the last: labels are shifted here, once.
        Padding is left out by length and not by its id, which may be that of the end token: the end is learned.
        """
        if self.has_frozen_prefix and not past_prefix:
            inputs, past_prefix = self.frozen_prefix(inputs), True
        encoded, mask = self.encoded(inputs, past_prefix=past_prefix)
        longest = max(map(len, labels))
        given = torch.full((len(labels), longest), self._end, dtype=torch.long)
        for row, ids in zip(given, labels, strict=True):
            row[: len(ids)] = torch.tensor([self._start, *ids[:-1]])
        hidden = self._decoder(
            input_ids=given.to(self._device),
            encoder_hidden_states=encoded,
            use_cache=False,
            **({} if mask is None else {"encoder_attention_mask": mask}),
        ).last_hidden_state
        # the projection to the vocabulary is the largest product of all: padding does not take part in it
        own = torch.cat([torch.arange(len(ids)) + number * longest for number, ids in enumerate(labels)])
        logits = self.model.proj_out(hidden.flatten(0, 1)[own.to(self._device)]).float()
        wanted = torch.tensor([number for ids in labels for number in ids], device=self._device)
        return functional.cross_entropy(logits, wanted, reduction="sum", label_smoothing=smoothing), len(wanted)

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
        self._set_generation(generation)
        save_as(self.model, plain_state(self.model), folder, stored_dtype(self._folder))
        generation.save_pretrained(folder)
        copy_unchanged(self._folder, folder)

    def _set_generation(self, generation: Any) -> None:
        """Set in a copy of the generation config what the model has been taught."""

    @property
    def _device(self) -> torch.device:
        device: torch.device = self.model.device
        return device

    def _rows(self, clips: int) -> int:
        """Return how many clips pass the frozen prefix at once: one on a CPU.

        So a clip's output does not depend on which others stand beside it, and is the same after a restart.
        """
        return 1 if self._device.type == "cpu" else clips
