"""NeMo's models as they learn: CTC, RNN-T, TDT, hybrids and Canary, from a ``.nemo`` file and back into one.

The loop around them is Acento's and not Lightning's ``fit``: that one resumes to other batches after a kill, warms up
for a fixed number of steps that a small set never has, takes each clip from a file of its own, and judges by the loss
of a batch. NeMo's modules are called one by one, so that features are made clip by clip, and losses are sums.

What a config adds to the loss to guide a training from nothing plays no part: losses inside the encoder (InterCTC), the
hurry of FastEmit, and TDT's mixture with RNN-T.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.checkpoint import checkpoint

from acento.core.errors import ModelError
from acento.families.nemo.archive import describe, find
from acento.families.nemo.recognizer import NemoRecognizer, decoder_inputs, padded_to_a_second, quiet
from acento.families.nemo.transducer_loss import rnnt_loss, tdt_loss
from acento.models.base import Audio
from acento.models.trainable import Needs, Trainable
from acento.training.losses import ctc_loss, sequence_loss
from acento.training.recipe import Recipe
from acento.training.strategies import learns, train_what_learns

NAME = "model.nemo"
"""The file that a checkpoint of this family is saved as."""
_LOSSES = ("default", "warprnnt", "warprnnt_numba", "pytorch", "tdt", "tdt_pytorch")
"""What a transducer's config may call its loss; the others are sums over alignments of another kind."""
_ENCODER = ("encoder", "encoder_decoder_proj", "transf_encoder")
"""Parts of a model that belong to its encoder; all others belong to its decoder."""


