"""Whisper as a model that learns: every size, multilingual or English-only, 80 or 128 mel bins, any window.

Encoder and decoder are called apart from each other, so that a frozen encoder's output can be kept, and so that what a
checkpoint's config says of SpecAugment plays no part: masking is the recipe's, over speech only.
"""

import copy
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from acento.models.base import Audio, DecodeOptions, DeviceType
from acento.models.whisper import WhisperRecognizer
from acento.models.whisper import load as load_recognizer
from acento.training.base import Trainable
from acento.training.recipe import Recipe
from acento.training.strategies import choose, frozen_layers, plain_state
from acento.training.whisper_labels import WhisperLabeler
from acento.training.whisper_labels import load as load_labeler

_COPIED = (
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "normalizer.json",
    "added_tokens.json",
    "special_tokens_map.json",
)
"""Files of a checkpoint that training does not change."""


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


class WhisperTrainable(Trainable):
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
        self.model: Any = recognizer.model
        self.window_s, self.max_labels = recognizer.window_s, labeler.needs.max_labels
        self._recognizer, self._labeler = recognizer, labeler
        self._folder, self._language = folder, language
        self._encoder, self._decoder = self.model.model.encoder, self.model.model.decoder
        # sinusoids, fixed by design; from_pretrained of transformers 5 forgets that they are
        self._encoder.embed_positions.requires_grad_(False)
        choose(self.model, self._encoder, self._decoder, recipe)
        self._frozen = frozen_layers(self._encoder)
        self.has_front = self._frozen > 0
        if recipe.activation_checkpointing:
            self.model.activation_checkpointing_enable()

    def features(self, windows: Sequence[Audio]) -> list[Tensor]:
        """See :meth:`Trainable.features`; always the whole window, as Whisper was trained."""
        return list(self._recognizer.log_mel(windows).clone())  # made in inference mode, which no gradient may follow

    @torch.no_grad()
    def front(self, features: Sequence[Tensor]) -> list[Tensor]:
        """See :meth:`Trainable.front`; shape ``(frames / 2, d_model)`` each, one clip at a time on a CPU.

        So a clip's output does not depend on which others stand beside it, and is the same after a restart.
        """
        rows = 1 if self._device.type == "cpu" else len(features)
        parts: list[Tensor] = []
        for part in torch.stack(list(features)).to(self._device, non_blocking=True).split(rows):
            hidden = self._embed(part)
            for layer in self._encoder.layers[: self._frozen]:
                hidden = layer(hidden, None)
            if self._frozen > len(self._encoder.layers):
                hidden = self._encoder.layer_norm(hidden)
            parts += hidden.float()
        return parts

    def loss(
        self, inputs: Sequence[Tensor], labels: Sequence[Sequence[int]], smoothing: float, *, fronted: bool = False
    ) -> tuple[Tensor, int]:
        """See :meth:`Trainable.loss`; the decoder is given the start token and then the labels, but for the last.

        Padding is masked by length and not by its id, which is that of the end token: the end is learned.
        """
        if self.has_front and not fronted:
            inputs, fronted = self.front(inputs), True
        batch = torch.stack(list(inputs)).to(self._device, non_blocking=True)
        encoded = self._rest(batch) if fronted else self._encoder(batch).last_hidden_state
        given, wanted, places = _padded(labels, self._labeler.start, self._labeler.end)
        hidden = self._decoder(
            input_ids=given.to(self._device), encoder_hidden_states=encoded, use_cache=False
        ).last_hidden_state
        # the projection to the vocabulary is the largest product of all: padding does not take part in it
        logits = self.model.proj_out(hidden.flatten(0, 1)[places.to(self._device)]).float()
        loss = functional.cross_entropy(logits, wanted.to(self._device), reduction="sum", label_smoothing=smoothing)
        return loss, len(wanted)

    def recognizer(self) -> WhisperRecognizer:
        """See :meth:`Trainable.recognizer`."""
        return self._recognizer

    def train(self) -> None:
        """See :meth:`Trainable.train`."""
        self.model.train()
        for layer in self._encoder.layers[: self._frozen]:
            layer.eval()

    def save(self, folder: Path) -> None:
        """See :meth:`Trainable.save`.

        Weights are float32 even where the base's were half: a gate, an interpolation or a further training shall not
        lose digits; exports make smaller ones. Tokenizer and feature extractor are the base's own files.
        """
        generation = copy.deepcopy(self.model.generation_config)
        if getattr(generation, "forced_decoder_ids", None) is not None:
            generation.forced_decoder_ids = None  # the old way to say it, and against it today's generate() raises
        if self._labeler.prompt and self._language is not None and getattr(generation, "lang_to_id", None):
            generation.language, generation.task = self._language, "transcribe"
        self.model.save_pretrained(folder, state_dict=plain_state(self.model))
        generation.save_pretrained(folder)
        for name in _COPIED:
            if (self._folder / name).is_file():
                shutil.copyfile(self._folder / name, folder / name)

    def is_out_of_memory(self, error: BaseException) -> bool:
        """See :meth:`Trainable.is_out_of_memory`."""
        return self._recognizer.is_out_of_memory(error)

    def release_memory(self) -> None:
        """See :meth:`Trainable.release_memory`."""
        self._recognizer.release_memory()

    @property
    def _device(self) -> torch.device:
        return self.model.device

    def _embed(self, features: Tensor) -> Tensor:
        """Return what the encoder's layers are given, as ``WhisperEncoder.forward`` makes it, without dropout."""
        encoder = self._encoder
        hidden = functional.gelu(encoder.conv1(features))
        hidden = functional.gelu(encoder.conv2(hidden)).permute(0, 2, 1)
        return hidden + encoder.embed_positions.weight

    def _rest(self, hidden: Tensor) -> Tensor:
        """Return the encoder's output from that of its frozen front; the layers that learn may be dropped whole."""
        encoder = self._encoder
        for layer in encoder.layers[self._frozen :]:
            dropped = encoder.training and encoder.layerdrop > 0 and torch.rand([]).item() < encoder.layerdrop
            if not dropped:
                hidden = layer(hidden, None)
        return hidden if self._frozen > len(encoder.layers) else encoder.layer_norm(hidden)


def _padded(labels: Sequence[Sequence[int]], start: int, filler: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return decoder inputs ``(clips, longest)``, all wanted ids in a row, and their places in the flattened inputs."""
    longest = max(map(len, labels))
    given = torch.full((len(labels), longest), filler, dtype=torch.long)
    for row, ids in zip(given, labels, strict=True):
        row[: len(ids)] = torch.tensor([start, *ids[:-1]])
    wanted = torch.tensor([number for ids in labels for number in ids])
    places = torch.cat([torch.arange(len(ids)) + number * longest for number, ids in enumerate(labels)])
    return given, wanted, places
