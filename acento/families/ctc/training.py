"""CTC models as they learn: wav2vec 2.0 and its kin, w2v-BERT, Parakeet CTC.

The loss is that of Graves et al. 2006, over frames that were heard and in float32. Batch norms keep the statistics of
pre-training: those of a batch would let padding and neighbors into a clip's loss, and change frozen layers.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from acento.core.errors import ModelError
from acento.families.ctc.labels import CtcLabeler
from acento.families.ctc.labels import load as load_labeler
from acento.families.ctc.mms import save_language
from acento.families.ctc.recognizer import CtcRecognizer
from acento.families.ctc.recognizer import load as load_recognizer
from acento.models.base import Audio, DecodeOptions, DeviceType
from acento.models.checkpoints.weights import save_as, stored_dtype
from acento.models.trainable import Trainable
from acento.training.data.tokenizer_files import copy_unchanged
from acento.training.recipe import Recipe
from acento.training.strategies import add_adapters, plain_state

_OTHER_NAMES = {
    "q_proj": ("linear_q", "query_proj"),
    "k_proj": ("linear_k", "key_proj"),
    "v_proj": ("linear_v", "value_proj"),
    "out_proj": ("linear_out", "o_proj"),
}
"""What attention's layers are called in conformers and in SEW-D, and Parakeet's last."""
_PASSED_BY = frozenset({"q_proj", "k_proj", "v_proj", "out_proj"})
"""Layers whose weights WavLM's attention reads without calling them: adapters there would never learn."""


def load(folder: Path, language: str | None, recipe: Recipe, device_type: DeviceType) -> "CtcTrainable":
    """Load a checkpoint in float32, whatever it is kept in, and freeze what the recipe says.

    Raises:
        ModelError: the checkpoint is not whole, does not know the language, or has no layer that the recipe names.
    """
    options = DecodeOptions(
        language=language, device_type=device_type, dtype="float32", threads=torch.get_num_threads()
    )
    labeler = load_labeler(folder, language)
    torch.manual_seed(recipe.seed)  # adapters begin at random
    return CtcTrainable(load_recognizer(folder, options), labeler, folder, recipe)


