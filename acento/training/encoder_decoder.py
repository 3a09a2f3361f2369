"""What models of transformers share as they learn: what is frozen, a decoder's loss, and the files of a save."""

import copy
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from acento.models.checkpoints.pretrained import TorchRecognizer
from acento.models.checkpoints.taught import mark_taught
from acento.models.checkpoints.weights import save_as, stored_dtype
from acento.models.trainable import Needs, Trainable
from acento.training.data.tokenizer_files import copy_unchanged, end_token
from acento.training.losses import label_states, states_loss
from acento.training.recipe import Recipe
from acento.training.strategies import choose, frozen_layers, plain_state, train_what_learns


class TransformersTrainable(Trainable):
    """A loaded model of transformers with some of its parameters set to learn."""

    def __init__(self, recognizer: TorchRecognizer, needs: Needs, folder: Path, recipe: Recipe) -> None:
        """See :meth:`Trainable.__init__`.

        Raises:
            ModelError: the model cannot learn as the recipe says.
        """
        super().__init__(recognizer, needs, folder)
        self._choose(recipe)
        if recipe.activation_checkpointing:
            self.model.activation_checkpointing_enable()

    @abstractmethod
    def _choose(self, recipe: Recipe) -> None:
        """Set ``requires_grad`` and dropout as the recipe says, and ``has_frozen_prefix``.

        Raises:
            ModelError: the model cannot learn so, or has no layer that the recipe names.
        """

    def save(self, folder: Path) -> None:
        """See :meth:`Trainable.save`; tokenizer and feature extractor are the base's own files."""
        save_as(self.model, plain_state(self.model), folder, stored_dtype(self._folder))
        copy_unchanged(self._folder, folder)
        mark_taught(folder, self.teaches)


class EncoderDecoderTrainable(TransformersTrainable):
    """A loaded encoder-decoder.

    Encoder and decoder are called apart from each other, so that a frozen encoder's output can be kept.
    """

    def _choose(self, recipe: Recipe) -> None:
        self._encoder, self._decoder = self.model.model.encoder, self.model.model.decoder
        choose(self.model, self._encoder, self._decoder, recipe)
        self._frozen = frozen_layers(self._encoder)
        self.has_frozen_prefix = self._frozen > 0

    @torch.no_grad()
    def frozen_prefix(self, features: Sequence[Tensor]) -> list[Tensor]:
        """See :meth:`Trainable.frozen_prefix`; shape ``(frames, width)`` each.

        On a CPU one clip at a time, so that a clip's output does not depend on which others stand beside it, and is
        the same after a restart; unless it is of the step's context, and never kept.
        """
        size = 1 if self.device.type == "cpu" and not self.fits else len(features)
        starts = range(0, len(features), size)
        return [one.float() for start in starts for one in self._pass_prefix(features[start : start + size])]

    @abstractmethod
    def _pass_prefix(self, features: Sequence[Tensor]) -> Iterable[Tensor]:
        """Return each clip's frames, shape ``(frames, width)``, past the frozen prefix."""

    @abstractmethod
    def encoded(self, inputs: Sequence[Tensor], *, past_prefix: bool) -> tuple[Tensor, Tensor | None]:
        """Return the encoder's output, shape ``(clips, frames, width)``, and which frames are not padding.

        The mask is None where all are the clips' own.

        Args:
            inputs: each clip's features, or with ``past_prefix`` the output of ``frozen_prefix``.
            past_prefix: whether ``inputs`` have passed the frozen prefix.
        """

    def _loss(
        self, inputs: Sequence[Tensor], labels: Sequence[Sequence[int]], smoothing: float, *, past_prefix: bool
    ) -> Tensor:
        return states_loss(
            self._decoded(labels, *self.encoded(inputs, past_prefix=past_prefix)),
            labels,
            self.model.proj_out,
            smoothing,
        )

    def _decoded(self, labels: Sequence[Sequence[int]], encoded: Tensor, mask: Tensor | None) -> Tensor:
        """Return the decoder's output where each label is written, shape ``(labels of all clips, width)``."""
        generation = self.model.generation_config

        def decode(given: Tensor) -> Tensor:
            hidden: Tensor = self._decoder(
                input_ids=given,
                encoder_hidden_states=encoded,
                use_cache=False,
                **({} if mask is None else {"encoder_attention_mask": mask}),
            ).last_hidden_state
            return hidden

        return label_states(
            labels,
            decode,
            prompt=[generation.decoder_start_token_id],
            filler=end_token(generation),
            device=self.device,
        )

    def train(self) -> None:
        """See :meth:`Trainable.train`."""
        train_what_learns(self.model, self._encoder.layers[: self._frozen])

    def save(self, folder: Path) -> None:
        """See :meth:`Trainable.save`; the generation config says what the model has been taught."""
        super().save(folder)
        generation = copy.deepcopy(self.model.generation_config)
        self._set_generation(generation)
        generation.save_pretrained(folder)

    def _set_generation(self, generation: Any) -> None:
        """Write language and task into a copy of the generation config, where it has a place for them."""
