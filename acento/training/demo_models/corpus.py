"""The base models' training data: neutral synthetic Spanish by the base voices, as log-mel features and tokens."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from acento.data.demo.sentences import base_sentences
from acento.data.demo.speech import SAMPLE_RATE as SPOKEN_RATE
from acento.data.demo.speech import Voice, speak
from acento.data.demo.voices import base_voice
from acento.training.demo_models.recipe import SAMPLE_RATE, WINDOW_S

Audio = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]

_PAIRS: Final = 0.08  # share of clips in which a second, short sentence follows after a pause
_SHORT: Final = 30  # characters of a short sentence
_NOISY: Final = 0.5  # share of clips with noise, at 15 to 40 dB below the speech


@dataclass(frozen=True, slots=True)
class Clip:
    """A training clip: `mel` is float16, (80, frames of 10 ms); what follows it in the window is `floor`."""

    mel: npt.NDArray[np.float16]
    floor: float
    text: str


def spoken(text: str, voice: Voice) -> Audio:
    """Speech as the models hear it: float32, mono, 16 kHz, between -1 and 1."""
    import soxr

    samples = speak(text, voice).astype(np.float32) / 32768
    return np.asarray(soxr.resample(samples, SPOKEN_RATE, SAMPLE_RATE), dtype=np.float32)


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


def build(count: int, seed: int, cover: frozenset[str], extractor: Any, progress: Progress) -> list[Clip]:
    """Speak and featurize the base sentences; `cover` are words that must occur whatever `count` is."""
    texts = base_sentences(count, cover)
    short = [text for text in texts if len(text) <= _SHORT]
    voices, noise = random.Random(seed), np.random.default_rng(seed)
    clips: list[Clip] = []
    for start in range(0, len(texts), 64):
        batch = [_clip(text, short, voices, noise) for text in texts[start : start + 64]]
        clips += _featurize(batch, extractor)
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


def _featurize(batch: list[tuple[Audio, str]], extractor: Any) -> list[Clip]:
    features = extractor([audio for audio, _ in batch], sampling_rate=SAMPLE_RATE, return_tensors="np")
    clips = []
    for mel, (audio, text) in zip(features["input_features"], batch, strict=True):
        frames = min(len(audio) // 160 + 4, mel.shape[1])
        clips.append(Clip(mel[:, :frames].astype(np.float16), float(mel[:, -1].min()), text))
    return clips


def batches(clips: Sequence[Clip], size: int, seed: int, short_first: int = 0) -> Iterator[Indices]:
    """Batches of clip indices without end: every clip once an epoch, in random order, similar lengths together.

    The first `short_first` batches come from the shortest third: the decoder finds out where to look on those.
    """
    generator = np.random.default_rng(seed)
    by_length = sorted(range(len(clips)), key=lambda index: clips[index].mel.shape[1])
    third = np.array(by_length[: max(size, len(clips) // 3)])
    for _ in range(short_first):
        yield generator.choice(third, size, replace=False)
    while True:
        order = generator.permutation(len(clips))
        epoch: list[Indices] = []
        for start in range(0, len(order), size * 32):
            block = sorted(order[start : start + size * 32], key=lambda index: clips[index].mel.shape[1])
            epoch += [np.array(block[i : i + size]) for i in range(0, len(block), size)]
        for index in generator.permutation(len(epoch)):
            yield epoch[index]


def collate(
    clips: Sequence[Clip], frames: int | None, random: np.random.Generator, altered: float = 1.0
) -> npt.NDArray[np.float32]:
    """A batch of features, float32 (clips, 80, frames), lightly altered: frequencies stretched as by another
    vocal tract (Jaitly and Hinton 2013), and a band and a moment masked (SpecAugment, Park et al. 2019).

    Without `frames`, the window ends a little after the longest clip. `altered` scales how often either is done.
    """
    longest = max(clip.mel.shape[1] for clip in clips)
    width = frames or min(600, (longest + int(random.integers(0, 50)) + 1) // 2 * 2)
    out = np.empty((len(clips), 80, width), dtype=np.float32)
    for row, clip in zip(out, clips, strict=True):
        row[:] = clip.floor
        mel = clip.mel.astype(np.float32)[:, :width]
        if random.random() < 0.6 * altered:
            position = np.clip(np.arange(80) * random.uniform(0.92, 1.08), 0, 79)
            low = position.astype(np.int64)
            high, share = np.minimum(low + 1, 79), (position - low).astype(np.float32)[:, None]
            mel = mel[low] * (1 - share) + mel[high] * share
        row[:, : mel.shape[1]] = mel
        if random.random() < 0.5 * altered:
            band, first = int(random.integers(1, 9)), int(random.integers(0, 72))
            row[first : first + band] = mel.mean()
            moment, begin = int(random.integers(1, 13)), int(random.integers(0, mel.shape[1]))
            row[:, begin : begin + moment] = mel.mean()
    return out