class CtcTrainable(Trainable):
    """A loaded CTC model with some of its parameters set to learn.

    ``encoder`` leaves the convolutions at the beginning alone, as wav2vec 2.0 does when it is fine-tuned (Baevski et
    al. 2020, section 4.2), ``decoder`` all but the head, ``last-n`` all but the last layers, adapters and the head.
    """

    def __init__(self, recognizer: CtcRecognizer, labeler: CtcLabeler, folder: Path, recipe: Recipe) -> None:
        """Take a recognizer, whose weights will learn in place, and the folder that it was loaded from."""
        self.model: Any = recognizer.model
        self.window_s, self.max_labels = recognizer.window_s, labeler.needs.max_labels
        self.spectrogram = hasattr(self.model.config, "encoder_config")
        self._recognizer, self._network, self._folder = recognizer, recognizer.network, folder
        self._choose(recipe)
        for part in self._network.front_parts:
            if not _learns(part) and hasattr(part, "_freeze_parameters"):
                part._freeze_parameters()  # else it asks for the gradient of the samples
        self._whole = not _learns(self._network.encoder) and self._closing_learns_alone()
        past_prefix = bool(self._network.front_parts) and not any(map(_learns, self._network.front_parts))
        self.has_frozen_prefix = self._whole or past_prefix
        if recipe.dropout:
            self._set_dropout(recipe.dropout)
        if recipe.activation_checkpointing:
            self.model.activation_checkpointing_enable()

    def features(self, windows: Sequence[Audio]) -> list[Tensor]:
        """See :meth:`Trainable.features`."""
        return self._recognizer.prepare(windows)

    @torch.no_grad()
    def frozen_prefix(self, features: Sequence[Tensor]) -> list[Tensor]:
        """See :meth:`Trainable.frozen_prefix`; shape ``(frames, width)`` each.

        That of the convolutions at the beginning; where the head alone learns, that of the whole encoder, one clip at
        a time, so that a clip's output does not depend on which others stand beside it.
        """
        fronts = [self._network.front(one.to(self._device, non_blocking=True)) for one in features]
        if self._whole:
            fronts = [self._network.encode([front])[0] for front in fronts]
        return [front.float() for front in fronts]

    def loss(
        self, inputs: Sequence[Tensor], labels: Sequence[Sequence[int]], smoothing: float, *, past_prefix: bool = False
    ) -> tuple[Tensor, int]:
        """See :meth:`Trainable.loss`; a clip with fewer frames than its labels need has none.

        Smoothing is ``(1 - s) * CTC + s * sum over frames of KL(uniform || model)``: what Kim et al. 2018, "Improved
        training for online end-to-end speech recognition systems", do frame by frame, with the divergence that
        smoothed targets (Szegedy et al. 2016) give.
        """
        if self.has_frozen_prefix and not past_prefix:
            inputs = self.frozen_prefix(inputs)
        elif not self.has_frozen_prefix:
            inputs = [self._network.front(one.to(self._device, non_blocking=True)) for one in inputs]
        hidden = list(inputs) if self._whole else self._network.encode(inputs)
        lengths = [len(one) for one in hidden]
        frames = functional.log_softmax(self._network.logits(torch.cat(hidden)).float(), dim=-1)
        loss = self._ctc(pad_sequence(list(frames.split(lengths))), lengths, labels)
        if smoothing:
            apart = (-frames.mean(dim=-1) - torch.tensor(float(frames.shape[-1])).log()).sum()
            loss = (1 - smoothing) * loss + smoothing * apart
        return loss, sum(map(len, labels))

    def recognizer(self) -> CtcRecognizer:
        """See :meth:`Trainable.recognizer`."""
        return self._recognizer

    def train(self) -> None:
        """See :meth:`Trainable.train`."""
        self.model.train()
        frozen = [*self._network.front_parts, *self._network.layers, *([self._network.encoder] if self._whole else [])]
        for part in frozen:
            if not _learns(part):
                part.eval()
        for module in self.model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()

    def save(self, folder: Path) -> None:
        """See :meth:`Trainable.save`; tokenizer and feature extractor are the base's own files.

        A model with an adapter for each language is saved with that of the language that it learned.
        """
        state = save_as(self.model, plain_state(self.model), folder, stored_dtype(self._folder))
        copy_unchanged(self._folder, folder)
        if (language := self._recognizer.tokenizer.adapter) is not None:
            save_language(state, self._folder, folder, language)

    @property
    def _device(self) -> torch.device:
        device: torch.device = self.model.device
        return device

    def _ctc(self, frames: Tensor, lengths: Sequence[int], labels: Sequence[Sequence[int]]) -> Tensor:
        """Return the sum of the clips' losses from log-probabilities, shape ``(frames, clips, vocabulary)``."""
        if frames.device.type == "mps":  # where torch has no CTC loss
            frames = frames.cpu()
        with torch.backends.cudnn.flags(enabled=False):  # cuDNN's takes no long labels, and no blank but 0
            return functional.ctc_loss(
                frames,
                torch.tensor([number for row in labels for number in row], device=frames.device),
                torch.tensor(lengths, device=frames.device),
                torch.tensor([len(row) for row in labels], device=frames.device),
                blank=self._recognizer.tokenizer.blank,
                reduction="sum",
                zero_infinity=True,
            )

    def _choose(self, recipe: Recipe) -> None:
        """Set ``requires_grad`` as the recipe's strategy says.

        Raises:
            ModelError: adapters can not learn in a layer that the recipe names, or there is none of that name.
        """
        network = self._network
        if recipe.strategy == "lora":
            add_adapters(self.model, recipe.model_copy(update={"lora_sites": self._sites(recipe)}))
        else:
            frozen: Sequence[nn.Module] = ()
            if recipe.strategy == "encoder":
                frozen = network.front_parts
            elif recipe.strategy in ("decoder", "last-n"):
                frozen = (self.model,)
            for module in frozen:
                module.requires_grad_(False)
            if recipe.strategy == "decoder":
                network.head.requires_grad_(True)
            elif recipe.strategy == "last-n":
                for module in (*list(network.layers)[-recipe.last_n :], *network.closing):
                    module.requires_grad_(True)
        for name, parameter in self.model.named_parameters():
            if name.endswith("masked_spec_embed"):
                parameter.requires_grad_(False)  # SpecAugment is the recipe's, over audio or spectrogram

    def _sites(self, recipe: Recipe) -> tuple[str, ...]:
        """Return the names of the layers that get adapters, attention's as this model calls them."""
        if self.model.config.model_type == "wavlm" and _PASSED_BY & set(recipe.lora_sites):
            raise ModelError(
                "WavLM's attention would pass adapters by: name lora_sites of its feed-forward layers instead, "
                "intermediate_dense and output_dense."
            )
        there = {
            name.rpartition(".")[2] for name, module in self.model.named_modules() if isinstance(module, nn.Linear)
        }
        return tuple(
            next((other for other in (site, *_OTHER_NAMES.get(site, ())) if other in there), site)
            for site in recipe.lora_sites
        )

    def _closing_learns_alone(self) -> bool:
        """Tell whether nothing learns but the head."""
        head = {id(parameter) for parameter in self._network.head.parameters()}
        return all(id(parameter) in head for parameter in self.model.parameters() if parameter.requires_grad)

    def _set_dropout(self, rate: float) -> None:
        """Set the dropout of hidden states, and not of attention, in the layers that learn."""
        for layer in filter(_learns, self._network.layers):
            for name, module in layer.named_modules():
                if isinstance(module, nn.Dropout) and not name.startswith(("attention.", "self_attn.")):
                    module.p = rate
                elif hasattr(module, "activation_dropout"):  # Parakeet's feed-forward layers have this one
                    module.activation_dropout = rate


def _learns(part: nn.Module) -> bool:
    """Tell whether anything in a part of a model learns."""
    return any(parameter.requires_grad for parameter in part.parameters())
