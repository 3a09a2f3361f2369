"""Whisper as a model that learns: every size, multilingual or English-only, 80 or 128 mel bins, any window.

What a checkpoint's config says of SpecAugment plays no part: masking is the recipe's, over speech only.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import WhisperConfig

from acento.core.fingerprint import fingerprint
from acento.data.utterance import SAMPLE_RATE
from acento.families.whisper.encoder import embed
from acento.families.whisper.prompt import read_prompt
from acento.families.whisper.recognizer import WhisperRecognizer, load_writing
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.pretrained import load_part
from acento.models.trainable import FittingTrainable, Labeler, Needs, States
from acento.training.data.tokenizer_files import decoder_labels, end_token, tokenizer_digest, untold_language
from acento.training.encoder_decoder import EncoderDecoderTrainable
from acento.training.losses import states_loss
from acento.training.recipe import Recipe

LABELS_VERSION = 1
"""Raised by hand whenever the same text may get other labels from the same files."""
_HOP = 160
"""Samples from mel frame to mel frame, in every Whisper."""


def load_labeler(folder: Path, language: str | None) -> Labeler:
    """Return the labels of one Whisper for one language: the rest of its prompt, the text's tokens, the end.

    The decoder's start token is none of them: the model is given it, and would learn to write it twice. The language,
    the task and "no timestamps" come first, as when it decodes.
    """
    config = load_part("Whisper", WhisperConfig.from_pretrained, folder)
    tokenizer, generation = load_writing(folder, config)
    prompt = read_prompt(generation, DecodeOptions(language=language))
    if prompt.languages and prompt.language is None:
        raise untold_language()
    start, *learned = prompt.ids(prompt.language)
    needs = Needs(
        family="whisper",
        labels=fingerprint([LABELS_VERSION, tokenizer_digest(folder), start, learned, end_token(generation)]),
        window_s=config.max_source_positions * 2 * _HOP / SAMPLE_RATE,
        max_labels=config.max_target_positions,
        language=language,
    )
    return Labeler(needs, decoder_labels(tokenizer, generation, learned))


class WhisperTrainable(EncoderDecoderTrainable, FittingTrainable):
    """A loaded Whisper with some of its parameters set to learn."""

    fills_window = True

    def __init__(self, recognizer: WhisperRecognizer, needs: Needs, folder: Path, recipe: Recipe) -> None:
        """See :meth:`Trainable.__init__`."""
        # sinusoids, fixed by design; from_pretrained of transformers 5 forgets that they are
        recognizer.model.model.encoder.embed_positions.requires_grad_(False)
        super().__init__(recognizer, needs, folder, recipe)
        # who learns short windows from itself is as free to write other languages as before
        self._language = needs.language if recipe.objective == "text" else None
        self.fits = recipe.window == "fit"
        self.fills_window = not self.fits

    def features(self, windows: Sequence[Audio]) -> list[Tensor]:
        """See :meth:`Trainable.features`; the whole window, or in fitted ones the clip and at least a silent frame."""
        if self.fits:
            return [self._recognizer.log_mel_of(window)[0].clone() for window in windows]
        return list(self._recognizer.log_mel(windows).clone())  # made in inference mode, which no gradient may follow

    def in_context(self, features: Sequence[Tensor], context: int | None) -> list[Tensor]:
        """See :meth:`Trainable.in_context`; a clip's last frame is what silence is beside it."""
        frames = 2 * self.model.config.max_source_positions if context is None else context // _HOP
        return [functional.pad(one, (0, frames - one.shape[-1]), value=float(one[0, -1])) for one in features]

    def _pass_prefix(self, features: Sequence[Tensor]) -> Tensor:
        hidden = embed(self._encoder, self._stacked(features))
        for layer in self._encoder.layers[: self._frozen]:
            hidden = layer(hidden, None)
        return self._encoder.layer_norm(hidden) if self._frozen > len(self._encoder.layers) else hidden

    def encoded(self, inputs: Sequence[Tensor], *, past_prefix: bool) -> tuple[Tensor, None]:
        """See :meth:`EncoderDecoderTrainable.encoded`; a window has no padding."""
        batch = self._stacked(inputs)
        if past_prefix:
            return self._rest(batch), None
        if self.fits:  # the encoder's own forward takes the whole window only
            hidden = embed(self._encoder, batch)
            hidden = functional.dropout(hidden, self._encoder.dropout, training=self._encoder.training)
            return self._rest(hidden), None
        return self._encoder(batch).last_hidden_state, None

    def states(
        self,
        inputs: Sequence[Tensor],
        labels: Sequence[Sequence[int]],
        samples: Sequence[int],
        *,
        past_prefix: bool = False,
    ) -> States:
        """See :meth:`FittingTrainable.states`; an encoder frame is 20 ms."""
        if self.has_frozen_prefix and not past_prefix:
            inputs, past_prefix = self.frozen_prefix(inputs), True
        encoded, _ = self.encoded(inputs, past_prefix=past_prefix)
        decoded = self._decoded(labels, encoded, None)
        frames = [-(-count // (2 * _HOP)) for count in samples]
        return States(
            [row[:count] for row, count in zip(encoded, frames, strict=True)],
            list(decoded.split([len(ids) for ids in labels])),
        )

    def logits(self, states: States) -> Tensor:
        """See :meth:`FittingTrainable.logits`."""
        logits: Tensor = self.model.proj_out(torch.cat(states.decoded))
        return logits

    def states_loss(self, states: States, labels: Sequence[Sequence[int]], smoothing: float) -> Tensor:
        """See :meth:`FittingTrainable.states_loss`."""
        return states_loss(torch.cat(states.decoded), labels, self.model.proj_out, smoothing)

    def _set_generation(self, generation: Any) -> None:
        if getattr(generation, "forced_decoder_ids", None) is not None:
            generation.forced_decoder_ids = None  # the old way to say it, and against it today's generate() raises
        if self._language is not None and getattr(generation, "lang_to_id", None):
            generation.language, generation.task = self._language, "transcribe"

    def _stacked(self, clips: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(clips)).to(self.device, non_blocking=True)

    def _rest(self, hidden: Tensor) -> Tensor:
        """Return the encoder's output from that of its frozen prefix; the layers that learn may be dropped whole."""
        encoder = self._encoder
        for layer in encoder.layers[self._frozen :]:
            dropped = encoder.training and encoder.layerdrop > 0 and torch.rand([]).item() < encoder.layerdrop
            if not dropped:
                hidden = layer(hidden, None)
        return hidden if self._frozen > len(encoder.layers) else encoder.layer_norm(hidden)
