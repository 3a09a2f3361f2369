"""Whisper's log-mel features, computed over what is said and not over the silence that fills the window.

The same numbers as transformers' ``WhisperFeatureExtractor``, which transforms the whole padded window: a frame that
holds only padding has no power, so its value is known without a Fourier transform. A clip of 5 s in a window of 30 s
costs a sixth.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from acento.models.base import Audio

_SILENCE = -10.0
"""log10 of the smallest power that is told from none (1e-10)."""


class LogMel:
    """Makes features for windows of one fixed length."""

    def __init__(self, filters: npt.NDArray[np.floating], *, frames: int, n_fft: int, hop: int) -> None:
        """Take the mel filter bank and the sizes of the model's feature extractor.

        Args:
            filters: mel filters, shape ``(n_fft // 2 + 1, bins)``.
            frames: frames in a window.
            n_fft: samples in a Fourier transform.
            hop: samples from frame to frame.
        """
        self._filters = torch.from_numpy(np.ascontiguousarray(filters.T)).float()
        self._window = torch.hann_window(n_fft)
        self._frames, self._n_fft, self._hop = frames, n_fft, hop

    @torch.inference_mode()
    def __call__(self, windows: Sequence[Audio]) -> Tensor:
        """Return features, float32, shape ``(batch, bins, frames)``, for windows of 16 kHz samples.

        Longer windows are cut to the model's length; shorter ones are filled with silence.
        """
        longest = max(len(window) for window in windows)
        # the last frame that hears anything begins half a transform after the last sample
        samples = min(longest + self._n_fft, self._frames * self._hop)
        padded = np.zeros((len(windows), samples), dtype=np.float32)
        for row, window in zip(padded, windows, strict=True):
            row[: min(len(window), samples)] = window[:samples]
        spectrum = torch.stft(
            torch.from_numpy(padded), self._n_fft, self._hop, window=self._window, return_complex=True
        )
        power = spectrum[..., :-1].abs().square().contiguous()
        heard = (self._filters @ power).clamp(min=1e-10).log10()
        features = torch.full((len(windows), self._filters.shape[0], self._frames), _SILENCE)
        features[..., : heard.shape[-1]] = heard
        loudest = features.amax(dim=(1, 2), keepdim=True)
        return (torch.maximum(features, loudest - 8.0) + 4.0) / 4.0
