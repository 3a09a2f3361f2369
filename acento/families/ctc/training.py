"""CTC models as they learn: wav2vec 2.0 and its kin, w2v-BERT, Parakeet CTC.

The loss is that of Graves et al. 2006, over frames that are not padding and in float32.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from acento.core.errors import ModelError
from acento.families.ctc.mms import save_language
from acento.families.ctc.recognizer import CtcRecognizer
from acento.models.base import Audio
from acento.models.trainable import Needs
from acento.training.encoder_decoder import TransformersTrainable
from acento.training.losses import ctc_loss
from acento.training.recipe import Recipe
from acento.training.strategies import add_adapters, learns, train_what_learns

_OTHER_NAMES = {
    "q_proj": ("linear_q", "query_proj"),
    "k_proj": ("linear_k", "key_proj"),
    "v_proj": ("linear_v", "value_proj"),
    "out_proj": ("linear_out", "o_proj"),
}
"""What attention's layers are called in conformers and in SEW-D, and Parakeet's last."""
_PASSED_BY = frozenset({"q_proj", "k_proj", "v_proj", "out_proj"})
"""Layers whose weights WavLM's attention reads without calling them: adapters there would never learn."""


class CtcTrainable(TransformersTrainable):
    """A loaded CTC model with some of its parameters set to learn.

    ``encoder`` leaves the convolutions at the beginning alone, as wav2vec 2.0 does when it is fine-tuned (Baevski et
    al. 2020, section 4.2), ``decoder`` all but the head, ``last-n`` all but the last layers, adapters and the head.
    """

    def __init__(self, recognizer: CtcRecognizer, needs: Needs, folder: Path, recipe: Recipe) -> None:
        """See :meth:`Trainable.__init__`."""
        self._network = recognizer.network
        self.spectrogram = hasattr(recognizer.model.config, "encoder_config")
        super().__init__(recognizer, needs, folder, recipe)

    def features(self, windows: Sequence[Audio]) -> list[Tensor]:
        """See :meth:`Trainable.features`."""
        return self._recognizer.prepare(windows)

    @torch.no_grad()
    def frozen_prefix(self, features: Sequence[Tensor]) -> list[Tensor]:
        """See :meth:`Trainable.frozen_prefix`; shape ``(frames, width)`` each.

        That of the convolutions at the beginning; where the head alone learns, that of the whole encoder, one clip at
        a time, so that a clip's output does not depend on which others stand beside it.
        """
        fronts = [self._network.front(one.to(self.device, non_blocking=True)) for one in features]
        if self._whole:
            fronts = [self._network.encode([front])[0] for front in fronts]
        return [front.float() for front in fronts]

    def _loss(
        self, inputs: Sequence[Tensor], labels: Sequence[Sequence[int]], smoothing: float, *, past_prefix: bool
    ) -> Tensor:
        """Return the loss; a clip with fewer frames than its labels need has none.

        Smoothing is ``(1 - s) * CTC + s * sum over frames of KL(uniform || model)``: what Kim et al. 2018, "Improved
        training for online end-to-end speech recognition systems", do frame by frame, with the divergence that
        smoothed targets (Szegedy et al. 2016) give.
        """
        if not past_prefix:
            inputs = [self._network.front(one.to(self.device, non_blocking=True)) for one in inputs]
        hidden = list(inputs) if self._whole else self._network.encode(inputs)
        lengths = [len(one) for one in hidden]
        frames = functional.log_softmax(self._network.logits(torch.cat(hidden)).float(), dim=-1)
        blank = self._recognizer.tokenizer.blank
        loss = ctc_loss(pad_sequence(list(frames.split(lengths))), lengths, labels, blank)
        if smoothing:
            divergence = (-frames.mean(dim=-1) - torch.tensor(float(frames.shape[-1])).log()).sum()
            loss = (1 - smoothing) * loss + smoothing * divergence
        return loss

    def train(self) -> None:
        """See :meth:`Trainable.train`."""
        network = self._network
        whole = (network.encoder,) if self._whole else ()
        train_what_learns(self.model, (*network.front_parts, *network.layers, *whole))

    def save(self, folder: Path) -> None:
        """See :meth:`Trainable.save`.

        A model with an adapter for each language is saved with that of the language that it learned.
        """
        super().save(folder)
        if (language := self._recognizer.tokenizer.adapter) is not None:
            save_language(self._folder, folder, language)

    def _choose(self, recipe: Recipe) -> None:
        network = self._network
        if recipe.strategy == "lora":
            add_adapters(self.model, recipe.model_copy(update={"lora_sites": self._sites(recipe)}))
        else:
            last = (*list(network.layers)[-recipe.last_n :], *network.closing)
            frozen = {"encoder": network.front_parts, "decoder": (self.model,), "last-n": (self.model,)}
            learning = {"decoder": (network.head,), "last-n": last}
            for module in frozen.get(recipe.strategy, ()):
                module.requires_grad_(False)
            for module in learning.get(recipe.strategy, ()):
                module.requires_grad_(True)
        for name, parameter in self.model.named_parameters():
            if name.endswith("masked_spec_embed"):
                parameter.requires_grad_(False)  # SpecAugment is the recipe's, over audio or spectrogram
        for part in network.front_parts:
            if not learns(part) and hasattr(part, "_freeze_parameters"):
                part._freeze_parameters()  # else it asks for the gradient of the samples
        head = {id(parameter) for parameter in network.head.parameters()}
        rest = (parameter for parameter in self.model.parameters() if id(parameter) not in head)
        self._whole = not any(parameter.requires_grad for parameter in rest)
        past_prefix = bool(network.front_parts) and not any(map(learns, network.front_parts))
        self.has_frozen_prefix = self._whole or past_prefix
        if recipe.dropout:
            self._set_dropout(recipe.dropout)

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

    def _set_dropout(self, rate: float) -> None:
        """Set the dropout of hidden states, and not of attention, in the layers that learn."""
        for layer in filter(learns, self._network.layers):
            for name, module in layer.named_modules():
                if isinstance(module, nn.Dropout) and not name.startswith(("attention.", "self_attn.")):
                    module.p = rate
                elif hasattr(module, "activation_dropout"):  # Parakeet's feed-forward layers have this one
                    module.activation_dropout = rate
