"""NeMo's models as they learn: CTC, RNN-T, TDT, hybrids and Canary, from a ``.nemo`` file and back into one.

The loop around them is Acento's and not Lightning's ``fit``: that one resumes to other batches after a kill, warms up
for a fixed number of steps that a small set never has, takes each clip from a file of its own, and judges by the loss
of a batch. NeMo's modules are called one by one, so that features are made clip by clip, and losses are sums.

Batch normalization always uses the statistics that the model came with, and never those of a batch: else a clip's loss
would depend on its neighbors and on their padding, accumulated gradients would not be those of one large batch, and
150 clips would replace what thousands of hours have settled. Its scales and shifts learn all the same.

What a config adds to the loss to guide a training from nothing plays no part: losses inside the encoder (InterCTC), the
hurry of FastEmit, and TDT's mixture with RNN-T.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from acento.core.errors import ModelError
from acento.families.nemo.archive import describe, find
from acento.families.nemo.labels import NemoLabeler
from acento.families.nemo.labels import load as load_labeler
from acento.families.nemo.recognizer import NemoRecognizer, attended, laid_into_silence, quiet
from acento.families.nemo.recognizer import load as load_recognizer
from acento.families.nemo.transducer_loss import rnnt_loss, tdt_loss
from acento.models.base import Audio, DecodeOptions, DeviceType
from acento.models.trainable import Trainable
from acento.training.recipe import Recipe

NAME = "model.nemo"
"""The file that a checkpoint of this family is saved as."""
_LOSSES = ("default", "warprnnt", "warprnnt_numba", "pytorch", "tdt", "tdt_pytorch")
"""What a transducer's config may call its loss; the others are sums over alignments of another kind."""
_HEARING = ("encoder", "encoder_decoder_proj", "transf_encoder")
"""Parts of a model that belong to its encoder; all others belong to its decoder."""


def load(folder: Path, language: str | None, recipe: Recipe, device_type: DeviceType) -> "NemoTrainable":
    """Load a ``.nemo`` file in float32, whatever it is kept in, and freeze what the recipe says.

    Raises:
        ModelError: the archive is refused, or the model cannot do what the recipe asks.
    """
    options = DecodeOptions(
        language=language, device_type=device_type, dtype="float32", threads=torch.get_num_threads()
    )
    labeler = load_labeler(folder, language)
    return NemoTrainable(load_recognizer(folder, options), labeler, find(folder), recipe)


