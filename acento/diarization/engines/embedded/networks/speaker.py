"""CAM++, a network that turns speech into a vector of its speaker: alike for one voice, unlike for two.

A small 2-D residual front, then densely connected time-delay layers, each gated by the mean of its context, and the
mean and deviation over time (Wang et al. 2023, https://arxiv.org/abs/2303.00332). Names of parameters are those of the
published weights of 3D-Speaker's ``speech_campplus_sv_zh_en_16k-common_advanced``.
"""

from collections import OrderedDict
from pathlib import Path
from typing import Final

import torch
from torch import nn
from torch.nn import functional

from acento.diarization.engines.embedded.networks.state import load_state

DIMENSIONS: Final = 192
"""Of a speaker's vector."""
MELS: Final = 80
_GROWTH: Final = 32
_BOTTLENECK: Final = 128
_BLOCKS: Final = ((12, 1), (24, 2), (16, 2))
"""Layers and dilation of each block."""
_CONTEXT: Final = 100
"""Frames whose mean gates a layer, beside the mean of all."""


class SpeakerNetwork(nn.Module):  # type: ignore[misc]
    """Log-mel frames of somebody's speech to a vector of the voice."""

    def __init__(self) -> None:
        super().__init__()
        self.head = _Front()
        layers: OrderedDict[str, nn.Module] = OrderedDict(tdnn=_Convolution(320, 128, 5, stride=2))
        channels = 128
        for number, (count, dilation) in enumerate(_BLOCKS, 1):
            layers[f"block{number}"] = _Block(channels, count, dilation)
            channels += count * _GROWTH
            layers[f"transit{number}"] = _Transition(channels)
            channels //= 2
        layers["out_nonlinear"] = _normalized(channels)
        layers["stats"] = _Statistics()
        layers["dense"] = _Output(channels * 2)
        self.xvector = nn.Sequential(layers)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return (batch, 192) of (batch, frames, 80): natural logs of mel energies less their mean over time."""
        return self.xvector(self.head(features.transpose(1, 2)))


def load_speaker(path: Path) -> SpeakerNetwork:
    """Return the network with published weights.

    Raises:
        ModelError: the file is another network's.
    """
    return load_state(SpeakerNetwork(), path)


def _normalized(channels: int, *, affine: bool = True, relu: bool = True) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict(batchnorm=nn.BatchNorm1d(channels, affine=affine))
    if relu:
        layers["relu"] = nn.ReLU(inplace=True)
    return nn.Sequential(layers)


class _Residual(nn.Module):  # type: ignore[misc]
    """Two 3 x 3 convolutions beside a short cut; ``stride`` halves the mel axis."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, stride=(stride, 1), padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, channels, 1, stride=(stride, 1), bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        inner = functional.relu(self.bn1(self.conv1(states)))
        return functional.relu(self.bn2(self.conv2(inner)) + self.shortcut(states))


class _Front(nn.Module):  # type: ignore[misc]
    """(batch, 80, frames) to (batch, 320, frames)."""

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.layer1 = nn.Sequential(_Residual(channels, 2), _Residual(channels, 1))
        self.layer2 = nn.Sequential(_Residual(channels, 2), _Residual(channels, 1))
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=(2, 1), padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        states = functional.relu(self.bn1(self.conv1(features.unsqueeze(1))))
        states = functional.relu(self.bn2(self.conv2(self.layer2(self.layer1(states)))))
        return states.flatten(1, 2)


class _Convolution(nn.Module):  # type: ignore[misc]
    """A convolution over time, then normalization."""

    def __init__(self, channels: int, out: int, width: int, stride: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(channels, out, width, stride=stride, padding=width // 2, bias=False)
        self.nonlinear = _normalized(out)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.nonlinear(self.linear(states))


class _Gated(nn.Module):  # type: ignore[misc]
    """A dilated convolution whose channels are gated by the mean of their context ("context-aware masking")."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(_BOTTLENECK, _GROWTH, 3, padding=dilation, dilation=dilation, bias=False)
        self.linear1 = nn.Conv1d(_BOTTLENECK, _BOTTLENECK // 2, 1)
        self.linear2 = nn.Conv1d(_BOTTLENECK // 2, _GROWTH, 1)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        around = functional.avg_pool1d(states, _CONTEXT, _CONTEXT, ceil_mode=True)
        context = states.mean(-1, keepdim=True) + around.repeat_interleave(_CONTEXT, dim=-1)[..., : states.shape[-1]]
        gate = torch.sigmoid(self.linear2(functional.relu(self.linear1(context))))
        return self.linear_local(states) * gate


class _Dense(nn.Module):  # type: ignore[misc]
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = _normalized(channels)
        self.linear1 = nn.Conv1d(channels, _BOTTLENECK, 1, bias=False)
        self.nonlinear2 = _normalized(_BOTTLENECK)
        self.cam_layer = _Gated(dilation)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.cam_layer(self.nonlinear2(self.linear1(self.nonlinear1(states))))


class _Block(nn.Module):  # type: ignore[misc]
    """Each layer sees what all before it made."""

    def __init__(self, channels: int, count: int, dilation: int) -> None:
        super().__init__()
        for number in range(count):
            self.add_module(f"tdnnd{number + 1}", _Dense(channels + number * _GROWTH, dilation))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        for layer in self.children():
            states = torch.cat([states, layer(states)], dim=1)
        return states


class _Transition(nn.Module):  # type: ignore[misc]
    """Halves the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.nonlinear = _normalized(channels)
        self.linear = nn.Conv1d(channels, channels // 2, 1, bias=False)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.linear(self.nonlinear(states))


class _Statistics(nn.Module):  # type: ignore[misc]
    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return torch.cat([states.mean(-1), states.std(-1)], dim=1)


class _Output(nn.Module):  # type: ignore[misc]
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(channels, DIMENSIONS, 1, bias=False)
        self.nonlinear = _normalized(DIMENSIONS, affine=False, relu=False)

    def forward(self, statistics: torch.Tensor) -> torch.Tensor:
        return self.nonlinear(self.linear(statistics.unsqueeze(-1)).squeeze(-1))