class NemoTrainable(Trainable):
    """A loaded NeMo model with some of its parameters set to learn."""

    def __init__(self, recognizer: NemoRecognizer, needs: Needs, folder: Path, recipe: Recipe) -> None:
        """See :meth:`Trainable.__init__`; raise ModelError where the model cannot do what the recipe asks."""
        super().__init__(recognizer, needs, find(folder))
        self._kind, self._recompute = recognizer.kind, recipe.activation_checkpointing
        if recipe.label_smoothing and self._kind != "multitask":
            raise ModelError(
                f"A NeMo model of kind {self._kind} has no label_smoothing: its loss sums over all ways to deal the "
                "text out over the frames, and aims at no token in any of them; leave it at 0."
            )
        loss = str((self.model.cfg.get("loss") or {}).get("loss_name", "default"))
        if self._kind in ("rnnt", "tdt", "hybrid") and loss not in _LOSSES:
            raise ModelError(
                f"The NeMo model {self._folder} learns by the loss {loss!r}, which Acento has not; it can be decoded."
            )
        _choose(self.model, self._kind, recipe)
        encoder = self.model.encoder
        if hasattr(encoder, "att_context_size_all"):
            # streaming models learn in a random one of several contexts; what decodes is the first
            encoder.att_context_size_all = encoder.att_context_size_all[:1]
        self.has_frozen_prefix = not any(map(_in_encoder, self.learned()))
        if recipe.dropout:
            _set_dropout(self.model, recipe.dropout)
        if self._recompute:
            for layer in getattr(encoder, "layers", ()):
                layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)

    def features(self, windows: Sequence[Audio]) -> list[Tensor]:
        """See :meth:`Trainable.features`: log-mel, normalized by clip as the model was trained, without dither.

        A clip of less than a second lies in a second of silence, as when it is decoded; masks do not know that, and
        lie half of the silence too early.
        """
        return [self._spectrogram(window) for window in windows]

    @torch.no_grad()
    def frozen_prefix(self, features: Sequence[Tensor]) -> list[Tensor]:
        """See :meth:`Trainable.frozen_prefix`; shape ``(encoder frames, d_model)`` each, one clip at a time."""
        parts = []
        for one in features:
            encoded, frames = self._encode([one])
            parts.append(encoded[0, :, : int(frames[0])].T.float())
        return parts

    def _loss(
        self, inputs: Sequence[Tensor], labels: Sequence[Sequence[int]], smoothing: float, *, past_prefix: bool
    ) -> Tensor:
        """Return the loss.

        A clip whose text cannot be dealt out over its frames (CTC needs one for each label, and one more between equal
        ones) has no loss that is a number: with NeMo it counts as nothing, and so it does here.
        """
        if past_prefix:
            frames = torch.tensor([len(one) for one in inputs], device=self.device)
            encoded = pad_sequence(list(inputs), batch_first=True).to(self.device).transpose(1, 2)
        else:
            encoded, frames = self._encode(inputs)
        if self._kind == "multitask":
            return self._token_loss(encoded, frames, labels, smoothing)
        if self._kind == "ctc":
            return self._ctc_loss(self.model.decoder, encoded, frames, labels)
        loss = self._transducer_loss(encoded, frames, labels)
        if self._kind == "hybrid":
            share = float(self.model.ctc_loss_weight)
            loss = (1 - share) * loss + share * self._ctc_loss(self.model.ctc_decoder, encoded, frames, labels)
        return loss

    def train(self) -> None:
        """See :meth:`Trainable.train`."""
        train_what_learns(self.model, _parts(self.model))

    def save(self, folder: Path) -> None:
        """See :meth:`Trainable.save`: one ``model.nemo``, by NeMo's own ``save_to``.

        Config and tokenizer files are those of the archive that it was loaded from; weights are float32. NeMo's second
        model for times of words, in Canary 2, is not saved, as NeMo itself does not.
        """
        from omegaconf import OmegaConf

        used = self.model._cfg
        _, config = describe(self._folder)
        with quiet():
            self.model._cfg = OmegaConf.create(config)
            try:
                self.model.save_to(str((folder / NAME).absolute()))
            finally:
                self.model._cfg = used

    @torch.no_grad()
    def _spectrogram(self, window: Audio) -> Tensor:
        """Return ``(bins, frames)`` on the host, as long as the clip."""
        samples = torch.tensor(padded_to_a_second(window))[None]
        made, frames = self._recognizer.spectrograms(samples, torch.tensor([samples.shape[1]]))
        return made[0, :, : int(frames[0])].cpu()

    def _encode(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return encoder output, shape ``(clips, d_model, frames)``, and how many of the frames each clip has."""
        frames = torch.tensor([one.shape[1] for one in features])
        batch = pad_sequence([one.T for one in features], batch_first=True).transpose(1, 2)
        encoded, lengths = self.model.encoder(
            audio_signal=batch.to(self.device, non_blocking=True), length=frames.to(self.device)
        )
        return encoded, lengths

    def _ctc_loss(self, head: Any, encoded: Tensor, frames: Tensor, labels: Sequence[Sequence[int]]) -> Tensor:
        log_probs = head(encoder_output=encoded).float().transpose(0, 1)
        return ctc_loss(log_probs, frames.tolist(), labels, head.num_classes_with_blank - 1)

    def _transducer_loss(self, encoded: Tensor, frames: Tensor, labels: Sequence[Sequence[int]]) -> Tensor:
        """Return the loss over all frames and labels at once, or with activation checkpointing clip by clip.

        Its scores, frames times labels times vocabulary, are what fills a GPU's memory.
        """
        lengths = torch.tensor([len(ids) for ids in labels], device=self.device)
        rows = [torch.tensor(ids, dtype=torch.long) for ids in labels]
        targets = pad_sequence(rows, batch_first=True).to(self.device)
        predicted, *_ = self.model.decoder(targets=targets, target_length=lengths)
        encoded, predicted = encoded.transpose(1, 2), predicted.transpose(1, 2)
        if not (self._recompute and torch.is_grad_enabled()):
            return self._alignments(encoded, predicted, targets, frames, lengths)
        total = encoded.new_zeros(())
        for at, (length, ids) in enumerate(zip(frames.tolist(), labels, strict=True)):
            clip = slice(at, at + 1)
            total = total + checkpoint(
                self._alignments,
                encoded[clip, :length],
                predicted[clip, : len(ids) + 1],
                targets[clip, : len(ids)],
                frames[clip],
                lengths[clip],
                use_reentrant=False,
            )
        return total

    def _alignments(self, encoded: Tensor, predicted: Tensor, *text: Tensor) -> Tensor:
        """Return the sum of the losses; ``text`` is the targets, and how many frames and labels each clip has."""
        joint, config = self.model.joint, self.model.cfg.get("loss") or {}
        logits = joint.joint(encoded, predicted).float()
        name = str(config.get("loss_name", "default"))
        blank = joint.num_classes_with_blank - 1 - joint.num_extra_outputs
        if not name.startswith("tdt"):
            return rnnt_loss(logits, *text, blank=blank).sum()
        settings = config.get(f"{name}_kwargs") or {}
        durations, sigma = list(settings["durations"]), float(settings.get("sigma", 0.0))
        return tdt_loss(logits, *text, blank=blank, durations=durations, sigma=sigma).sum()

    def _token_loss(self, encoded: Tensor, frames: Tensor, labels: Sequence[Sequence[int]], smoothing: float) -> Tensor:
        """Return Canary's loss of text and end, given the prompt and the text before each token."""
        states, mask = decoder_inputs(self.model, encoded, frames)
        prompt, (end,) = self._recognizer.writing.prompt, self._recognizer.writing.end
        lengths = torch.tensor([len(prompt) - 1 + len(ids) for ids in labels], device=self.device)

        def decode(given: Tensor) -> Tensor:
            hidden = self.model.transf_decoder(
                input_ids=given,
                decoder_mask=(torch.arange(given.shape[1], device=self.device) < lengths[:, None]).long(),
                encoder_embeddings=states,
                encoder_mask=mask,
            )
            log_probs: Tensor = self.model.log_softmax(hidden_states=hidden)
            return log_probs

        return sequence_loss(labels, decode, nn.Identity(), smoothing, prompt=prompt, filler=end, device=self.device)


def _choose(model: Any, kind: str, recipe: Recipe) -> None:
    """Set ``requires_grad`` as the recipe's strategy says.

    Raises:
        ModelError: the strategy is none of this family's, or the encoder has no layers to count.
    """
    if recipe.strategy == "lora":
        raise ModelError(
            "A NeMo model has no strategy lora: its file has no place for adapters that other programs would read; "
            "take encoder, full, decoder or last-n."
        )
    last: set[int] = set()
    if recipe.strategy == "last-n":  # the heads of CTC and of transducers are no stacks of layers, and rest
        if not hasattr(model.encoder, "layers"):
            raise ModelError("This NeMo model's encoder has no layers for last-n; take encoder, full or decoder.")
        stacks = [model.encoder.layers, *([model.transf_decoder._decoder.layers] if kind == "multitask" else [])]
        layers = [layer for stack in stacks for layer in list(stack)[-recipe.last_n :]]
        last = {id(parameter) for layer in layers for parameter in layer.parameters()}
    for name, parameter in model.named_parameters():
        part = "encoder" if _in_encoder(name) else "decoder"
        parameter.requires_grad_(recipe.strategy in (part, "full") or id(parameter) in last)


def _in_encoder(name: str) -> bool:
    return name.partition(".")[0] in _ENCODER


def _parts(model: Any) -> list[nn.Module]:
    """Return a model's parts as finely as they are frozen."""
    encoder = model.encoder
    inside = [module for name, module in encoder.named_children() if name != "layers"]
    others = [module for name, module in model.named_children() if name != "encoder"]
    return [encoder, *inside, *getattr(encoder, "layers", ()), *others]


def _set_dropout(model: Any, share: float) -> None:
    """Set the dropout of hidden states in what learns; that of attention's weights stays."""
    for part in _parts(model):
        if learns(part):
            for name, module in part.named_modules():
                if isinstance(module, nn.Dropout) and "att" not in name:
                    module.p = share
