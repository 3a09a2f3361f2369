"""The diarization that needs no account: who speaks in short windows, the voices of those, and their clusters.

A window of 10 s tells at most three speakers apart, and which of them speak at once; who of them is who of the next
window is for the clusters of their voices to say. Of a recording nothing is kept but the speakers of each window.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import numpy.typing as npt
import torch

from acento.core.extras import require
from acento.data.utterance import SAMPLE_RATE
from acento.data.words import Turn
from acento.diarization.activity import Bools, Grid, Levels, coverage, stitched, turns_of
from acento.diarization.diarizer import OnProgress, Speakers
from acento.diarization.engines.embedded.clustering import Rules, cluster
from acento.diarization.engines.embedded.local import Local, speakers_of
from acento.diarization.engines.embedded.networks.segmentation import (
    FRAME_STEP,
    FRAME_WIDTH,
    SETS,
    SegmentationNetwork,
    frames_of,
    load_segmentation,
)
from acento.diarization.engines.embedded.presets import Preset, preset_of
from acento.diarization.engines.embedded.vectors import unit
from acento.diarization.engines.embedded.voices import Voices, features_of, load_voices
from acento.diarization.engines.embedded.weights import SEGMENTATION, find_weights
from acento.diarization.engines.embedded.windows import Window, windows_of
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.checkpoint import ModelSpec

WINDOW = 10 * SAMPLE_RATE
_AT_A_TIME = 16
"""Windows that are segmented together."""
_AT_LEAST = np.stack([SETS.sum(1) >= count for count in (1, 2)], axis=1)
"""Of each set of speakers whether it has one at least, and two."""


@dataclass(frozen=True, slots=True)
class Heard:
    """All that is kept of a recording: 3 KB for each window, and 1 KB for each of its speakers."""

    windows: list[Bools]
    """Who of its own speakers is active in the frames of each, (frames, speakers)."""
    at_once: list[Levels]
    """How likely it is that somebody, and that two, speak in the frames of each, (frames, 2), of 255."""
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

    def with_preset(self, preset: Preset) -> "EmbeddedDiarizer":
        """Return another one with the same networks."""
        return EmbeddedDiarizer(self._segmentation, self._voices, preset)

    def hear(self, blocks: Iterable[Audio], on_progress: OnProgress) -> Heard:
        """Return who speaks in each window of a recording, and their voices: all that takes time."""
        heard = Heard([], [], [], 0.0)
        samples = 0
        for windows in _batched(windows_of(blocks, WINDOW, self._preset.hop * FRAME_STEP)):
            for window, likely in zip(windows, self._segmented(windows), strict=True):
                active, found = self._local(len(heard.windows), window.audio, SETS[likely.argmax(1)])
                heard.windows.append(active)
                heard.speakers.extend(found)
                heard.at_once.append(np.rint(likely @ _AT_LEAST * 255).astype(np.uint8))
                samples += window.samples
            on_progress(sum(window.samples for window in windows) / SAMPLE_RATE)
        return replace(heard, seconds=samples / SAMPLE_RATE)

    def turns(self, heard: Heard, speakers: Speakers, rules: Rules) -> list[Turn]:
        """Return the turns of a recording by what was heard in its windows."""
        if not heard.speakers:
            return []
        labels = self._clusters(heard, speakers, rules)
        who = {(one.window, one.own): int(label) for one, label in zip(heard.speakers, labels, strict=True)}
        spoken = stitched(heard.windows, heard.at_once, who, int(labels.max()) + 1, self._grid)
        return turns_of(spoken, self._grid, heard.seconds, self._preset.smoothing)

    def _segmented(self, windows: Sequence[Window]) -> npt.NDArray[np.float32]:
        """Return how likely each set of speakers is in each frame, (windows, frames, sets)."""
        with torch.inference_mode():
            audio = torch.from_numpy(np.stack([window.audio for window in windows]))
            device = next(self._segmentation.parameters()).device
            return np.asarray(self._segmentation(audio.to(device)).exp().cpu())

    def _local(self, number: int, audio: Audio, active: Bools) -> tuple[Bools, list[Local]]:
        """Return who speaks in a window, and whose voices can be told."""
        if not active.any():
            return active, []
        preset = self._preset
        return speakers_of(number, features_of(audio), active, self._voices, preset.least_alone_s, preset.division)

    def _clusters(self, heard: Heard, speakers: Speakers, rules: Rules) -> npt.NDArray[np.int64]:
        """Return the speaker of each that was heard: by clusters of those that were heard alone for long enough."""
        vectors = np.stack([one.voice for one in heard.speakers])
        clear = np.array([one.alone_s for one in heard.speakers]) >= self._preset.least_alone_s
        if not clear.any():
            clear[:] = True
        seconds = self._seconds(heard)[clear]
        labels = cluster(vectors[clear], seconds, speakers, rules)
        sums = np.zeros((labels.max() + 1, vectors.shape[1]))
        np.add.at(sums, labels, vectors[clear] * seconds[:, None])
        found = (vectors @ unit(sums).T).argmax(1)
        found[clear] = labels
        return found

    def _seconds(self, heard: Heard) -> npt.NDArray[np.float64]:
        """Return how long each speaker of a window speaks, each second shared by the windows that hear it."""
        shares = FRAME_STEP / SAMPLE_RATE / np.maximum(coverage(len(heard.windows), self._grid), 1)
        starts = [one.window * self._grid.hop for one in heard.speakers]
        return np.array(
            [
                max(1e-3, shares[start : start + self._grid.frames][heard.windows[one.window][:, one.own]].sum())
                for start, one in zip(starts, heard.speakers, strict=True)
            ]
        )


def _batched(windows: Iterable[Window]) -> Iterator[list[Window]]:
    waiting = iter(windows)
    while some := list(islice(waiting, _AT_A_TIME)):
        yield some


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
