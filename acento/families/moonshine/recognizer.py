"""The Moonshine family on transformers: raw audio of any length in, one language for each checkpoint.

Moonshine normalizes over all of a clip's time, and its streaming variant lets convolutions look past the end of a clip
into padding that they take for speech. So what comes before the first attention hears each clip alone and unpadded, as
when it is transcribed alone; only then are clips padded to one length, and the padding is masked.
"""

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedTokenizerFast, Wav2Vec2FeatureExtractor
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.moonshine.modeling_moonshine import (
    MoonshineEncoderModelOutput,
    MoonshineForConditionalGeneration,
)
from transformers.models.moonshine_streaming.modeling_moonshine_streaming import (
    MoonshineStreamingEncoderModelOutput,
    MoonshineStreamingForConditionalGeneration,
)

from acento.core.errors import ModelError
from acento.data.utterance import SAMPLE_RATE
from acento.models.autoregressive import GreedyRecognizer
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.pretrained import generate_greedy, load_part, load_pretrained
from acento.models.checkpoints.self_check import check_end, check_pretrained
from acento.models.timing.attention import read_again
from acento.models.timing.words import Timed

WINDOW_S: Final = 30.0
"""Moonshine takes any length, but its makers recommend to stay below about 30 s (README of moonshine-ai/moonshine);
moonshine-tiny's 194 positions are 30 s of English at ``_ENGLISH_RATE``."""
_ENGLISH_RATE: Final = 6.5
"""Tokens for each second of English, beyond which the model only repeats itself (model card of moonshine-tiny)."""
_OTHER_RATE: Final = 13.0
"""The same for other languages (README of moonshine-ai/moonshine, ``max_tokens_per_second``), which the vocabulary,
made for English, cuts into more tokens."""
_SHORTEST_TEXT: Final = 8
"""Tokens that any clip may have, so that a word of a third of a second is not cut off."""
_LEAST_SAMPLES: Final = 895
"""Samples from which the convolutions (kernels 127, 7, 3; strides 64, 3, 2) make their first frame."""


def load(folder: Path, options: DecodeOptions) -> "MoonshineRecognizer":
    """Load a Moonshine checkpoint; see :meth:`Family.load`.

    Nothing in its files says which language a checkpoint hears, so ``options.language`` is believed; it decides how
    long a text may become for each second of audio.
    """
    return _load("Moonshine", MoonshineForConditionalGeneration, MoonshineRecognizer, folder, options)


def load_streaming(folder: Path, options: DecodeOptions) -> "MoonshineRecognizer":
    """Load a Moonshine Streaming checkpoint, to transcribe whole clips; see :meth:`Family.load`."""
    kind = MoonshineStreamingForConditionalGeneration
    return _load("Moonshine Streaming", kind, StreamingMoonshineRecognizer, folder, options)


def _load(
    title: str, kind: Any, recognizer: "type[MoonshineRecognizer]", folder: Path, options: DecodeOptions
) -> "MoonshineRecognizer":
    if options.task != "transcribe":
        raise ModelError(f"{title} writes what is said and knows no task {options.task!r}; take a Whisper or a Canary.")
    model = load_pretrained(title, kind, folder, options)
    extractor = load_part(title, Wav2Vec2FeatureExtractor.from_pretrained, folder)
    return recognizer(model, extractor, load_tokenizer(title, folder, model.config), options)


def load_tokenizer(title: str, folder: Path, config: Any) -> Any:
    """Load the tokenizer of a Moonshine; raise ModelError where it is damaged or writes no text of this model."""
    tokenizer = load_part(title, PreTrainedTokenizerFast.from_pretrained, folder)
    check_pretrained(folder, config.vocab_size, tokenizer)
    check_end(folder, config.eos_token_id, tokenizer)
    return tokenizer


class MoonshineRecognizer(GreedyRecognizer):
    """A loaded Moonshine."""

    window_s: float = WINDOW_S
    least_samples: int = _LEAST_SAMPLES
    frame_s: float = 384 / SAMPLE_RATE
    """Seconds of the encoder's frame."""
    offset_s: float = (_LEAST_SAMPLES - 384) / 2 / SAMPLE_RATE
    """Seconds by which the middle of what it hears is behind its own."""

    def __init__(self, model: Any, extractor: Any, tokenizer: Any, options: DecodeOptions) -> None:
        """Take a model that is on its device, in evaluation mode."""
        super().__init__(model, tokenizer)
        self._extractor = extractor
        self._words = options.words
        self._rate = _ENGLISH_RATE if options.language == "en" else _OTHER_RATE
        self._longest_text: int = model.config.max_position_embeddings - 1  # the end has a place too

    def values(self, window: Audio) -> Tensor:
        """Return a clip's samples, shape ``(samples,)``, at least so many that the model makes one frame of them."""
        values = np.pad(window, (0, max(0, self.least_samples - len(window))))
        made = self._extractor(values, sampling_rate=SAMPLE_RATE, return_tensors="pt")
        return cast(Tensor, made.input_values[0])

    def limit(self, samples: int) -> int:
        """See :meth:`GreedyRecognizer.limit`; an empty clip has no text."""
        spoken = max(_SHORTEST_TEXT, ceil(self._rate * samples / SAMPLE_RATE))
        return min(self._longest_text, spoken) if samples else 0

    def write(self, values: Sequence[Tensor], limits: Sequence[int]) -> list[list[int]] | list[Timed]:
        """See :meth:`GreedyRecognizer.write`."""
        encoded = self._encode(values)
        texts = generate_greedy(self._model, limits, encoder_outputs=encoded)
        if not self._words:
            return texts
        config, mask = self._model.config, encoded.attention_mask
        hidden = encoded.last_hidden_state
        return read_again(
            self._model,
            texts,
            attentions=[layer.encoder_attn for layer in self._model.model.decoder.layers],
            prompt=[config.decoder_start_token_id],
            end=config.eos_token_id,
            frames=[hidden.shape[1]] * len(texts) if mask is None else mask.sum(dim=-1).tolist(),
            frame_s=self.frame_s,
            offset_s=self.offset_s,
            encoder_outputs=encoded,
        )

    def _encode(self, values: Sequence[Tensor]) -> BaseModelOutput:
        """Return the encoder's output and mask."""
        encoder = self._model.model.encoder
        hidden, mask = pad_clips([embed(encoder, self._on_device(one)) for one in values])
        hidden = encoder.layer_norm(attend(encoder, hidden, mask))
        return MoonshineEncoderModelOutput(last_hidden_state=hidden, attention_mask=mask)

    def _on_device(self, values: Tensor) -> Tensor:
        return values.to(self._device, self._model.dtype, non_blocking=True)


