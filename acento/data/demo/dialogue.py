"""Dialogues made of single clips, so that it is known who speaks when: for tests, and to choose thresholds on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from acento.data.utterance import SAMPLE_RATE
from acento.data.words import Turn

Audio = npt.NDArray[np.float32]

_QUIET_DB = 35.0
"""How far below a clip's loudest 10 ms its speech goes."""
_PAUSE = 30
"""Shorter pauses, in frames of 10 ms, are part of a turn."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Audio, float32, mono, 16 kHz, and who speaks when in it."""

    audio: Audio
    turns: tuple[Turn, ...]


def make_dialogue(
    voices: Mapping[str, Sequence[Audio]], seconds: float, seed: int, *, far: bool = False, overlap: float = 0.3
) -> Dialogue:
    """Return a dialogue: people take turns of one clip or two, pause, and fall into each other's words.

    Args:
        voices: clips of each speaker, float32, mono, 16 kHz.
        seconds: how long it is.
        seed: equal ones give equal dialogues.
        far: as if the microphone stood far away: each speaker in a room of their own sound, noise, and little gain.
        overlap: how often somebody begins before the one before has ended.
    """
    random = np.random.default_rng(seed)
    names = sorted(voices)
    shares = random.dirichlet(np.full(len(names), 1.5))
    loudness = {name: 0.05 * 10 ** (random.uniform(-5, 5) / 20) for name in names}
    rooms = {name: _room(random, random.uniform(0.25, 0.6)) for name in names}
    audio = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    turns: list[Turn] = []
    now, last = float(random.uniform(0.3, 2)), ""
    while now < seconds:
        name = names[int(random.choice(len(names), p=shares))]
        if name == last and len(names) > 1 and random.random() < 0.6:
            continue
        for _ in range(1 + int(random.random() < 0.4)):
            clip = voices[name][int(random.integers(len(voices[name])))]
            clip = clip * np.float32(loudness[name] / np.sqrt(np.mean(clip**2) + 1e-9))
            spans = speech_in(clip)
            start = round(now * SAMPLE_RATE)
            if not spans or start >= len(audio):
                break
            heard = _through(clip, rooms[name]) if far else clip
            room = audio[start : start + len(heard)]
            room += heard[: len(room)]
            turns += [
                Turn(round(now + begin, 3), round(min(now + end, seconds), 3), name)
                for begin, end in spans
                if now + begin < seconds
            ]
            now += spans[-1][1] + float(random.uniform(0.1, 0.5))
        last = name
        now += -float(random.uniform(0.2, 1.5)) if random.random() < overlap else float(random.exponential(0.5))
        now = max(now, 0.0)
    return Dialogue(np.clip(_far(audio, random) if far else audio, -1, 1), tuple(sorted(turns)))


def speech_in(clip: Audio) -> list[tuple[float, float]]:
    """Return where a clean clip holds speech, in seconds: where it is not far quieter than at its loudest.

    >>> speech_in(np.repeat(np.float32([0, 0.1, 0]), 16_000))
    [(1.0, 2.0)]
    """
    frames = clip[: len(clip) // 160 * 160].reshape(-1, 160)
    levels = np.sqrt(np.mean(frames**2, axis=1))
    loud = np.flatnonzero(levels > max(levels.max(initial=0) * 10 ** (-_QUIET_DB / 20), 1e-4))
    spans: list[list[int]] = []
    for frame in loud.tolist():
        if spans and frame - spans[-1][1] <= _PAUSE:
            spans[-1][1] = frame + 1
        else:
            spans.append([frame, frame + 1])
    return [(start / 100, end / 100) for start, end in spans if end - start >= 5]


def from_afar(audio: Audio, random: np.random.Generator) -> Audio:
    """Return one person's speech as if the microphone stood far away: with a room's sound, noise, and little gain."""
    return _far(_through(audio, _room(random, random.uniform(0.25, 0.6)))[: len(audio)], random)


def with_noise(audio: Audio, above_db: float, random: np.random.Generator) -> Audio:
    """Return audio with noise so many decibels below it."""
    return _mixed(audio, _noise(len(audio), random), above_db).astype(np.float32)


def _room(random: np.random.Generator, seconds: float) -> npt.NDArray[Any]:
    """Return the answer of a room to a click: the click, and noise that decays by 60 dB in so many seconds."""
    length = round(seconds * SAMPLE_RATE)
    answer = random.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    answer *= random.uniform(0.5, 1.2) / np.sqrt(np.sum(answer**2))
    answer[0] = 1
    return answer


def _through(clip: Audio, room: npt.NDArray[Any]) -> Audio:
    from scipy.signal import fftconvolve

    return fftconvolve(clip, room).astype(np.float32)


def _far(audio: Audio, random: np.random.Generator) -> Audio:
    """Return audio with noise at 8 to 22 dB below it, and up to 25 dB quieter."""
    noise = _noise(len(audio), random)
    noisy = _mixed(audio, noise, random.uniform(8, 22))
    return (noisy * 10 ** (random.uniform(-25, 0) / 20)).astype(np.float32)


def _noise(samples: int, random: np.random.Generator) -> npt.NDArray[Any]:
    """Return noise, more of it low than high."""
    spectrum = np.fft.rfft(random.standard_normal(samples))
    spectrum /= np.maximum(np.arange(len(spectrum)) / len(spectrum) * 20, 1)
    return np.fft.irfft(spectrum, samples)


def _mixed(audio: Audio, noise: npt.NDArray[Any], above_db: float) -> npt.NDArray[Any]:
    """Return audio with noise so many decibels below it."""
    ratio = float(np.mean(audio**2)) / max(float(np.mean(noise**2)), 1e-12)
    return np.asarray(audio + noise * (ratio**0.5 * 10 ** (-above_db / 20)))
