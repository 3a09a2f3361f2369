"""Voxtral as a model that learns: adapters on its language model, or its ears: audio encoder and projector.

Clips are at most one chunk (30 s) long, so that what a frozen encoder makes of them can be kept.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from transformers import VoxtralConfig

from acento.core.errors import ModelError
from acento.core.fingerprint import fingerprint, sha256_file
from acento.data.utterance import SAMPLE_RATE
from acento.families.voxtral.recognizer import load_tokenizer, most_tokens, read_prompt
from acento.families.voxtral.tekken import FILE
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.pretrained import load_part
from acento.models.trainable import Labeler, Needs
from acento.training.encoder_decoder import TransformersTrainable
from acento.training.recipe import Recipe
from acento.training.strategies import add_adapters

LABELS_VERSION = 1
"""Raised by hand whenever the same text may get other labels from the same files."""
_HOP = 160
"""Samples from mel frame to mel frame, in every Voxtral."""


def load_labeler(folder: Path, language: str | None) -> Labeler:
    """Return the labels of one Voxtral: the text's tokens, the end.

    The request, and the language in it, come before them and are not learned. What looks like a special token in the
    text is letters like any other.
    """
    config = load_part("Voxtral", VoxtralConfig.from_pretrained, folder)
    tokenizer = load_tokenizer(folder, config)
    end = read_prompt(tokenizer, config, DecodeOptions(language=language)).end
    seconds = config.audio_config.max_source_positions * 2 * _HOP / SAMPLE_RATE
    needs = Needs(
        family="voxtral",
        labels=fingerprint([LABELS_VERSION, sha256_file(folder / FILE), end]),
        window_s=seconds,
        max_labels=most_tokens(seconds),
        language=language,
    )
    return Labeler(needs, lambda text: [*tokenizer.encode(text.strip()), end])


class VoxtralTrainable(TransformersTrainable):
    """A loaded Voxtral with some of its parameters set to learn."""

    fills_window = True

    def features(self, windows: Sequence[Audio]) -> list[Tensor]:
        """See :meth:`Trainable.features`; always the whole chunk, as Voxtral was trained."""
        return [self._recognizer.log_mel(window)[0].clone() for window in windows]  # made in inference mode

    @torch.no_grad()
    def frozen_prefix(self, features: Sequence[Tensor]) -> list[Tensor]:
        """See :meth:`Trainable.frozen_prefix`: what the language model reads, shape ``(tokens, hidden)`` each."""
        return [audio.float() for audio in self._encoded(features)]

    def _loss(
        self, inputs: Sequence[Tensor], labels: Sequence[Sequence[int]], smoothing: float, *, past_prefix: bool
    ) -> Tensor:
        """Return the loss; the language model is given the request and the labels, but for the last.

        Padding comes last, where nothing that is learned looks: each place hears those before it only.
        """
        audio = inputs if past_prefix else self._encoded(inputs)
        rows = [self._recognizer.embed_prompt(part, ids[:-1]) for part, ids in zip(audio, labels, strict=True)]
        read = pad_sequence(rows, batch_first=True)
        hidden = self.model.model.language_model(inputs_embeds=read, use_cache=False).last_hidden_state
        # the projection to the vocabulary is the largest product of all: request and padding do not take part in it
        wanted = torch.tensor([one for ids in labels for one in ids], device=read.device)
        states = [
            hidden[row, len(given) - len(ids) : len(given)]
            for row, (given, ids) in enumerate(zip(rows, labels, strict=True))
        ]
        logits = self.model.lm_head(torch.cat(states)).float()
        return functional.cross_entropy(logits, wanted, reduction="sum", label_smoothing=smoothing)

    def train(self) -> None:
        """See :meth:`Trainable.train`."""
        self.model.train()
        if self.has_frozen_prefix:
            self.model.model.audio_tower.eval()
            self.model.model.multi_modal_projector.eval()

    def _choose(self, recipe: Recipe) -> None:
        """Freeze all but what the recipe's strategy names; adapters leave the whole prefix frozen."""
        self.has_frozen_prefix = recipe.strategy == "lora"
        if self.has_frozen_prefix:
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
            tower = self.model.model.audio_tower
            for module in (tower, *tower.layers):
                module.dropout = recipe.dropout

    def _encoded(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return what the language model reads for each clip."""
        return list(self._recognizer.encode_audio(torch.stack(list(features))).chunk(len(features)))


def _in_ears(name: str) -> bool:
    """Tell whether a parameter is one of the audio encoder or of the projector."""
    return ".audio_tower." in name or ".multi_modal_projector." in name
