"""Sounds in which nobody speaks: silence, noise, hum, tones, and music of chords, a melody and drums."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
Sound = NDArray[np.float32]


def _silence(n: int) -> NDArray[np.float64]:
    return np.zeros(n)


def _dither(n: int) -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(size=n) * 1e-4


def _white(n: int) -> NDArray[np.float64]:
    return np.random.default_rng(1).normal(size=n) * 0.05


def _pink(n: int) -> NDArray[np.float64]:
    """Noise whose power falls by 3 dB an octave."""
    random = np.random.default_rng(2)
    frequencies = np.maximum(np.fft.rfftfreq(n, 1 / RATE), 20)
    spectrum = (random.normal(size=frequencies.size) + 1j * random.normal(size=frequencies.size)) / np.sqrt(frequencies)
    noise = np.fft.irfft(spectrum, n)
    return noise / np.abs(noise).max() * 0.4


def _hum(n: int) -> NDArray[np.float64]:
    t = np.arange(n) / RATE
    return 0.2 * np.sin(2 * np.pi * 50 * t) + 0.1 * np.sin(2 * np.pi * 100 * t) + _dither(n)


def _tones(n: int) -> NDArray[np.float64]:
    """A tone of half a second each second, as a telephone makes them."""
    random, sound, half = np.random.default_rng(3), np.zeros(n), RATE // 2
    for start in range(0, n - half, RATE):
        sound[start : start + half] = 0.3 * np.sin(2 * np.pi * random.uniform(200, 2000) * np.arange(half) / RATE)
    return sound


def _music(n: int) -> NDArray[np.float64]:
    """Four chords in turn, a melody, a bass drum, a snare and a hi-hat, at 120 beats a minute."""
    random, sound, beat = np.random.default_rng(4), np.zeros(n), RATE // 2
    chords = ((220.0, 277.2, 329.6), (196.0, 246.9, 293.7), (174.6, 220.0, 261.6), (196.0, 246.9, 293.7))
    scale = (440.0, 493.9, 554.4, 587.3, 659.3, 740.0, 830.6, 880.0)
    t = np.arange(beat) / RATE
    for number in range(n // beat):
        part = sound[number * beat : (number + 1) * beat]
        for frequency in chords[number // 4 % 4]:
            part += 0.08 * sum(np.sin(2 * np.pi * frequency * h * t) / h for h in (1, 2, 3, 4))
        note = scale[random.integers(len(scale))]
        part += 0.15 * np.exp(-3 * t) * sum(np.sin(2 * np.pi * note * h * t) / h**1.5 for h in (1, 2, 3, 5))
        drum = np.sin(2 * np.pi * 60 * t) * np.exp(-20 * t) * 0.4
        snare = random.normal(size=beat) * np.exp(-25 * t) * 0.2
        part += drum if number % 2 == 0 else snare
        part += 0.05 * np.exp(-60 * t) * random.normal(size=beat)
    return sound * 0.6


_SOUNDS: dict[str, Callable[[int], NDArray[np.float64]]] = {
    "silence": _silence,
    "dither": _dither,
    "white": _white,
    "pink": _pink,
    "hum": _hum,
    "tones": _tones,
    "music": _music,
}
KINDS = tuple(_SOUNDS)


def sound_of(kind: str, seconds: float) -> Sound:
    """Return so many seconds of a kind of sound at 16 kHz."""
    return _SOUNDS[kind](round(seconds * RATE)).astype(np.float32)
