"""Whisper's log-mel features, computed over what is said and not over the silence that fills the window.

The same numbers as transformers' ``WhisperFeatureExtractor``, which transforms the whole padded window: a frame that
holds only padding has no power, so its value is known without a Fourier transform. A clip of 5 s in a window of 30 s
costs a sixth.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from acento.core.errors import ModelError
from acento.models.base import Audio

_SILENCE = -10.0
"""log10 of the smallest power that is told from none (1e-10)."""


class LogMel:
    """Makes features for windows of one length."""

    def __init__(self, extractor: Any, bins: int) -> None:
        """Take transformers' ``WhisperFeatureExtractor``, and the mel bins that the model wants.

        Raises:
            ModelError: the extractor makes others.
        """
        check_bins(bins, extractor.feature_size)
        self._filters = torch.from_numpy(np.ascontiguousarray(extractor.mel_filters.T)).float()
        self._window = torch.hann_window(extractor.n_fft)
        self._n_fft, self.hop = extractor.n_fft, extractor.hop_length
        """Samples of a Fourier transform, and from frame to frame."""

    def frames_of(self, samples: int) -> int:
        """Return the frames, an even number, of which a clip leaves the last one silent.

        What that frame holds is what silence is beside this clip: any further frame would hold the same.

        >>> from transformers import WhisperFeatureExtractor
        >>> LogMel(WhisperFeatureExtractor(), 80).frames_of(16_000)
        104
        """
        return 2 * -(-(samples + self._n_fft // 2 + self.hop) // (2 * self.hop))

    @torch.inference_mode()
    def __call__(self, windows: Sequence[Audio], frames: int) -> Tensor:
        """Return features, float32, shape ``(batch, bins, frames)``, for windows of 16 kHz samples.

        Longer windows are cut to so many frames; shorter ones are filled with silence.
        """
        longest = max(len(window) for window in windows)
        # the last frame that hears anything begins half a transform after the last sample
        samples = min(longest + self._n_fft, frames * self.hop)
        padded = np.zeros((len(windows), samples), dtype=np.float32)
        for row, window in zip(padded, windows, strict=True):
            row[: min(len(window), samples)] = window[:samples]
        spectrum = torch.stft(torch.from_numpy(padded), self._n_fft, self.hop, window=self._window, return_complex=True)
        power = spectrum[..., :-1].abs().square().contiguous()
        levels = (self._filters @ power).clamp(min=1e-10).log10()
        features = torch.full((len(windows), self._filters.shape[0], frames), _SILENCE)
        features[..., : levels.shape[-1]] = levels
        loudest = features.amax(dim=(1, 2), keepdim=True)
        return (torch.maximum(features, loudest - 8.0) + 4.0) / 4.0


def check_bins(wanted: int, made: int, file: str = "preprocessor_config.json", what: str = "mel bins") -> None:
    """See that a feature extractor makes as many values a frame as the model wants.

    Raises:
        ModelError: it does not.
    """
    if wanted != made:
        raise ModelError(
            f"The model wants {wanted} {what}, its {file} makes {made}; take that file from the model it was made from."
        )
