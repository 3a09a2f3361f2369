"""What CTC models hear of a clip: its samples, or a log-mel spectrogram. A clip's features depend on no other clip."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from acento.core.errors import ModelError
from acento.data.utterance import SAMPLE_RATE
from acento.models.base import Audio
from acento.models.log_mel import check_bins

FeatureMaker = Callable[[Audio], Tensor]
"""Returns a clip's features, float32, in host memory."""

_FEWEST_FRAMES = 4
"""Audio that is shorter than these frames is filled up with silence: convolutions and variances need some."""


def feature_maker(config: Any, extractor: Any) -> FeatureMaker:
    """Return what makes the features of a model, as its feature extractor makes them for one clip alone.

    Raises:
        ModelError: the extractor hears another sampling rate than 16 kHz, or makes other features than the model wants.
    """
    if extractor.sampling_rate != SAMPLE_RATE:
        raise ModelError(f"The model hears {extractor.sampling_rate} Hz, and Acento gives it {SAMPLE_RATE} Hz only.")
    if hasattr(config, "conv_stride"):
        return partial(_waveform, extractor, receptive_field(config, _FEWEST_FRAMES))
    encoder = getattr(config, "encoder_config", None)
    if encoder is not None:
        check_bins(encoder.num_mel_bins, extractor.feature_size, what="values a frame")
        return partial(_parakeet_mel, extractor)
    check_bins(config.feature_projection_input_dim, extractor.num_mel_bins * extractor.stride, what="values a frame")
    return partial(_stacked_mel, extractor)


def receptive_field(config: Any, frames: int) -> int:
    """Return how many samples a convolutional feature extractor needs for so many frames."""
    for kernel, stride in reversed(list(zip(config.conv_kernel, config.conv_stride, strict=True))):
        frames = (frames - 1) * stride + kernel
    return frames


def _waveform(extractor: Any, fewest: int, audio: Audio) -> Tensor:
    """Return samples, shape ``(samples,)``, of mean 0 and variance 1 where the model wants it."""
    if extractor.do_normalize and len(audio):
        audio = (audio - audio.mean()) / np.sqrt(audio.var() + 1e-7)
    return torch.from_numpy(_filled(audio, fewest))


def _parakeet_mel(extractor: Any, audio: Audio) -> Tensor:
    """Return a log-mel spectrogram, each bin of mean 0 and variance 1 over the clip, shape ``(bins, frames)``.

    Frames are 10 ms long; the extractor's last one, which it masks, is left out.
    """
    filled = _filled(audio, 2 * _FEWEST_FRAMES * extractor.hop_length)
    features: Tensor = extractor([filled], sampling_rate=SAMPLE_RATE).input_features[0]
    return features[: len(filled) // extractor.hop_length].T.contiguous()


def _stacked_mel(extractor: Any, audio: Audio) -> Tensor:
    """Return pairs of Kaldi's log-mel frames, normalized as Parakeet's, shape ``(frames, 2 * bins)``, 20 ms each.

    An odd last frame makes a pair with padding, and is left out as padding is.
    """
    made = extractor([_filled(audio, 400 + 2 * _FEWEST_FRAMES * 160)], sampling_rate=SAMPLE_RATE, return_tensors="np")
    frames = int(made["attention_mask"][0].sum())
    return torch.from_numpy(np.ascontiguousarray(made["input_features"][0][:frames], dtype=np.float32))


def frames_per_s(config: Any) -> float:
    """Return how many frames a second of audio has where labels are written, by a model's config."""
    encoder = getattr(config, "encoder_config", None)
    if encoder is not None:
        return 100 / float(encoder.subsampling_factor)
    samples = math.prod(config.conv_stride) if hasattr(config, "conv_stride") else SAMPLE_RATE // 50
    if getattr(config, "add_adapter", False):
        samples *= config.adapter_stride**config.num_adapter_layers
    return SAMPLE_RATE / float(samples)


def _filled(audio: Audio, fewest: int) -> Audio:
    """Return a copy of a clip, with silence at its end if it has too few samples."""
    filled = np.zeros(max(len(audio), fewest), np.float32)
    filled[: len(audio)] = audio
    return filled