class StreamingMoonshineRecognizer(MoonshineRecognizer):
    """A loaded Moonshine Streaming, which hears whole clips here; its windows of attention are those of its config."""

    frame_s, offset_s = 320 / SAMPLE_RATE, 0.0

    def __init__(self, model: Any, extractor: Any, tokenizer: Any, options: DecodeOptions) -> None:
        """Take a model that is on its device, in evaluation mode."""
        super().__init__(model, extractor, tokenizer, options)
        self.least_samples: int = model.model.encoder.embedder.frame_len

    def _encode(self, values: Sequence[Tensor]) -> BaseModelOutput:
        encoder = self._model.model.encoder
        hidden, mask = pad_clips([self._embed(one) for one in values])
        for layer, (before, after) in zip(encoder.layers, encoder.config.sliding_windows, strict=True):
            hidden = layer(hidden, attention_mask=_window(hidden, mask, before, after))
        hidden = encoder.final_norm(hidden)
        return MoonshineStreamingEncoderModelOutput(last_hidden_state=hidden, attention_mask=mask)

    def _embed(self, values: Tensor) -> Tensor:
        """Return a clip's frames of 20 ms, shape ``(frames, hidden)``; as transformers, up to whole frames of 5 ms."""
        padded = functional.pad(self._on_device(values), (0, -len(values) % self.least_samples))
        own = torch.arange(len(padded), device=padded.device) < len(values)
        hidden, _ = self._model.model.encoder.embedder(padded[None], padding_mask=own[None])
        return hidden[0]


def embed(encoder: Any, values: Tensor) -> Tensor:
    """Return the frames that a Moonshine's convolutions make of one clip, shape ``(frames, hidden)``, 24 ms each."""
    hidden = torch.tanh(encoder.conv1(values[None, None]))
    hidden = functional.gelu(encoder.conv2(encoder.groupnorm(hidden)))
    return functional.gelu(encoder.conv3(hidden))[0].T


def pad_clips(clips: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
    """Return clips' frames padded to one length, ``(clips, frames, hidden)``, and which of them are the clip's own.

    The mask, shape ``(clips, frames)``, is None where all clips are of one length.
    """
    lengths = torch.tensor([len(clip) for clip in clips], device=clips[0].device)
    hidden = pad_sequence(list(clips), batch_first=True)
    if len({len(clip) for clip in clips}) == 1:
        return hidden, None
    return hidden, torch.arange(hidden.shape[1], device=hidden.device) < lengths[:, None]


def attend(encoder: Any, hidden: Tensor, mask: Tensor | None, first: int = 0, end: int | None = None) -> Tensor:
    """Return frames after a Moonshine encoder's layers from ``first`` to before ``end``, as its ``forward`` does it."""
    attention = create_bidirectional_mask(config=encoder.config, inputs_embeds=hidden, attention_mask=mask)
    positions = torch.arange(hidden.shape[1], device=hidden.device)[None]
    rotary = encoder.rotary_emb(hidden, position_ids=positions)
    for layer in encoder.layers[first:end]:
        hidden = layer(hidden, attention_mask=attention, position_ids=positions, position_embeddings=rotary)
    return hidden


def _window(hidden: Tensor, mask: Tensor | None, before: int, after: int) -> Tensor:
    """Return which frames each frame hears, shape ``(clips or 1, 1, frames, frames)``, as transformers counts them.

    A frame hears itself and those less than ``before`` before it and less than ``after`` after it (whether one more
    should be heard is asked in transformers' issue 46305). Padding hears itself: what hears nothing is no number.
    """
    place = torch.arange(hidden.shape[1], device=hidden.device)
    distance = place[:, None] - place
    near = ((distance >= 0) & (distance < before)) | ((distance < 0) & (-distance < after))
    if mask is None:
        return near[None, None]
    return (near & mask[:, None, None, :]) | (distance == 0)
