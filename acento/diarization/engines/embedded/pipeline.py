"""The diarization that needs no account: who speaks in short windows, the voices of those, and their clusters.

A window of 10 s tells at most three speakers apart, and which of them speak at once; who of them is who of the next
window is for the clusters of their voices to say. Of a recording nothing is kept but the speakers of each window.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from acento.core.extras import require
from acento.data.utterance import SAMPLE_RATE
from acento.data.words import Turn
from acento.diarization.activity import Bools, Grid, stitched, turns_of
from acento.diarization.diarizer import OnProgress, Speakers
from acento.diarization.engines.embedded.clustering import Rules, cluster
from acento.diarization.engines.embedded.networks.segmentation import (
    FRAME_STEP,
    FRAME_WIDTH,
    SETS,
    SegmentationNetwork,
    frames_of,
    load_segmentation,
)
from acento.diarization.engines.embedded.presets import Preset, preset_of
from acento.diarization.engines.embedded.vectors import Vector, unit
from acento.diarization.engines.embedded.voices import (
    HOP,
    LEAST_FRAMES,
    Voices,
    features_of,
    frames_where,
    load_voices,
)
from acento.diarization.engines.embedded.weights import SEGMENTATION, find_weights
from acento.diarization.engines.embedded.windows import Window, windows_of
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.checkpoint import ModelSpec

WINDOW = 10 * SAMPLE_RATE
_AT_A_TIME = 16
"""Windows that are segmented together."""


@dataclass(frozen=True, slots=True)
class Local:
    """One of the speakers of a window."""

    window: int
    own: int
    """Which of the window's speakers."""
    alone_s: float
    """Seconds in which nobody else of the window speaks."""
    voice: Vector


@dataclass(frozen=True, slots=True)
class Heard:
    """All that is kept of a recording: 2 KB for each window, and 1 KB for each of its speakers."""

    windows: list[Bools]
    """Who of its own speakers is active in the frames of each."""
    speakers: list[Local]
    seconds: float


class EmbeddedDiarizer:
    """Two networks and a preset."""

    def __init__(self, segmentation: SegmentationNetwork, voices: Voices, preset: Preset) -> None:
        self._segmentation, self._voices, self._preset = segmentation, voices, preset
        self._grid = Grid(FRAME_STEP, FRAME_WIDTH, frames_of(WINDOW), preset.hop)

    def diarize(self, blocks: Iterable[Audio], speakers: Speakers, on_progress: OnProgress) -> list[Turn]:
        """Return the turns of a recording; see :class:`Diarizer`."""
        speakers.check()
        return self.turns(self.hear(blocks, on_progress), speakers, self._preset.rules)

    def hear(self, blocks: Iterable[Audio], on_progress: OnProgress) -> Heard:
        """Return who speaks in each window of a recording, and their voices: all that takes time."""
        active: list[Bools] = []
        found: list[Local] = []
        samples = 0
        for windows, their in self._segmented(blocks):
            for window, its in zip(windows, their, strict=True):
                found += self._local(len(active), window.audio, its)
                active.append(its)
                samples += window.samples
            on_progress(sum(window.samples for window in windows) / SAMPLE_RATE)
        return Heard(active, found, samples / SAMPLE_RATE)

    def turns(self, heard: Heard, speakers: Speakers, rules: Rules) -> list[Turn]:
        """Return the turns of a recording by what was heard in its windows."""
        if not heard.speakers:
            return []
        labels = self._clusters(heard.speakers, speakers, rules)
        who = {(one.window, one.own): int(label) for one, label in zip(heard.speakers, labels, strict=True)}
        spoken = stitched(heard.windows, who, int(labels.max()) + 1, self._grid)
        return turns_of(spoken, self._grid, heard.seconds, self._preset.smoothing)

    def _segmented(self, blocks: Iterable[Audio]) -> Iterator[tuple[Sequence[Window], Sequence[Bools]]]:
        """Yield some windows, and who is active in the frames of each."""
        device = next(self._segmentation.parameters()).device
        waiting: list[Window] = []
        for window in windows_of(blocks, WINDOW, self._preset.hop * FRAME_STEP):
            waiting.append(window)
            if len(waiting) == _AT_A_TIME:
                yield waiting, self._active(waiting, device)
                waiting = []
        if waiting:
            yield waiting, self._active(waiting, device)

    def _active(self, windows: Sequence[Window], device: torch.device) -> Sequence[Bools]:
        with torch.inference_mode():
            audio = torch.from_numpy(np.stack([window.audio for window in windows]))
            return list(SETS[self._segmentation(audio.to(device)).argmax(-1).cpu().numpy()])

    def _local(self, number: int, audio: Audio, active: Bools) -> Iterator[Local]:
        """Yield the speakers of a window with what is heard of each while nobody else speaks, if that is enough."""
        if not active.any():
            return
        features = features_of(audio)
        alone = active & (active.sum(1) == 1)[:, None]
        for own in range(active.shape[1]):
            mask = frames_where(alone[:, own], FRAME_STEP, FRAME_WIDTH, len(features))
            alone_s = float(mask.sum()) * HOP / SAMPLE_RATE
            if alone_s < self._preset.least_alone_s:
                mask = frames_where(active[:, own], FRAME_STEP, FRAME_WIDTH, len(features))
            if mask.sum() >= LEAST_FRAMES:
                yield Local(number, own, alone_s, self._voices.of(features[mask]))

    def _clusters(self, heard: Sequence[Local], speakers: Speakers, rules: Rules) -> npt.NDArray[np.int64]:
        """Return the speaker of each that was heard: by clusters of those that were heard alone for long enough."""
        vectors = np.stack([one.voice for one in heard])
        alone_s = np.array([one.alone_s for one in heard])
        clear = alone_s >= self._preset.least_alone_s
        if not clear.any():
            clear[:], alone_s = True, np.ones(len(heard))
        labels = cluster(vectors[clear], alone_s[clear], speakers, rules)
        sums = np.zeros((labels.max() + 1, vectors.shape[1]))
        np.add.at(sums, labels, vectors[clear] * alone_s[clear, None])
        found = (vectors @ unit(sums).T).argmax(1)
        found[clear] = labels
        return found


def load(model: ModelSpec, options: DecodeOptions) -> EmbeddedDiarizer:
    """Return the engine of a preset.

    Raises:
        InputError: the weights cannot be had, or kaldi-native-fbank is not installed.
    """
    require("diarization", "Diarization")
    folder = find_weights()
    torch.set_num_threads(options.threads)
    segmentation = load_segmentation(folder / SEGMENTATION).to(options.device_type)
    return EmbeddedDiarizer(segmentation, load_voices(options.device_type), preset_of(model.id))
