"""The embedded engine from audio to turns, with stand-ins of its networks that hear tones: a speaker is a pitch."""

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from acento.core.errors import InputError
from acento.data.words import Turn
from acento.diarization.diarizer import Speakers
from acento.diarization.engines.embedded.local import Local
from acento.diarization.engines.embedded.networks.segmentation import (
    FRAME_STEP,
    FRAME_WIDTH,
    SETS,
    SegmentationNetwork,
    frames_of,
)
from acento.diarization.engines.embedded.networks.speaker import SpeakerNetwork
from acento.diarization.engines.embedded.pipeline import EmbeddedDiarizer, Heard
from acento.diarization.engines.embedded.presets import PRESETS, preset_of
from acento.diarization.engines.embedded.vectors import unit
from acento.diarization.engines.embedded.voices import Features
from acento.models.base import Audio

RATE = 16_000
PITCHES = {"ana": 500, "bo": 1500, "cy": 3500}


class Pitches(nn.Module):
    """Tells which pitches sound in a frame; a window's first one is its speaker 0, wherever it is in the recording."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        windows = audio.unfold(1, FRAME_WIDTH, FRAME_STEP)
        spectrum = torch.fft.rfft(windows - windows.mean(-1, keepdim=True), n=1600).abs()
        there = torch.stack([spectrum[..., pitch // 10] > 10 for pitch in PITCHES.values()], dim=-1).numpy()
        classes = np.zeros(there.shape[:2], int)
        for window, heard in enumerate(there):
            first = np.where(heard.any(0), heard.argmax(0), len(heard))
            own = heard[:, np.argsort(first, kind="stable")]
            classes[window] = (own[:, None] == SETS[None]).all(-1).argmax(-1)
        return torch.from_numpy(np.log(np.eye(len(SETS))[classes] + 1e-6))


class Loudest:
    """A voice is where the spectrum is loudest."""

    def of(self, features: Features) -> np.ndarray:
        levels = features.mean(1)
        return unit(np.exp(levels - levels.max(1, keepdims=True)))


def recording(turns: list[Turn], seconds: float) -> Audio:
    audio, times = np.zeros(round(seconds * RATE), np.float32), np.arange(round(seconds * RATE)) / RATE
    for turn in turns:
        there = (times >= turn.start) & (times < turn.end)
        audio += np.float32(0.1) * there * np.sin(2 * np.pi * PITCHES[turn.speaker] * times).astype(np.float32)
    return audio


def diarize(audio: Audio, speakers: Speakers | None = None, preset: str = "fast", blocks: int = 9) -> list[Turn]:
    diarizer = EmbeddedDiarizer(Pitches(), Loudest(), PRESETS[preset])  # type: ignore[arg-type]
    told: list[float] = []
    turns = diarizer.diarize(iter(np.array_split(audio, blocks)), speakers or Speakers(), told.append)
    assert sum(told) == pytest.approx(len(audio) / RATE)
    return turns


SPOKEN = [
    Turn(0.5, 6, "bo"),
    Turn(7, 14, "ana"),
    Turn(12, 18, "bo"),  # while ana still speaks
    Turn(19, 25, "cy"),
    Turn(26, 30, "ana"),
]


@pytest.mark.parametrize("preset", PRESETS)
def test_turns_come_back_with_their_overlap_whatever_the_blocks(preset: str) -> None:
    audio = recording(SPOKEN, 31)
    turns = diarize(audio, preset=preset)
    names = {"bo": "SPEAKER_00", "ana": "SPEAKER_01", "cy": "SPEAKER_02"}
    assert [turn.speaker for turn in turns] == [names[turn.speaker] for turn in SPOKEN]
    for turn, planted in zip(turns, SPOKEN, strict=True):
        assert turn.start == pytest.approx(planted.start, abs=0.06)
        assert turn.end == pytest.approx(planted.end, abs=0.06)
    assert diarize(audio, preset=preset, blocks=1) == turns


def test_a_number_of_speakers_is_kept() -> None:
    audio = recording(SPOKEN, 31)
    assert len({turn.speaker for turn in diarize(audio, Speakers(count=2))}) == 2
    assert len({turn.speaker for turn in diarize(audio, Speakers(most=1))}) == 1
    with pytest.raises(InputError, match="At least 3 and at most 2"):
        diarize(audio, Speakers(least=3, most=2))


def test_nobody_and_less_than_a_window() -> None:
    assert diarize(np.zeros(0, np.float32)) == []
    assert diarize(np.zeros(25 * RATE, np.float32)) == []
    assert diarize(np.zeros(100, np.float32)) == []
    (turn,) = diarize(recording([Turn(0, 1.5, "cy")], 2))
    assert (turn.start, turn.speaker) == (0.0, "SPEAKER_00")
    assert turn.end == pytest.approx(1.5, abs=0.06)


def test_a_preset_that_is_not_there_is_said() -> None:
    with pytest.raises(InputError, match="no preset 'slow' of diarization; there is accurate and fast"):
        preset_of("slow")


def test_the_networks_have_the_shapes_that_are_published() -> None:
    with torch.inference_mode():
        assert SegmentationNetwork().eval()(torch.zeros(2, 32_000)).shape == (2, frames_of(32_000), 7)
        for frames in (20, 150, 333):
            assert SpeakerNetwork().eval()(torch.randn(2, frames, 80)).shape == (2, 192)
    assert sum(weight.numel() for weight in SpeakerNetwork().parameters()) == pytest.approx(7e6, rel=0.05)
    assert SETS.sum(1).tolist() == [0, 1, 1, 1, 2, 2, 2]


@pytest.mark.slow
def test_four_hours_take_little_memory() -> None:
    """15 people, turn by turn of 6 s: of each window the two that speak in it, as the networks would tell them."""
    grid, windows = PRESETS["accurate"].hop, 14_222
    random = np.random.default_rng(0)
    people = np.linalg.qr(random.standard_normal((192, 15)))[0].T
    tracemalloc.start()
    try:
        active = list(four_hours(windows))
        once = [(np.stack([one.any(1), one.sum(1) > 1], axis=1) * 255).astype(np.uint8) for one in active]
        heard = Heard(active, once, list(voices(windows, people, random)), windows * grid * 270 / RATE)
        diarizer = EmbeddedDiarizer(None, None, PRESETS["accurate"])  # type: ignore[arg-type]
        turns = diarizer.turns(heard, Speakers(), PRESETS["accurate"].rules)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len({turn.speaker for turn in turns}) == 15
    assert 2300 < len(turns) < 2500
    assert peak < 300 * 2**20, f"{peak / 2**20:.0f} MB"


SHIFT = 6
"""Windows of a turn."""


def four_hours(windows: int) -> Iterator[np.ndarray]:
    for number in range(windows):
        active = np.zeros((589, 3), bool)
        end = min(589, (SHIFT - number % SHIFT) * 60)
        active[:end, 0] = True
        active[end : end + SHIFT * 60, 1] = True
        yield active


def voices(windows: int, people: np.ndarray, random: np.random.Generator) -> Iterator[Local]:
    for number in range(windows):
        for own in range(2):
            person = people[(number // SHIFT + own) % len(people)]
            noise = random.standard_normal(192) * 0.03
            yield Local(number, own, 4.0, unit(person + noise).astype(np.float32))