class NemoTrainable(Trainable):
    """A loaded NeMo model with some of its parameters set to learn."""

    def __init__(self, recognizer: NemoRecognizer, labeler: NemoLabeler, path: Path, recipe: Recipe) -> None:
        """Take a recognizer, whose weights will learn in place, and the file that it was loaded from.

        Raises:
            ModelError: the model cannot do what the recipe asks.
        """
        self.model: Any = recognizer.model
        self.window_s, self.max_labels = recognizer.window_s, labeler.needs.max_labels
        self._recognizer, self._writing, self._path = recognizer, labeler.writing, path
        self._kind = recognizer.kind
        self._recompute = recipe.activation_checkpointing
        if recipe.label_smoothing and self._kind != "multitask":
            raise ModelError(
                f"A NeMo model of kind {self._kind} has no label_smoothing: its loss sums over all ways to deal the "
                "text out over the frames, and aims at no token in any of them; leave it at 0."
            )
        loss = str((self.model.cfg.get("loss") or {}).get("loss_name", "default"))
        if self._kind in ("rnnt", "tdt", "hybrid") and loss not in _LOSSES:
            raise ModelError(
                f"The NeMo model {path} learns by the loss {loss!r}, which Acento has not; it can be decoded."
            )
        _choose(self.model, self._kind, recipe)
        encoder = self.model.encoder
        if hasattr(encoder, "att_context_size_all"):
            # streaming models learn in a random one of several contexts; what decodes is the first
            encoder.att_context_size_all = encoder.att_context_size_all[:1]
        self.has_frozen_prefix = not any(parameter.requires_grad for _, parameter in _named(self.model, hearing=True))
        if recipe.dropout:
            _set_dropout(self.model, recipe.dropout)
        if self._recompute:
            for layer in getattr(encoder, "layers", ()):
                layer.forward = _recomputed(layer.forward)

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

    def loss(
        self, inputs: Sequence[Tensor], labels: Sequence[Sequence[int]], smoothing: float, *, past_prefix: bool = False
    ) -> tuple[Tensor, int]:
        """See :meth:`Trainable.loss`.

        A clip whose text cannot be dealt out over its frames (CTC needs one for each label, and one more between equal
        ones) has no loss that is a number: with NeMo it counts as nothing, and so it does here.
        """
        if self.has_frozen_prefix and not past_prefix:
            inputs, past_prefix = self.frozen_prefix(inputs), True
        if past_prefix:
            frames = torch.tensor([len(one) for one in inputs], device=self._device)
            encoded = nn.utils.rnn.pad_sequence(list(inputs), batch_first=True).to(self._device).transpose(1, 2)
        else:
            encoded, frames = self._encode(inputs)
        count = sum(map(len, labels))
        if self._kind == "multitask":
            return self._token_loss(encoded, frames, labels, smoothing), count
        lengths = torch.tensor([len(ids) for ids in labels], device=self._device)
        targets = _padded(labels, 0).to(self._device)
        if self._kind == "ctc":
            return self._ctc_loss(self.model.decoder, encoded, frames, targets, lengths), count
        loss = self._transducer_loss(encoded, frames, targets, lengths)
        if self._kind == "hybrid":
            share = float(self.model.ctc_loss_weight)
            aligned = self._ctc_loss(self.model.ctc_decoder, encoded, frames, targets, lengths)
            loss = (1 - share) * loss + share * aligned
        return loss, count

    def recognizer(self) -> NemoRecognizer:
        """See :meth:`Trainable.recognizer`."""
        return self._recognizer

    def train(self) -> None:
        """See :meth:`Trainable.train`; batch normalization and all that is frozen stay as they evaluate."""
        self.model.train()
        for module in self.model.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
        for part in _parts(self.model):
            if not any(parameter.requires_grad for parameter in part.parameters()):
                part.eval()

    def save(self, folder: Path) -> None:
        """See :meth:`Trainable.save`: one ``model.nemo``, by NeMo's own ``save_to``.

        Config and tokenizer files are those of the archive that it was loaded from; weights are float32. NeMo's second
        model for times of words, in Canary 2, is not saved, as NeMo itself does not.
        """
        from omegaconf import OmegaConf

        used = self.model._cfg
        _, config = describe(self._path)
        with quiet():
            self.model._cfg = OmegaConf.create(config)
            try:
                self.model.save_to(str((folder / NAME).absolute()))
            finally:
                self.model._cfg = used

    @property
    def _device(self) -> torch.device:
        return next(self.model.encoder.parameters()).device

    @torch.no_grad()
    def _spectrogram(self, window: Audio) -> Tensor:
        """Return ``(bins, frames)`` on the host, as long as the clip."""
        samples = torch.tensor(laid_into_silence(window))[None]
        made, frames = self._recognizer.spectrograms(samples, torch.tensor([samples.shape[1]]))
        return made[0, :, : int(frames[0])].cpu()

    def _encode(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return encoder output, shape ``(clips, d_model, frames)``, and how many of the frames each clip has."""
        frames = torch.tensor([one.shape[1] for one in features])
        batch = nn.utils.rnn.pad_sequence([one.T for one in features], batch_first=True).transpose(1, 2)
        encoded, lengths = self.model.encoder(
            audio_signal=batch.to(self._device, non_blocking=True), length=frames.to(self._device)
        )
        return encoded, lengths

    def _ctc_loss(self, head: Any, encoded: Tensor, frames: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        likely = head(encoder_output=encoded).float().transpose(0, 1)
        return functional.ctc_loss(
            likely, targets, frames, lengths, blank=head.num_classes_with_blank - 1, reduction="sum", zero_infinity=True
        )

    def _transducer_loss(self, encoded: Tensor, frames: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """Return the loss over all frames and labels at once, or with activation checkpointing clip by clip.

        Its scores, frames times labels times vocabulary, are what fills a GPU's memory.
        """
        predicted, *_ = self.model.decoder(targets=targets, target_length=lengths)
        heard, told = encoded.transpose(1, 2), predicted.transpose(1, 2)
        if not (self._recompute and torch.is_grad_enabled()):
            return self._alignments(heard, told, targets, frames, lengths)
        total = heard.new_zeros(())
        for at, (length, labels) in enumerate(zip(frames.tolist(), lengths.tolist(), strict=True)):
            clip = slice(at, at + 1)
            total = total + checkpoint(
                self._alignments,
                heard[clip, :length],
                told[clip, : labels + 1],
                targets[clip, :labels],
                frames[clip],
                lengths[clip],
                use_reentrant=False,
            )
        return total

    def _alignments(self, heard: Tensor, told: Tensor, targets: Tensor, frames: Tensor, lengths: Tensor) -> Tensor:
        joint, config = self.model.joint, self.model.cfg.get("loss") or {}
        logits = joint.joint(heard, told).float()
        name = str(config.get("loss_name", "default"))
        blank = joint.num_classes_with_blank - 1 - joint.num_extra_outputs
        if not name.startswith("tdt"):
            return rnnt_loss(logits, targets, frames, lengths, blank=blank).sum()
        settings = config.get(f"{name}_kwargs") or {}
        return tdt_loss(
            logits,
            targets,
            frames,
            lengths,
            blank=blank,
            durations=list(settings["durations"]),
            sigma=float(settings.get("sigma", 0.0)),
        ).sum()

    def _token_loss(self, encoded: Tensor, frames: Tensor, labels: Sequence[Sequence[int]], smoothing: float) -> Tensor:
        """Return Canary's loss of text and end, given the prompt and the text before each token."""
        states, mask = attended(self.model, encoded, frames)
        prompt = self._writing.prompt
        given = [[*prompt, *ids[:-1]] for ids in labels]
        lengths = torch.tensor([len(ids) for ids in given], device=self._device)
        tokens = _padded(given, self._writing.end[0]).to(self._device)
        places = torch.arange(tokens.shape[1], device=self._device)
        hidden = self.model.transf_decoder(
            input_ids=tokens,
            decoder_mask=(places < lengths[:, None]).long(),
            encoder_embeddings=states,
            encoder_mask=mask,
        )
        learned = (places >= len(prompt) - 1) & (places < lengths[:, None])
        likely = self.model.log_softmax(hidden_states=hidden).float()[learned]
        wanted = torch.tensor([number for ids in labels for number in ids], device=self._device)
        return functional.cross_entropy(likely, wanted, reduction="sum", label_smoothing=smoothing)


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
    last = _last_layers(model, kind, recipe.last_n) if recipe.strategy == "last-n" else ()
    for hearing, strategies in ((True, ("encoder", "full")), (False, ("decoder", "full"))):
        for name, parameter in _named(model, hearing=hearing):
            parameter.requires_grad_(recipe.strategy in strategies or name.startswith(last))


def _last_layers(model: Any, kind: str, count: int) -> tuple[str, ...]:
    """Return how the names of the last layers' parameters begin: the encoder's, and those of Canary's decoder.

    The heads of CTC and of transducers are no stacks of layers, and rest.
    """
    if not hasattr(model.encoder, "layers"):
        raise ModelError("This NeMo model's encoder has no layers for last-n; take encoder, full or decoder.")
    stacks = {"encoder.layers": model.encoder.layers}
    if kind == "multitask":
        stacks["transf_decoder._decoder.layers"] = model.transf_decoder._decoder.layers
    return tuple(
        f"{stack}.{number}."
        for stack, layers in stacks.items()
        for number in range(max(0, len(layers) - count), len(layers))
    )


def _named(model: Any, *, hearing: bool) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield the parameters of the encoder, or all others, by name."""
    for name, parameter in model.named_parameters():
        if (name.partition(".")[0] in _HEARING) == hearing:
            yield name, parameter


def _parts(model: Any) -> list[nn.Module]:
    """Return a model's parts as finely as they are frozen."""
    encoder = model.encoder
    inside = [module for name, module in encoder.named_children() if name != "layers"]
    others = [module for name, module in model.named_children() if name != "encoder"]
    return [encoder, *inside, *getattr(encoder, "layers", ()), *others]


def _set_dropout(model: Any, share: float) -> None:
    """Set the dropout of hidden states in what learns; that of attention's weights stays."""
    for part in _parts(model):
        if any(parameter.requires_grad for parameter in part.parameters()):
            for name, module in part.named_modules():
                if isinstance(module, nn.Dropout) and "att" not in name:
                    module.p = share


def _recomputed(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Return a layer's forward pass that keeps no activations and makes them again for the gradient."""

    def called(*args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*args, **kwargs)
        return checkpoint(forward, *args, use_reentrant=False, **kwargs)

    return called


def _padded(rows: Sequence[Sequence[int]], filler: int) -> Tensor:
    """Return ids of different lengths as one table, shape ``(rows, longest)``."""
    return nn.utils.rnn.pad_sequence(
        [torch.tensor(list(row), dtype=torch.long) for row in rows], batch_first=True, padding_value=filler
    )
