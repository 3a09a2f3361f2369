"""The voice behind stretches of audio: log-mel features as Kaldi computes them, through CAM++."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch

from acento.core.extras import needed_by
from acento.data.utterance import SAMPLE_RATE
from acento.diarization.engines.embedded.networks.speaker import MELS, SpeakerNetwork, load_speaker
from acento.diarization.engines.embedded.vectors import Vector, unit
from acento.diarization.engines.embedded.weights import SPEAKER, find_weights
from acento.models.base import Audio, DeviceType

HOP = SAMPLE_RATE // 100
"""Samples from one frame of features to the next."""
_WIDTH = SAMPLE_RATE * 25 // 1000
LEAST_FRAMES = 20
"""Fewer say nothing of a voice."""
_LOUDNESS = 0.5
"""The peak that audio is scaled to: what is very quiet would sink below the floor of the logarithm."""

Features = npt.NDArray[np.float32]


def features_of(audio: Audio) -> Features:
    """Return the log-mel energies of audio, (frames, 80), a frame each 10 ms; its loudness does not matter.

    Raises:
        InputError: kaldi-native-fbank is not installed.
    """
    with needed_by("Diarization"):
        import kaldi_native_fbank

    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = SAMPLE_RATE
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = MELS
    computed = kaldi_native_fbank.OnlineFbank(options)
    computed.accept_waveform(SAMPLE_RATE, audio * (_LOUDNESS / max(float(np.abs(audio).max(initial=0)), 1e-5)))
    computed.input_finished()
    count = computed.num_frames_ready
    return np.stack([computed.get_frame(frame) for frame in range(count)]) if count else np.zeros((0, MELS), np.float32)


def coarse_frames(count: int, step: int, width: int, frames: int) -> npt.NDArray[np.int64]:
    """Return for each of ``count`` frames of features the nearest of coarser ones (``step``, ``width`` samples)."""
    middles = np.arange(count) * HOP + _WIDTH / 2
    return np.clip(np.rint((middles - width / 2) / step).astype(np.int64), 0, frames - 1)


class Voices:
    """The speaker network, loaded; threads may share it."""

    def __init__(self, network: SpeakerNetwork) -> None:
        self._network = network

    def of(self, features: Features) -> npt.NDArray[np.float32]:
        """Return the voice behind each stretch of features, (stretches, frames, 80): (stretches, 192)."""
        device = next(self._network.parameters()).device
        with torch.inference_mode():
            centered = torch.from_numpy(features - features.mean(1, keepdims=True))
            return unit(self._network(centered.to(device)).float().cpu().numpy())

    def __call__(self, audio: Audio) -> Vector | None:
        """Return the voice in audio of one person's speech, float32, mono, 16 kHz; None: it is too short."""
        features = features_of(audio)
        return self.of(features[None])[0] if len(features) >= LEAST_FRAMES else None


@lru_cache(2)
def load_voices(device: DeviceType) -> Voices:
    """Return the network with its published weights.

    Raises:
        InputError: the weights cannot be had.
    """
    return Voices(load_speaker(find_weights() / SPEAKER).to(device))
