"""The base models' training data: neutral synthetic Spanish by the base voices, as audio and text."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from acento.data.demo.sentences import base_sentences
from acento.data.demo.speech import SAMPLE_RATE as SPOKEN_RATE
from acento.data.demo.speech import Voice, base_voice, speak
from examples.demo_models.recipe import SAMPLE_RATE, WINDOW_S

Audio = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]
Featurize = Callable[[Sequence[tuple[Audio, str]]], "list[Clip]"]

_PAIRS: Final = 0.08  # share of clips in which a second, short sentence follows after a pause
_SHORT: Final = 30  # characters of a short sentence
_NOISY: Final = 0.5  # share of clips with noise, at 15 to 40 dB below the speech


@dataclass(frozen=True, slots=True)
class Clip:
    """A training clip: what its model hears of it, time last, and in a window longer than it what follows it."""

    values: npt.NDArray[Any]
    floor: float
    text: str

    @property
    def length(self) -> int:
        """How long it is, in the unit of its values: mel frames or samples."""
        return int(self.values.shape[-1])


def spoken(text: str, voice: Voice) -> Audio:
    """Speech as the models hear it: float32, mono, 16 kHz, between -1 and 1."""
    import soxr

    samples = speak(text, voice).astype(np.float32) / 32768
    return np.asarray(soxr.resample(samples, SPOKEN_RATE, SAMPLE_RATE), dtype=np.float32)


def in_16_bits(audio: Audio) -> npt.NDArray[np.int16]:
    """The same speech as a file would hold it.

    >>> in_16_bits(np.array([-1, 0.1, 1], dtype=np.float32)).tolist()
    [-32767, 3277, 32767]
    """
    return np.asarray((audio * 32767).round(), dtype=np.int16)


def in_floats(samples: npt.NDArray[np.int16]) -> Audio:
    """What `in_16_bits` made, float32 between -1 and 1."""
    return np.divide(samples, 32767, dtype=np.float32)


def degraded(audio: Audio, random: np.random.Generator) -> Audio:
    """The same speech with silence around it, at another level, and sometimes with noise behind it."""
    before, after = random.uniform(0, 0.4, 2)
    padded = np.pad(audio, (int(before * SAMPLE_RATE), int(after * SAMPLE_RATE)))[: WINDOW_S * SAMPLE_RATE]
    if random.random() < _NOISY:
        level = np.sqrt(np.mean(audio**2)) * 10 ** (-random.uniform(15, 40) / 20)
        noise = random.standard_normal(len(padded))
        if random.random() < 0.5:  # darker than white
            noise = np.convolve(noise, np.full(8, 8**-0.5), mode="same")
        padded = padded + level * noise
    return (padded * 10 ** (random.uniform(-12, 3) / 20)).clip(-1, 1).astype(np.float32)


def build(count: int, seed: int, cover: frozenset[str], featurize: Featurize, progress: Progress) -> list[Clip]:
    """Speak and featurize the base sentences; `cover` are words that must occur whatever `count` is."""
    texts = base_sentences(count, cover)
    short = [text for text in texts if len(text) <= _SHORT]
    voices, noise = random.Random(seed), np.random.default_rng(seed)
    clips: list[Clip] = []
    for start in range(0, len(texts), 64):
        clips += featurize([_clip(text, short, voices, noise) for text in texts[start : start + 64]])
        progress(len(clips), len(texts))
    return clips


def _clip(text: str, short: Sequence[str], voices: random.Random, noise: np.random.Generator) -> tuple[Audio, str]:
    voice = base_voice(voices)
    audio = spoken(text, voice)
    if len(text) <= _SHORT + 8 and voices.random() < _PAIRS * 2.5:  # four in ten sentences are that short
        second = voices.choice(short)
        more = spoken(second, voice)
        pause = np.zeros(int(voices.uniform(0.2, 0.7) * SAMPLE_RATE), dtype=np.float32)
        pair = np.concatenate([audio, pause, more])
        if len(pair) < (WINDOW_S - 0.5) * SAMPLE_RATE:
            audio, text = pair, f"{text} {second}"
    return degraded(audio, noise), text


def batches(clips: Sequence[Clip], size: int, seed: int, short_first: int = 0) -> Iterator[Indices]:
    """Batches of clip indices without end: every clip once an epoch, in random order, similar lengths together.

    The first `short_first` batches come from the shortest third: the decoder finds out where to look on those.
    """
    generator = np.random.default_rng(seed)
    by_length = sorted(range(len(clips)), key=lambda index: clips[index].length)
    third = np.array(by_length[: max(size, len(clips) // 3)])
    for _ in range(short_first):
        yield generator.choice(third, size, replace=False)
    while True:
        order = generator.permutation(len(clips))
        epoch: list[Indices] = []
        for start in range(0, len(order), size * 32):
            block = sorted(order[start : start + size * 32], key=lambda index: clips[index].length)
            epoch += [np.array(block[i : i + size]) for i in range(0, len(block), size)]
        for index in generator.permutation(len(epoch)):
            yield epoch[index]
