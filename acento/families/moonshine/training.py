"""Moonshine as a model that learns: its convolutions hear each clip alone, its attention all clips of a batch.

Its learning rate is by width, as Whisper's: 5.6e-5 for moonshine-tiny, 3.3e-5 for moonshine-base. Fine-tunings of both
on the hub took 5e-6 (aomocelin/moonshine_tiny_pt_v08) to 2e-4 (h-gajdov/full_moonshine_base_all_data_wup1_ep3_lr2e-4).
"""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor
from transformers import MoonshineConfig

from acento.core.fingerprint import fingerprint
from acento.families.moonshine.recognizer import WINDOW_S, attend, embed, load_tokenizer, pad_clips
from acento.models.base import Audio
from acento.models.checkpoints.pretrained import explained
from acento.models.trainable import Labeler, Needs
from acento.training.data.tokenizer_files import decoder_labels, end_token, read_generation, tokenizer_digest
from acento.training.encoder_decoder import EncoderDecoderTrainable

LABELS_VERSION = 1
"""Raised by hand whenever the same text may get other labels from the same files."""


def load_labeler(folder: Path, language: str | None) -> Labeler:
    """Return the labels of one Moonshine, whatever its language: the text's tokens, the end. No label tells it."""
    with explained("The tokenizer of Moonshine", folder):
        config = MoonshineConfig.from_pretrained(folder, local_files_only=True)
        generation = read_generation(folder, config)
    tokenizer = load_tokenizer("Moonshine", folder, config)
    start, end = generation.decoder_start_token_id, end_token(generation)
    needs = Needs(
        family="moonshine",
        labels=fingerprint([LABELS_VERSION, tokenizer_digest(folder), start, end]),
        window_s=WINDOW_S,
        max_labels=config.max_position_embeddings,
        language=language,
    )
    return Labeler(needs, decoder_labels(tokenizer, generation))


class MoonshineTrainable(EncoderDecoderTrainable):
    """A loaded Moonshine with some of its parameters set to learn."""

    spectrogram = False

    def features(self, windows: Sequence[Audio]) -> list[Tensor]:
        """See :meth:`Trainable.features`; shape ``(samples,)`` each."""
        return [self._recognizer.values(window) for window in windows]

    def _pass_prefix(self, features: Sequence[Tensor]) -> list[Tensor]:
        embedded = self._embedded(features)
        hidden, mask = pad_clips(embedded)
        hidden = attend(self._encoder, hidden, mask, end=self._frozen)
        if self._frozen > len(self._encoder.layers):
            hidden = self._encoder.layer_norm(hidden)
        return [row[: len(own)] for row, own in zip(hidden, embedded, strict=True)]

    def encoded(self, inputs: Sequence[Tensor], *, past_prefix: bool) -> tuple[Tensor, Tensor | None]:
        """See :meth:`EncoderDecoderTrainable.encoded`."""
        hidden, mask = pad_clips(list(inputs) if past_prefix else self._embedded(inputs))
        if self._frozen > len(self._encoder.layers):
            return hidden, mask
        return self._encoder.layer_norm(attend(self._encoder, hidden, mask, first=self._frozen)), mask

    def _embedded(self, clips: Sequence[Tensor]) -> list[Tensor]:
        """Return what the encoder's layers are given, for each clip."""
        return [embed(self._encoder, clip.to(self.device, non_blocking=True)) for clip in clips]
