"""Silero VAD 6 with the weights of its wheel, on many frames at a time.

The network hears 512 samples (32 ms) at a time, with the 64 before them: a short-time spectrum, four convolutions, one
LSTM cell, a logistic output (source: the package ``silero-vad``, whose ``silero_vad.jit`` has the weights, and whose
``tinygrad_model.py`` describes the layers; its ``.safetensors`` are of an older version). Only the LSTM has a memory.
So all that comes before it is computed for hundreds of frames at once, which is several times faster than frame by
frame, and gives the same probabilities.
"""

from functools import cache
from importlib.resources import as_file, files

import torch
from torch import Tensor
from torch.nn import LSTM, Conv1d, Module, ReLU, Sequential
from torch.nn.functional import pad

FRAME = 512
"""Samples for which one probability is given."""
CONTEXT = 64
"""Samples before a frame that the network hears with it."""
_FFT, _HOP, _BINS, _STATE = 256, 128, 129, 128

State = tuple[Tensor, Tensor]


class Silero(Module):  # type: ignore[misc]
    """The network for 16 kHz; see the module."""

    basis: Tensor

    def __init__(self) -> None:
        """Make the layers, without weights."""
        super().__init__()
        self.register_buffer("basis", torch.empty(2 * _BINS, _FFT))
        self.encoder = Sequential(
            *(Conv1d(_BINS, 128, 3, padding=1), ReLU()),
            *(Conv1d(128, 64, 3, stride=2, padding=1), ReLU()),
            *(Conv1d(64, 64, 3, stride=2, padding=1), ReLU()),
            *(Conv1d(64, _STATE, 3, padding=1), ReLU()),
        )
        self.memory = LSTM(_STATE, _STATE)
        self.output = Conv1d(_STATE, 1, 1)

    def forward(self, frames: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Return the probability of speech of each frame, and the memory after the last.

        Args:
            frames: (frames, streams, CONTEXT + FRAME) samples; the frames of a stream follow each other.
            state: the memory after the frames before these; None at the start.

        Returns:
            Probabilities, shape (frames, streams).
        """
        count, streams, _ = frames.shape
        padded = pad(frames.reshape(count * streams, -1), (0, CONTEXT), mode="reflect")
        spectrum = padded.unfold(1, _FFT, _HOP) @ self.basis.T
        magnitudes = torch.hypot(spectrum[..., :_BINS], spectrum[..., _BINS:])
        features = self.encoder(magnitudes.transpose(1, 2))
        hidden, state = self.memory(features.reshape(count, streams, _STATE), state)
        logits = hidden.relu() @ self.output.weight[0] + self.output.bias
        return logits.sigmoid()[..., 0], state


@cache
def silero() -> Silero:
    """Return the network with the weights of the installed package, loaded once."""
    with as_file(files("silero_vad.data").joinpath("silero_vad.jit")) as path:
        published = torch.jit.load(str(path), map_location="cpu").state_dict()
    weights = {own: published[f"_model.{its}"] for own, its in _NAMES.items()}
    weights["basis"] = weights["basis"][:, 0]
    network = Silero().eval()
    network.load_state_dict(weights)
    return network.requires_grad_(False)


_NAMES = {
    "basis": "stft.forward_basis_buffer",
    **{f"encoder.{2 * n}.{kind}": f"encoder.{n}.reparam_conv.{kind}" for n in range(4) for kind in ("weight", "bias")},
    **{f"memory.{name}_l0": f"decoder.rnn.{name}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")},
    **{f"output.{kind}": f"decoder.decoder.2.{kind}" for kind in ("weight", "bias")},
}
"""The names of the weights here, and in the package's model for 16 kHz."""
