"""Voxtral as a model that learns: adapters on its language model, or its ears: audio encoder and projector.

Clips are at most one chunk (30 s) long, so that what a frozen encoder makes of them can be kept.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from acento.core.errors import ModelError
from acento.families.voxtral.labels import VoxtralLabeler
from acento.families.voxtral.labels import load as load_labeler
from acento.families.voxtral.recognizer import VoxtralRecognizer
from acento.families.voxtral.recognizer import load as load_recognizer
from acento.models.base import Audio, DecodeOptions, DeviceType
from acento.models.checkpoints.weights import save_as, stored_dtype
from acento.models.trainable import Trainable
from acento.training.data.tokenizer_files import copy_unchanged
from acento.training.recipe import Recipe
from acento.training.strategies import add_adapters, plain_state


def load(folder: Path, language: str | None, recipe: Recipe, device_type: DeviceType) -> "VoxtralTrainable":
    """Load a checkpoint in float32, whatever it is kept in, and freeze what the recipe says.

    Raises:
        ModelError: the checkpoint is not whole, or cannot learn as the recipe says.
    """
    options = DecodeOptions(
        language=language, device_type=device_type, dtype="float32", threads=torch.get_num_threads()
    )
    labeler = load_labeler(folder, language)
    torch.manual_seed(recipe.seed)  # adapters begin at random
    return VoxtralTrainable(load_recognizer(folder, options), labeler, folder, recipe)


class VoxtralTrainable(Trainable):
    """A loaded Voxtral with some of its parameters set to learn."""

    fills_window = True

    def __init__(self, recognizer: VoxtralRecognizer, labeler: VoxtralLabeler, folder: Path, recipe: Recipe) -> None:
        """Take a recognizer, whose weights will learn in place, and the folder that it was loaded from."""
        self.model: Any = recognizer.model
        self.window_s, self.max_labels = recognizer.chunk_s, labeler.needs.max_labels
        self._recognizer, self._folder = recognizer, folder
        self._tower, self._projector = self.model.model.audio_tower, self.model.model.multi_modal_projector
        self._choose(recipe)
        self.has_frozen_prefix = recipe.strategy == "lora"
        if recipe.activation_checkpointing:
            self.model.activation_checkpointing_enable()

    def features(self, windows: Sequence[Audio]) -> list[Tensor]:
        """See :meth:`Trainable.features`; always the whole chunk, as Voxtral was trained."""
        return [self._recognizer.log_mel(window)[0].clone() for window in windows]  # made in inference mode

    @torch.no_grad()
    def frozen_prefix(self, features: Sequence[Tensor]) -> list[Tensor]:
        """See :meth:`Trainable.frozen_prefix`: what the language model reads, shape ``(tokens, hidden)`` each."""
        return [heard.float() for heard in self._heard(features)]

    def loss(
        self, inputs: Sequence[Tensor], labels: Sequence[Sequence[int]], smoothing: float, *, past_prefix: bool = False
    ) -> tuple[Tensor, int]:
        """See :meth:`Trainable.loss`; the language model is given the request and the labels, but for the last.

        Padding comes last, where nothing that is learned looks: each place hears those before it only.
        """
        if self.has_frozen_prefix and not past_prefix:
            inputs, past_prefix = self.frozen_prefix(inputs), True
        heard = inputs if past_prefix else self._heard(inputs)
        rows = [self._recognizer.asked(part, ids[:-1]) for part, ids in zip(heard, labels, strict=True)]
        read = pad_sequence(rows, batch_first=True)
        hidden = self.model.model.language_model(inputs_embeds=read, use_cache=False).last_hidden_state
        # the projection to the vocabulary is the largest product of all: request and padding do not take part in it
        wanted = torch.tensor([one for ids in labels for one in ids], device=read.device)
        told = [
            hidden[row, len(given) - len(ids) : len(given)]
            for row, (given, ids) in enumerate(zip(rows, labels, strict=True))
        ]
        logits = self.model.lm_head(torch.cat(told)).float()
        return functional.cross_entropy(logits, wanted, reduction="sum", label_smoothing=smoothing), len(wanted)

    def recognizer(self) -> VoxtralRecognizer:
        """See :meth:`Trainable.recognizer`."""
        return self._recognizer

    def train(self) -> None:
        """See :meth:`Trainable.train`."""
        self.model.train()
        if self.has_frozen_prefix:
            self._tower.eval()
            self._projector.eval()

    def save(self, folder: Path) -> None:
        """See :meth:`Trainable.save`; a request names the language, so the checkpoint says nothing of it."""
        save_as(self.model, plain_state(self.model), folder, stored_dtype(self._folder))
        copy_unchanged(self._folder, folder)

    def _choose(self, recipe: Recipe) -> None:
        """Freeze all but what the recipe's strategy names.

        Raises:
            ModelError: there is no such strategy here, or it has no dropout.
        """
        if recipe.strategy == "lora":
            if recipe.dropout:
                raise ModelError("Voxtral's language model has no dropout to set; set lora_dropout, and dropout=0.")
            self.model.requires_grad_(False)
            add_adapters(self.model.model.language_model, recipe)
            return
        if recipe.strategy != "encoder":
            raise ModelError(f"Voxtral cannot learn with strategy={recipe.strategy}; take lora or encoder.")
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(".embed_positions." not in name and _in_ears(name))  # sinusoids, fixed by design
        if recipe.dropout:
            for module in (self._tower, *self._tower.layers):
                module.dropout = recipe.dropout

    def _heard(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return what the language model reads for each clip."""
        return list(self._recognizer.hear(torch.stack(list(features))).chunk(len(features)))


def _in_ears(name: str) -> bool:
    """Tell whether a parameter is one of the audio encoder or of the projector."""
    return ".audio_tower." in name or ".multi_modal_projector." in name
